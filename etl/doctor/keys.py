"""The installation's keys, and whether they can read what was stored with them."""

from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db.models import Model

from etl.doctor.database import bounded
from etl.doctor.results import Found, failed, ok, warning
from etl.sql import fetch
from integrations.encryption import EncryptedJSONField, cipher, encrypted_columns
from pulse.keys import SHORTEST_SECRET

MADE_UP = ("secret_key", "encryption_key")
SHOWN_IDS = 5


def given() -> Found:
    """What can be said of the keys alone. None is ever shown."""
    keys = settings.PULSE_ENCRYPTION_KEYS
    for number, key in enumerate(keys, 1):
        try:
            Fernet(key)
        except ValueError:
            said = f"key {number} of {len(keys)} in PULSE_ENCRYPTION_KEYS is no Fernet key"
            return failed(said, "make one with `python -c 'from cryptography.fernet import Fernet; "
                          "print(Fernet.generate_key().decode())'`")  # fmt: skip
    if len(settings.SECRET_KEY) < SHORTEST_SECRET:
        said = f"SECRET_KEY has {len(settings.SECRET_KEY)} characters"
        return warning(said, f"use {SHORTEST_SECRET} or more at random: it signs sessions")
    readable = [path for path in _files() if path.stat().st_mode & 0o077]
    if readable:
        names = " ".join(map(str, readable))
        return warning(f"others may read {names}", f"run `chmod 600 {names}`")
    return ok(f"{len(keys)} for secrets, one for sessions")


def _files() -> list[Path]:
    return [path for name in MADE_UP if (path := settings.PULSE_HOME / name).exists()]


def stored() -> Found:
    """Whether the keys can read every stored secret."""
    keys = cipher()
    total, unreadable = 0, []
    for model, field in encrypted_columns():
        rows = _rows(model, field)
        total += len(rows)
        if bad := [pk for pk, text in rows if not _reads(keys, text)]:
            unreadable.append(f"{model._meta.db_table} {', '.join(map(str, bad[:SHOWN_IDS]))}")
    if unreadable:
        advice = "add the key that they were stored with at the end of PULSE_ENCRYPTION_KEYS, or give the secrets anew"
        return failed(f"no key reads the secrets of {'; '.join(unreadable)}", advice, unreadable=unreadable)
    return ok(f"all {total} can be read")


def _rows(model: type[Model], field: EncryptedJSONField) -> list[tuple[int, str]]:
    """The encrypted texts, with their rows' ids."""
    names = f"{model._meta.pk.column}, {field.column}"
    with bounded():
        return [(pk, text) for pk, text in fetch(f"SELECT {names} FROM {model._meta.db_table} ORDER BY 1", []) if text]


def _reads(keys: MultiFernet, text: str) -> bool:
    try:
        keys.decrypt(text.encode())
    except InvalidToken:
        return False
    return True
