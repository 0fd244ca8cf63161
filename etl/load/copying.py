"""Rows to PostgreSQL's COPY text format, and into a staging table of the session.

Staging tables take their column types from the table they feed, so that a value that does not fit is refused at
the COPY, with the column's name in the error.
"""

import io
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any
from weakref import WeakKeyDictionary

import orjson
from django.db import DataError, connection, transaction

from pulse.postgres.roles import PLATFORM, RUNTIME

Row = Sequence[Any]

_CHUNK_BYTES = 1 << 20

_ready: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()


def _escape(text: str) -> str:
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    if "\t" in text:
        text = text.replace("\t", "\\t")
    if "\n" in text:
        text = text.replace("\n", "\\n")
    return text.replace("\r", "\\r") if "\r" in text else text


def encode(value: Any) -> str:
    """One value as COPY takes it: text, numbers, booleans, dates, lists and dictionaries (as JSON), None."""
    if value is None:
        return "\\N"
    if isinstance(value, str):
        return _escape(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, dict | list | tuple):
        return _escape(_json(value))
    return str(value)


def _json(value: Any) -> str:
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError as error:
        # Nested too deeply: refused like what PostgreSQL itself refuses, it costs its own record and no other.
        raise DataError(f"a value cannot be written as JSON: {error}") from error


def _ready_in_this_session() -> set[str]:
    """The staging tables that this session is known to have."""
    return _ready.setdefault(connection.connection, set())


def _filled(columns: Sequence[str], rows: Sequence[Row]) -> tuple[Sequence[str], Iterable[Row]]:
    """The columns, and what rows have in them, without those that no row fills: an unmapped field is such a one."""
    if not rows:
        return columns, rows
    filled = [(name, values) for name, values in zip(columns, zip(*rows, strict=True), strict=True) if _any_set(values)]
    return [name for name, _ in filled], zip(*(values for _, values in filled), strict=True)


def _any_set(values: Iterable[Any]) -> bool:
    return any(value is not None for value in values)


def stage(table: str, like: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Fills the session's staging table with the rows. Inside a transaction.

    ``like`` is the SELECT whose columns give the types. The table lives as long as the session and empties itself
    at each commit: one made per transaction would bloat the catalogue.
    """
    names, filled = _filled(columns, rows)
    data = "".join(["\t".join(map(encode, row)) + "\n" for row in filled]).encode()
    with connection.cursor() as cursor:
        ready = _ready_in_this_session()
        if table not in ready:
            cursor.execute(f"CREATE TEMP TABLE IF NOT EXISTS {table} ON COMMIT DELETE ROWS AS {like} WITH NO DATA")
            # The next load of the session may run as the other role.
            cursor.execute(f"GRANT ALL ON {table} TO {RUNTIME}, {PLATFORM}")
            # A rollback takes the table away again.
            transaction.on_commit(lambda: ready.add(table))
        cursor.execute(f"DELETE FROM {table}")
        # Called on psycopg2's own cursor, whose errors are to be Django's like those of all other statements.
        with connection.wrap_database_errors:
            cursor.cursor.copy_expert(f"COPY {table} ({', '.join(names)}) FROM STDIN", io.BytesIO(data), _CHUNK_BYTES)
