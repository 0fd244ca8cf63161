"""What tables and columns mean, said in the database itself, where analysts' tools show it.

Not Django's `db_comment`: for each text that changes its migrations lock the table and set the column's type anew.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar

from django.apps import apps
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

Model = TypeVar("Model", bound=type[models.Model])

ID = "Number of the row, which columns of other tables refer to"
_TABLES: dict[type, str] = {}
_COLUMNS: dict[type, dict[str, str]] = {}
_SAID = """SELECT c.relname, coalesce(a.attname, ''), d.description FROM pg_description d
    JOIN pg_class c ON c.oid = d.objoid AND c.relnamespace = 'public'::regnamespace
    LEFT JOIN pg_attribute a ON a.attrelid = d.objoid AND a.attnum = d.objsubid AND d.objsubid > 0
    WHERE d.classoid = 'pg_class'::regclass"""


def commented(table: str = "", **columns: str) -> Callable[[Model], Model]:
    """Says what a model's table is, and by the names of its fields what its columns are.

    What an abstract model says holds for all that inherit it and say nothing else. Raises KeyError where the model has
    no such field.
    """

    def comment(model: Model) -> Model:
        unknown = columns.keys() - {field.name for field in model._meta.local_fields}
        if unknown:
            raise KeyError(f"{model.__name__} has no field {', '.join(sorted(unknown))}")
        _TABLES[model], _COLUMNS[model] = table, columns
        return model

    return comment


def texts() -> Iterator[tuple[str, str, str]]:
    """(table, column, what it means); the column is empty where it is said of the table."""
    for model in apps.get_models():
        if model in _TABLES:
            yield model._meta.db_table, "", _TABLES[model]
            for field in model._meta.local_concrete_fields:
                yield model._meta.db_table, field.column or "", _meaning(model, field)


def _meaning(model: type[models.Model], field: "models.Field[object, object]") -> str:
    told = (_COLUMNS[base][field.name] for base in model.__mro__ if field.name in _COLUMNS.get(base, ()))
    return next(told, ID if field.auto_created else "")


def say(connection: BaseDatabaseWrapper) -> None:
    """Writes the comments that the database has not, or has otherwise. As the tables' owner."""
    with connection.cursor() as cursor:
        cursor.execute(_SAID)
        said = {(table, column): text for table, column, text in cursor.fetchall()}
        for table, column, text in texts():
            if said.get((table, column), "") != text:
                of = f'COLUMN "{table}"."{column}"' if column else f'TABLE "{table}"'
                cursor.execute(f"COMMENT ON {of} IS %s", [text or None])
