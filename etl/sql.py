"""Statements of our own, where Django's query language does not reach: guarded updates and set-based writes."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection

Parameters = Sequence[Any] | Mapping[str, Any]


def execute(sql: str, parameters: Parameters) -> int:
    """Runs one statement; the number of rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)


def fetch(sql: str, parameters: Parameters) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def session_parameters() -> dict[str, Any]:
    """What psycopg2 needs for a session of its own, beside Django's."""
    parameters: dict[str, Any] = connection.get_connection_params()
    # Django's own, which mean nothing to a plain session.
    for name in ("cursor_factory", "context", "assume_role", "isolation_level", "server_side_binding"):
        parameters.pop(name, None)
    return parameters
