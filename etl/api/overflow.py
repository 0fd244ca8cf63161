"""Custom fields that no column holds: finding work items by such a value, and showing it."""

from collections.abc import Iterator, Mapping, Sequence
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
    meant = list(_meant(text))
    if _is_common(tenant_id, field_id, meant):
        return _compared(rows, field_id, meant)
    search = """SELECT number, work_items_holding(value, in_list, %s)
        FROM unnest(%s::jsonb[], %s::jsonb[]) WITH ORDINALITY asked(value, in_list, number)"""
    values, lists = ([_json({field_id: value}) for value in some] for some in (meant, [[value] for value in meant]))
    found = fetch(search, [MOST_BY_INDEX + 1, values, lists])
    if len(found) <= MOST_BY_INDEX:
        return rows.filter(pk__in={pk for _, pk in found})
    # Each that is compared with every row costs: of those that no item has none is.
    return _compared(rows, field_id, [meant[number - 1] for number in {number for number, _ in found}])


def _compared(rows: QuerySet[WorkItem], field_id: str, wanted: Sequence[Any]) -> QuerySet[WorkItem]:
    """Those that have one of the values, looked at row by row."""
    return rows.filter(_has_one(field_id, wanted))


def _is_common(tenant_id: int, field_id: str, wanted: Sequence[Any]) -> bool:
    """Whether many of the newest items have one of the values: so many that asking the index would take longer."""
    newest = WorkItem.objects.filter(tenant_id=tenant_id).order_by("-id")[:LOOKED_AT]
    has = newest.annotate(has=_has_one(field_id, wanted)).values_list("has", flat=True)
    return sum(map(bool, has)) > LOOKED_AT * COMMON


def _has_one(field_id: str, values: Sequence[Any]) -> RawSQL:
    """Whether a row has one of the values, alone or in a list.

    The one field is taken out first: to look for each of the values in all fields takes seven times as long.
    """
    wanted = [_json(form) for value in values for form in (value, [value])]
    return RawSQL("(custom_fields_overflow -> %s) @> ANY(%s::jsonb[])", [field_id, wanted], models.BooleanField())


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


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
