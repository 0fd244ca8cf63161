"""Suggestions for an integration's mapping, from the fields it has, and accepting them."""

from collections.abc import Collection, Mapping

from custommapping.errors import Refused
from custommapping.mapping import columns_of, find_mapping
from custommapping.models import CustomField
from custommapping.suggestions import Suggestion, suggest
from etl.mapping.saving import Saved, save_mapping, seen_version
from integrations.models import Integration


def suggestions(integration: Integration) -> dict[str, Suggestion]:
    """The field that probably means what a column means, for the columns that no field fills."""
    return _suggested(integration, columns_of(find_mapping(integration.tenant_id, integration.pk)))


def accept(integration: Integration, columns: Collection[str] | None, *, version: int, by: str) -> Saved:
    """Saves the mapping with what is suggested for those columns, or with all suggestions, beside what it has.

    Raises Refused where nothing is suggested for one of the columns, and whatever `save_mapping` raises.
    """
    row = find_mapping(integration.tenant_id, integration.pk)
    seen_version(row, version)
    mapped = columns_of(row)
    found = _suggested(integration, mapped)
    missing = [column for column in columns or () if column not in found]
    if missing:
        raise Refused(dict.fromkeys(missing, "nothing is suggested for this column"))
    chosen = {column: found[column].field for column in (found if columns is None else columns)}
    whole = {column: field.external_id for column, field in {**mapped, **chosen}.items()}
    return save_mapping(integration, whole, version=version, by=by)


def _suggested(integration: Integration, mapped: Mapping[str, CustomField]) -> dict[str, Suggestion]:
    fields = CustomField.objects.filter(tenant_id=integration.tenant_id, integration=integration, active=True)
    return suggest(fields, integration.provider_code.suggested_fields, mapped)
