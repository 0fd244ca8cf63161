"""Custom fields that no column holds: finding work items by such a value, and showing it."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from django.db.models import Q
from django.db.models.expressions import RawSQL

from custommapping.texts import to_text
from integrations.provider import Provider

# Under which keys a value's own words and ids stand.
_KEYS = ("value", "displayName", "name", "title", "key", "id", "accountId")


def holds(field_id: str, text: str) -> Q:
    """Finds work items whose overflow has that value in that field, by the index on it.

    The text, number or boolean itself; what an option, a person, … is called, or its id; one entry of a list;
    "parent / child"; or what is given as JSON and contained in the value.
    """
    wanted = [{field_id: each} for value in _meant(text) for each in (value, [value])]
    return Q(pk__in=RawSQL("SELECT work_items_holding(%s::jsonb[])", [[orjson.dumps(one).decode() for one in wanted]]))


def _meant(text: str) -> Iterator[Any]:
    """The values that the text may stand for."""
    parsed = _parsed(text)
    simple = [text, parsed] if isinstance(parsed, int | float) else [text]
    yield from simple
    yield from ({key: value} for key in _KEYS for value in simple)
    if isinstance(parsed, dict | list):
        yield parsed
    if " / " in text:
        yield _cascade(text.split(" / "))


def _parsed(text: str) -> Any:
    """The value of the text as JSON; None where it is none that a column could hold."""
    try:
        return None if "\\u0000" in text else orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _cascade(names: list[str]) -> Mapping[str, Any]:
    value: dict[str, Any] = {"value": names[-1]}
    for name in reversed(names[:-1]):
        value = {"value": name, "child": value}
    return value


def readable(overflow: Mapping[str, Any], names: Mapping[str, str], provider: Provider) -> dict[str, dict[str, Any]]:
    """Each value, by its field's source id, with the field's name (None where nobody knows it) and its text.

    The text is the one that a column would have.
    """
    _, texts = provider.custom_values(overflow)
    return {
        field_id: {"name": names.get(field_id), "text": to_text(texts.get(field_id, value)), "raw": value}
        for field_id, value in sorted(overflow.items())
    }
