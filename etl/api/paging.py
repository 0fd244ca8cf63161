"""Lists in keyset pages: ``{"results": […], "next": cursor or null}``; the cursor is given back as ``?cursor=``.

Nothing is counted and nothing skipped: the thousandth page costs what the first does.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from django.core import signing
from django.db.models import F, Func, Model, Q, QuerySet, TextField, Value
from django.db.models.lookups import GreaterThan, LessThan
from rest_framework.exceptions import ValidationError

from etl.api.forms import shown

M = TypeVar("M", bound=Model)


def page(
    rows: QuerySet[M], keys: Sequence[str], given: Mapping[str, Any], to_json: Callable[[Sequence[M]], Any]
) -> dict[str, Any]:
    """The page that a `PageForm` asks for, in the order of the keys: columns that are never null, together unique.

    A key with "-" before it is descending. Raises ValidationError, which names a cursor that is not of this list.
    """
    found = list(following(rows, keys, given)[: given["limit"] + 1])
    shown_rows = found[: given["limit"]]
    more = len(found) > len(shown_rows)
    return {"results": to_json(shown_rows), "next": _cursor(shown_rows[-1], keys, _salt(rows, keys)) if more else None}


def following(rows: QuerySet[M], keys: Sequence[str], given: Mapping[str, Any]) -> QuerySet[M]:
    """The rows, in the order of the keys, from where the page that a `PageForm` asks for begins.

    Raises ValidationError, which names a cursor that is not of this list.
    """
    if cursor := given.get("cursor"):
        rows = rows.filter(_after(keys, _read(cursor, _salt(rows, keys))))
    return rows.order_by(*keys)


def _salt(rows: QuerySet[M], keys: Sequence[str]) -> str:
    return f"page of {rows.model._meta.label} by {' '.join(keys)}"


def _cursor(row: Model, keys: Sequence[str], salt: str) -> str:
    # Signed: so what comes back is what a column held, and no check of types and lengths is needed.
    return signing.dumps([_plain(getattr(row, key.lstrip("-"))) for key in keys], salt=salt)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _read(cursor: str, salt: str) -> list[Any]:
    try:
        values: list[Any] = signing.loads(cursor, salt=salt)
    except signing.BadSignature as error:
        raise ValidationError({"cursor": [f"{shown(cursor)}: is no cursor of this list"]}) from error
    return values


def _after(keys: Sequence[str], values: Sequence[Any]) -> Any:
    """What stands behind a row with those values."""
    names = [key.lstrip("-") for key in keys]
    descending = {key.startswith("-") for key in keys}
    if len(descending) > 1:
        return _one_by_one(keys, values)
    past, not_before = (LessThan, "lte") if True in descending else (GreaterThan, "gte")
    # Said once more of the first: where the others are another table's, an index on it is entered by it.
    return Q(past(*_rows(names, values))) & Q(**{f"{names[0]}__{not_before}": values[0]})


def _rows(names: Sequence[str], values: Sequence[Any]) -> tuple[Func, Func]:
    """Both as rows of SQL, which compares them as an index does that has these columns."""
    columns, known = [F(name) for name in names], [Value(value) for value in values]
    return Func(*columns, function="ROW", output_field=TextField()), Func(
        *known, function="ROW", output_field=TextField()
    )


def _one_by_one(keys: Sequence[str], values: Sequence[Any]) -> Q:
    """The same where some keys descend and others do not."""
    names = [key.lstrip("-") for key in keys]
    past = ["lt" if key.startswith("-") else "gt" for key in keys]
    behind = Q()
    for number, name in enumerate(names):
        same = dict(zip(names[:number], values[:number], strict=True))
        behind |= Q(**same, **{f"{name}__{past[number]}": values[number]})
    # Said once more of the first key alone: an index is entered by it.
    return Q(**{f"{names[0]}__{past[0]}e": values[0]}) & behind
