"""Which custom field fills which column, and what an item has in which of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from custommapping.mapping import columns_of, find_mapping
from custommapping.models import CustomField
from custommapping.texts import to_number, to_text
from integrations.models import Integration


@dataclass(frozen=True)
class FieldMapping:
    """``columns`` maps a field's source id to the column of ``work_items`` that it fills."""

    columns: Mapping[str, str]


def read_mapping(tenant_id: int, integration_id: int) -> FieldMapping:
    """The integration's mapping; an empty one where there is none."""
    columns = columns_of(find_mapping(tenant_id, integration_id))
    return FieldMapping({field.external_id: column for column, field in columns.items()})


def sorted_out(
    custom: Mapping[str, Any], texts: Mapping[str, str], fields: FieldMapping
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(values by column, overflow by field id) of an item's custom values: each is in one of the two.

    ``texts`` has the text of those that the source writes in a form of its own.
    """
    if not fields.columns:
        return {}, dict(custom)
    mapped: dict[str, Any] = {}
    overflow: dict[str, Any] = {}
    found: Decimal | str | None
    for field_id, value in custom.items():
        column = fields.columns.get(field_id)
        if column == "story_points":
            found = to_number(value)
        else:
            found = to_text(texts.get(field_id, value)) if column else None
        if column and found is not None:
            mapped[column] = found
        else:
            overflow[field_id] = value
    return mapped, overflow


def fields_by_column(integration: Integration) -> dict[str, str]:
    """Which custom field means what: as the tenant mapped them, else as their kind says where that is certain."""
    mapped = read_mapping(integration.tenant_id, integration.pk).columns
    fields = {column: field for field, column in mapped.items()}
    for column, kinds in integration.provider_code.default_fields.items():
        known = CustomField.objects.filter(
            tenant_id=integration.tenant_id, integration=integration, active=True, schema__custom__in=kinds
        ).order_by("external_id")
        if column not in fields and (field := known.first()):
            fields[column] = field.external_id
    return fields
