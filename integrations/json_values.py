"""Reading single values of a site's JSON: each getter gives a value of the right type or raises `UnreadableError`.

Getters take the object, the name and the object's own path, so that no path is built unless something is wrong.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from reprlib import Repr
from typing import Any

Json = Mapping[str, Any]

# Ids and counts: no source numbers anything beyond 64 bits, and Python refuses to write the largest integers as text.
MOST = 2**63


class _Short(Repr):
    """Shortened values for messages."""

    def repr_int(self, value: int, level: int) -> str:
        return super().repr_int(value, level) if abs(value) < MOST else "a huge number"


_short = _Short()
_short.maxstring = _short.maxother = 100


class UnreadableError(ValueError):
    """A value that is missing or of a wrong kind. ``path`` says where, ``reason`` names the field and the value."""

    def __init__(self, path: str, value: object, kind: str) -> None:
        self.path, self.value, self.kind = path, value, kind
        found = "is missing" if value is None else f"is {_short.repr(value)}"
        self.reason = f"{path} {found}, not {kind}"
        super().__init__(self.reason)

    def under(self, prefix: str) -> "UnreadableError":
        """The same, seen from the object that holds the one it was found in."""
        return UnreadableError(join(prefix, self.path), self.value, self.kind)


class UnfinishedError(UnreadableError):
    """A part that is not whole, since a call that was to bring the rest of it failed with ``error``."""

    def __init__(self, path: str, error: str) -> None:
        super().__init__(path, error, "whole")
        self.error = error
        self.reason = f"{path} is not whole: {error}"
        self.args = (self.reason,)

    def under(self, prefix: str) -> "UnfinishedError":
        return UnfinishedError(join(prefix, self.path), self.error)


def join(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else path or name


def section(holder: Json, name: str, path: str = "") -> Json:
    """A required object."""
    value = holder.get(name)
    if type(value) is dict:
        return value
    raise UnreadableError(join(path, name), value, "an object")


def listing(holder: Json, name: str, path: str = "") -> list[Any]:
    """A required array."""
    value = holder.get(name)
    if type(value) is list:
        return value
    raise UnreadableError(join(path, name), value, "an array")


def flag(holder: Json, name: str, path: str = "") -> bool:
    """A truth value, False where it is null or not there."""
    value = holder.get(name)
    if value is None or type(value) is bool:
        return bool(value)
    raise UnreadableError(join(path, name), value, "true or false")


def instant(holder: Json, name: str, path: str = "") -> datetime:
    """A required instant in UTC: ISO 8601 with its zone (a colon in the zone or none).

    A time without a zone is refused: sites write some times in the zone of the account that asks.
    """
    value = holder.get(name)
    try:
        if type(value) is str:
            parsed = datetime.fromisoformat(value)
            if parsed.tzinfo is not None:
                return parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise UnreadableError(join(path, name), value, "a date and time with its zone in the years 1 to 9999")


def described(content: object) -> str:
    """What was found instead of the expected, in a few words."""
    if type(content) is dict:
        return f"an object of {', '.join(sorted(content)[:10]) or 'nothing'}"
    return f"of type {type(content).__name__}"
