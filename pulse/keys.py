"""The installation's own keys: made up where none are set, and refused in production where they are not good."""

import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

# Below that, or made of fewer different characters, Django itself warns.
SHORTEST_SECRET = 50
FEWEST_CHARACTERS = 5
# 128 bits, as hexadecimal.
SHORTEST_SHARED_KEY = 32
# What stands in examples, and in what tools make for development.
_EXAMPLES = ("django-insecure-", "changeme", "change-me", "change_me", "example", "secret_key", "secret-key", "your-")
# What docker-compose.yml takes where nothing else is said.
DEVELOPMENT = ("pulse_password", "etl_password", "qdrant_key")


def _kept(path: Path, fresh: str) -> str:
    """The text kept at that path, or the fresh one, written there for its owner alone. Safe when two processes race."""
    try:
        return path.read_text()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(fresh)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text()


def secret_key(home: Path) -> str:
    """Django's secret key of this installation."""
    return _kept(home / "secret_key", secrets.token_urlsafe(64))


def encryption_key(home: Path) -> str:
    """The Fernet key that encrypts the secrets of this installation's integrations."""
    return _kept(home / "encryption_key", Fernet.generate_key().decode())


def refuse_bad(secret_key: str, encryption_keys: Sequence[str], internal_key: str) -> None:
    """Raises ImproperlyConfigured, naming the setting and never the value, where a key is none for production."""
    problems = {
        "SECRET_KEY": _problem(secret_key, SHORTEST_SECRET),
        "PULSE_ENCRYPTION_KEYS": _problem_of(encryption_keys),
        "INTERNAL_AUTH_KEY": _problem(internal_key, SHORTEST_SHARED_KEY) if internal_key else "",
    }
    for name, problem in problems.items():
        if problem:
            raise ImproperlyConfigured(f"{name} {problem}: PULSE_PRODUCTION is true")


def refuse_default(passwords: Mapping[str, str | None]) -> None:
    """The same for what services are entered with, by setting: everybody can read what is taken for development."""
    for name, password in passwords.items():
        if password in DEVELOPMENT:
            raise ImproperlyConfigured(f"{name} holds the password that is for development: PULSE_PRODUCTION is true")


def _problem(key: str, shortest: int) -> str:
    """What is wrong with a key that only has to be hard to guess; empty where nothing is."""
    if any(key.lower().startswith(example) for example in _EXAMPLES):
        return "is an example's: make one at random"
    if len(key) < shortest:
        return f"has {len(key)} characters: use {shortest} or more at random"
    if len(set(key)) < FEWEST_CHARACTERS:
        return f"is made of {len(set(key))} different characters: make one at random"
    return ""


def _problem_of(encryption_keys: Sequence[str]) -> str:
    for number, key in enumerate(encryption_keys, 1):
        try:
            Fernet(key)
        except ValueError:
            return f"holds what is no Fernet key (key {number} of {len(encryption_keys)})"
        if len(set(key)) < FEWEST_CHARACTERS:
            return f"holds an example's key (key {number} of {len(encryption_keys)}): make one at random"
    return ""
