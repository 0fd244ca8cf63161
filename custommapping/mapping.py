"""Which custom field fills which column: reading a mapping, and checking one that somebody wants to save."""

from collections.abc import Collection, Mapping

from custommapping.errors import Refused
from custommapping.fitting import misfit
from custommapping.models import CUSTOM_FIELD_COLUMNS, MAPPED_COLUMNS, CustomField, CustomFieldMapping
from integrations.models import Integration

_ALL = f"team, code_changed, story_points and {CUSTOM_FIELD_COLUMNS[0]} to {CUSTOM_FIELD_COLUMNS[-1]}"
_SHOWN = 100


def reference(column: str) -> str:
    """The name of the foreign key in ``custom_fields_mapping`` for a column of ``work_items``."""
    return column if column in CUSTOM_FIELD_COLUMNS else f"{column}_field"


def find_mapping(tenant_id: int, integration_id: int) -> CustomFieldMapping | None:
    """The integration's row, also one that is inactive: whoever saves goes on from its version."""
    return CustomFieldMapping.objects.filter(tenant_id=tenant_id, integration_id=integration_id).first()


def _of(integration: Integration) -> dict[str, int]:
    return {"tenant_id": integration.tenant_id, "integration_id": integration.pk}


def columns_of(row: CustomFieldMapping | None) -> dict[str, CustomField]:
    """The mapped columns, in their order, with the fields that fill them; none where there is no active mapping."""
    if row is None or not row.active:
        return {}
    chosen = {column: getattr(row, f"{reference(column)}_id") for column in MAPPED_COLUMNS}
    fields = CustomField.objects.in_bulk([key for key in chosen.values() if key])
    return {column: fields[key] for column, key in chosen.items() if key}


def checked(integration: Integration, columns: Mapping[str, str | None]) -> dict[str, CustomField]:
    """The fields that are to fill columns, by column, from the fields' source ids; None and '' leave a column empty.

    Raises Refused with all that is wrong: a column that does not exist, a field that the integration does not have, one
    that fills two columns, an inactive one that was not mapped before, and one that does not fit its column.
    """
    wanted = {column: str(field) for column, field in columns.items() if field}
    # All of them: what was asked for may be no text that PostgreSQL would compare.
    known = {field.external_id: field for field in CustomField.objects.filter(**_of(integration))}
    mapped = {field.pk for field in columns_of(find_mapping(**_of(integration))).values()}
    errors = {
        column: f"there is no column {column[:_SHOWN]!r}; there are {_ALL}"
        for column in columns
        if column not in MAPPED_COLUMNS
    }
    chosen = {column: known[wanted[column]] for column in MAPPED_COLUMNS if wanted.get(column) in known}
    errors |= {
        column: f"integration {integration.name} has no custom field {wanted[column][:_SHOWN]!r}"
        for column in MAPPED_COLUMNS
        if column in wanted and column not in chosen
    }
    errors |= {column: reason for column in chosen if (reason := _refusal(column, chosen, mapped))}
    if errors:
        raise Refused(errors)
    return chosen


def _refusal(column: str, chosen: Mapping[str, CustomField], mapped: Collection[int]) -> str | None:
    """Why the field cannot be chosen for the column, beside the others that are chosen."""
    field = chosen[column]
    others = [other for other, its_field in chosen.items() if its_field == field and other != column]
    if others:
        return f"field {field.external_id} ({field.name}) fills {', '.join(others)} too: it can fill one column"
    if not field.active and field.pk not in mapped:
        return f"field {field.external_id} ({field.name}) is inactive: the site does not list it any more"
    return misfit(column, field)
