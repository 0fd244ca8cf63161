"""Custom fields that no column holds: finding work items by such a value, and showing it."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from django.db import models
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from custommapping.texts import to_text
from etl.models import WorkItem
from etl.sql import fetch
from integrations.provider import Provider

# So many of the newest items tell how common a value is, and from which share of them on it is.
LOOKED_AT, COMMON = 300, 0.03
# Where there are more, one of them is met soon in any order.
MOST_BY_INDEX = 4000
# Under which keys a value's own words and ids stand.
_KEYS = ("value", "displayName", "name", "title", "key", "id", "accountId")


def holding(rows: QuerySet[WorkItem], tenant_id: int, field_id: str, text: str) -> QuerySet[WorkItem]:
    """Those of the tenant's whose overflow has that value in that field. Asks the index on it, in the tenant's scope.

    The text, number or boolean itself; what an option, a person, … is called, or its id; one entry of a list;
    "parent / child"; or what is given as JSON and contained in the value.
    """
    meant = [(_as_json(field_id, value), _as_json(field_id, [value])) for value in _meant(text)]
    everything = [text for pair in meant for text in pair]
    if _is_common(tenant_id, everything):
        return _compared(rows, everything)
    search = """SELECT number, work_items_holding(value, in_list, %s)
        FROM unnest(%s::jsonb[], %s::jsonb[]) WITH ORDINALITY asked(value, in_list, number)"""
    found = fetch(search, [MOST_BY_INDEX + 1, [value for value, _ in meant], [in_list for _, in_list in meant]])
    if len(found) <= MOST_BY_INDEX:
        return rows.filter(pk__in={pk for _, pk in found})
    # Each that is compared with every row costs: of those that no item has none is.
    return _compared(rows, [text for number in {number for number, _ in found} for text in meant[number - 1]])


def _compared(rows: QuerySet[WorkItem], wanted: list[str]) -> QuerySet[WorkItem]:
    """Those that have one of the values, looked at row by row."""
    return rows.filter(RawSQL("custom_fields_overflow @> ANY(%s::jsonb[])", [wanted], models.BooleanField()))


def _is_common(tenant_id: int, wanted: list[str]) -> bool:
    """Whether many of the newest items have one of the values: so many that asking the index would take longer."""
    newest = """SELECT count(*) FILTER (WHERE custom_fields_overflow @> ANY(%s::jsonb[]))
        FROM (SELECT custom_fields_overflow FROM work_items WHERE tenant_id = %s ORDER BY id DESC LIMIT %s) newest"""
    ((number,),) = fetch(newest, [wanted, tenant_id, LOOKED_AT])
    return bool(number > LOOKED_AT * COMMON)


def _as_json(field_id: str, value: Any) -> str:
    return orjson.dumps({field_id: value}).decode()


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
