"""Which custom field fills which column, and the text that a value becomes there."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from custommapping.models import CUSTOM_FIELD_COLUMNS, MAPPED_COLUMNS, CustomField, CustomFieldMapping
from integrations.models import Integration

# Under which key a value's readable form stands, in the order of preference: a person's ``name`` may be a login.
_NAMES = ("value", "displayName", "name", "title", "key", "id", "accountId")
_DEEPEST = 50
# story_points has 20 digits, 6 of them behind the point, where it is rounded: more would cost the item its row.
_TOO_LARGE = Decimal(10) ** 14 - 1
# Far more digits than a float needs, far fewer than PostgreSQL takes.
_MOST_DIGITS = 400


@dataclass(frozen=True)
class FieldMapping:
    """``columns`` maps a field's source id to the column of ``work_items`` that it fills."""

    columns: Mapping[str, str]


def read_mapping(tenant_id: int, integration_id: int) -> FieldMapping:
    """The integration's mapping; an empty one where there is none."""
    row = CustomFieldMapping.objects.filter(tenant_id=tenant_id, integration_id=integration_id, active=True).first()
    if row is None:
        return FieldMapping({})
    chosen = {_field_id(row, column): column for column in MAPPED_COLUMNS}
    names = dict(CustomField.objects.filter(pk__in=[key for key in chosen if key]).values_list("pk", "external_id"))
    return FieldMapping({names[key]: column for key, column in chosen.items() if key in names})


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


def _field_id(row: CustomFieldMapping, column: str) -> int | None:
    value: int | None = getattr(row, f"{column}_id" if column in CUSTOM_FIELD_COLUMNS else f"{column}_field_id")
    return value


def to_number(value: Any) -> Decimal | None:
    """A number field's value, which may be a float, an integer or a string.

    None where it is no finite number, or too large for the column: null is not 0.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and ("_" in value or len(value) > _MOST_DIGITS):
        return None
    try:
        number = Decimal(value if isinstance(value, int) else str(value).strip())
    except InvalidOperation:
        return None
    fits = number.is_finite() and number.adjusted() > -_MOST_DIGITS and abs(number) < _TOO_LARGE
    return number if fits else None


def to_text(value: Any) -> str | None:
    """The stable text of a field's value.

    Options and people by their name, cascading ones as "parent / child", lists joined by ", ", numbers without a
    trailing ".0", True and False as "true" and "false". None and empty values are None, and so is what is nested
    deeper than anybody would read.
    """
    return _text(value, _DEEPEST)


def _text(value: Any, depth: int) -> str | None:
    if value is None or value == "" or depth == 0:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, list):
        return ", ".join(text for item in value if (text := _text(item, depth - 1))) or None
    if isinstance(value, dict):
        return _named(value, depth - 1)
    # Python refuses to write the largest integers in one go.
    return format(Decimal(value), "f") if isinstance(value, int) else str(value)


def _named(value: Mapping[str, Any], depth: int) -> str | None:
    name = next((text for key in _NAMES if (text := _text(value.get(key), depth))), None)
    child = value.get("child")
    below = _named(child, depth - 1) if name and depth and isinstance(child, dict) else None
    return f"{name} / {below}" if below else name
