"""The text, and the number, that a custom field's value becomes in a column. docs/custom-fields.md has the table.

A form that only one kind of site writes is read by its provider (`Provider.custom_values`) before it comes here.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any

# Under which key a value's readable form stands, in the order of preference: a person's ``name`` may be a login.
_NAMES = ("value", "displayName", "name", "title", "key", "id", "accountId")
_DEEPEST = 50
# story_points has 20 digits, 6 of them behind the point, where it is rounded: more would cost the item its row.
_TOO_LARGE = Decimal(10) ** 14 - 1
# Far more digits than a float needs, far fewer than PostgreSQL takes.
_MOST_DIGITS = 400
# An instant with its zone and nothing else, as sites write date-times: "2024-12-31T10:00:00.000+0100".
_instant = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)", re.ASCII)
_SHORTEST_INSTANT = len("2024-12-31T09:00:00Z")
_LONGEST_INSTANT = len("2024-12-31T09:00:00.123456789+01:00")


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
    trailing ".0" and without an exponent, instants in UTC to the second, True and False as "true" and "false". None,
    empty and blank values are None, and so is what is nested deeper than anybody would read.
    """
    return _text(value, _DEEPEST)


def _text(value: Any, depth: int) -> str | None:
    if value is None or depth == 0:
        return None
    if isinstance(value, str):
        return _of_text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(text for item in value if (text := _text(item, depth - 1))) or None
    if isinstance(value, dict):
        return _named(value, depth - 1)
    return _of_number(value) if isinstance(value, int | float) else str(value)


def _of_text(value: str) -> str | None:
    if _SHORTEST_INSTANT <= len(value) <= _LONGEST_INSTANT and _instant.fullmatch(value):
        return _utc(value)
    return None if value.isspace() else value or None


def _utc(value: str) -> str:
    """The same instant in UTC, cut to the second; what no calendar has stays as it is written."""
    try:
        moment = datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        return value
    return moment.replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def _of_number(value: float) -> str:
    # Python refuses to write the largest integers in one go.
    if isinstance(value, int):
        return format(Decimal(value), "f")
    if not isfinite(value):
        return str(value)
    text = format(Decimal(repr(value)), "f").removesuffix(".0")
    return "0" if text == "-0" else text


def _named(value: Mapping[str, Any], depth: int) -> str | None:
    name = next((text for key in _NAMES if (text := _text(value.get(key), depth))), None)
    child = value.get("child")
    below = _named(child, depth - 1) if name and depth and isinstance(child, dict) else None
    return f"{name} / {below}" if below else name
