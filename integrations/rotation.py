"""Encrypting anew, with the first key, what is stored under older ones."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import connection, transaction

from integrations.encryption import cipher, encrypted_columns

CHUNK = 500


@dataclass
class Rotated:
    """What became of a column's secrets: so many in all, ``outdated`` under older keys, ``rotated`` of these.

    ``unreadable`` are the ids of rows that no key reads.
    """

    table: str
    total: int = 0
    outdated: int = 0
    rotated: int = 0
    unreadable: list[int] = field(default_factory=list)

    @property
    def needs_older_keys(self) -> bool:
        return self.outdated > self.rotated or bool(self.unreadable)


def rotate(*, dry_run: bool = False, chunk: int = CHUNK) -> list[Rotated]:
    """Has every secret encrypted with the first key, column by column; with ``dry_run`` it only counts.

    Each row is a transaction of its own, and what the first key reads is left alone: it may be ended at any time, and
    begun again. Nobody else's change is overwritten, and no row's ``last_updated_at`` moves, since nothing was changed
    that a person has said.
    """
    found = []
    for model, column in encrypted_columns():
        names = str(model._meta.pk.column), str(column.column)
        found.append(_rotated(model._meta.db_table, *names, dry_run=dry_run, chunk=chunk))
    return found


def _rotated(table: str, key: str, column: str, *, dry_run: bool, chunk: int) -> Rotated:
    first, all_keys = Fernet(settings.PULSE_ENCRYPTION_KEYS[0]), cipher()
    found = Rotated(table)
    for pk, text in _texts(table, key, column, chunk):
        found.total += 1
        if _reads(first, text):
            continue
        if not _reads(all_keys, text):
            found.unreadable.append(pk)
            continue
        found.outdated += 1
        if not dry_run:
            _rotate_row(table, key, column, pk, all_keys)
            found.rotated += 1
    return found


def _texts(table: str, key: str, column: str, chunk: int) -> Iterator[tuple[int, str]]:
    """Rows' ids and encrypted texts, so many in memory at a time."""
    after, sql = 0, f"SELECT {key}, {column} FROM {table} WHERE {key} > %s AND {column} <> '' ORDER BY {key} LIMIT %s"
    while True:
        with connection.cursor() as cursor:
            cursor.execute(sql, [after, chunk])
            rows = cursor.fetchall()
        yield from rows
        if len(rows) < chunk:
            return
        after = rows[-1][0]


def _rotate_row(table: str, key: str, column: str, pk: int, keys: MultiFernet) -> None:
    """As it stands now: somebody may have given another secret since it was looked at, or deleted the row."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {table} WHERE {key} = %s FOR NO KEY UPDATE", [pk])
        for (text,) in cursor.fetchall():
            cursor.execute(f"UPDATE {table} SET {column} = %s WHERE {key} = %s", [_anew(keys, text), pk])


def _anew(keys: MultiFernet, text: str) -> str:
    return keys.rotate(text.encode()).decode()


def _reads(keys: Fernet | MultiFernet, text: str) -> bool:
    try:
        keys.decrypt(text.encode())
    except InvalidToken:
        return False
    return True
