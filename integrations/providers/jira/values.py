"""Reading single values of Jira's JSON: each getter gives a value of the right type or raises `UnreadableError`.

Getters take the object, the name and the object's own path, so that no path is built unless something is wrong.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from reprlib import Repr
from typing import Any

from integrations.records import NOBODY, Person

Json = Mapping[str, Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Ids and counts: no source numbers anything beyond 64 bits, and Python refuses to write the largest integers as text.
_MOST = 2**63


# All of these mean "none" somewhere; "{}" is what an empty development field holds. 0 and False are values.
EMPTY: tuple[object, ...] = (None, "", "{}", "[]", [], {})


class _Short(Repr):
    """Shortened values for messages."""

    def repr_int(self, value: int, level: int) -> str:
        return super().repr_int(value, level) if abs(value) < _MOST else "a huge number"


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


def name_of(value: object) -> str:
    """What a record that cannot be read calls itself, '' where it does not say."""
    name = (value.get("id") or value.get("key")) if type(value) is dict else None
    if type(name) is str:
        return name
    return str(name) if type(name) is int and abs(name) < _MOST else ""


def join(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else path or name


def identity(holder: Json, name: str, path: str = "") -> str:
    """A required id. Jira writes most as text and some as numbers."""
    value = holder.get(name)
    if type(value) is str and value:
        return value
    if type(value) is int and abs(value) < _MOST:
        return str(value)
    raise UnreadableError(join(path, name), value, "an id")


def optional_identity(holder: Json, name: str, path: str = "") -> str | None:
    """An id, None where it is null, empty or not there."""
    value = holder.get(name)
    if type(value) is str:
        return value or None
    return None if value in EMPTY else identity(holder, name, path)


def section(holder: Json, name: str, path: str = "") -> Json:
    """A required object."""
    value = holder.get(name)
    if type(value) is dict:
        return value
    raise UnreadableError(join(path, name), value, "an object")


def optional_section(holder: Json, name: str, path: str = "") -> Json:
    """An object, empty where it is null, not there, or empty in another form."""
    value = holder.get(name)
    return {} if value is None or value in EMPTY else section(holder, name, path)


def listing(holder: Json, name: str, path: str = "") -> list[Any]:
    """A required array."""
    value = holder.get(name)
    if type(value) is list:
        return value
    raise UnreadableError(join(path, name), value, "an array")


def optional_listing(holder: Json, name: str, path: str = "") -> list[Any]:
    """An array, empty where it is null, not there, or empty in another form."""
    value = holder.get(name)
    return [] if value is None or value in EMPTY else listing(holder, name, path)


def text(holder: Json, name: str, path: str = "") -> str | None:
    """A text, None where it is null, not there, or empty in a form that is no text."""
    value = holder.get(name)
    if value is None or type(value) is str:
        return value
    if value in EMPTY:
        return None
    raise UnreadableError(join(path, name), value, "text")


def number(holder: Json, name: str, path: str = "") -> int | None:
    value = holder.get(name)
    if value is None or (type(value) is int and abs(value) < _MOST):
        return value
    raise UnreadableError(join(path, name), value, "a whole number")


def flag(holder: Json, name: str, path: str = "") -> bool:
    """A truth value, False where it is null or not there."""
    value = holder.get(name)
    if value is None or type(value) is bool:
        return bool(value)
    raise UnreadableError(join(path, name), value, "true or false")


def moment(holder: Json, name: str, path: str = "") -> datetime:
    """A required instant in UTC: ISO 8601 with its zone (a colon in the zone or none), or epoch milliseconds.

    A time without a zone is refused: Jira writes times in the zone of the account that asks, so it cannot be guessed.
    """
    value = holder.get(name)
    try:
        if type(value) is str:
            parsed = datetime.fromisoformat(value)
            if parsed.tzinfo is not None:
                return parsed.astimezone(UTC)
        elif type(value) is int:
            return _EPOCH + timedelta(milliseconds=value)
    except (ValueError, OverflowError):
        pass
    raise UnreadableError(join(path, name), value, "a date and time with its zone in the years 1 to 9999")


def optional_moment(holder: Json, name: str, path: str = "") -> datetime | None:
    return None if holder.get(name) in EMPTY else moment(holder, name, path)


def optional_day(holder: Json, name: str, path: str = "") -> date | None:
    value: Any = holder.get(name)
    if value in EMPTY:
        return None
    try:
        return date.fromisoformat(value)
    except (ValueError, TypeError):
        raise UnreadableError(join(path, name), value, "a date in the years 1 to 9999") from None


def person(holder: Json, name: str, path: str = "") -> Person:
    """Who a field names. Cloud gives ``accountId``, Data Center ``key`` and ``name``; a history may name nobody."""
    user = holder.get(name)
    if user is None or user in EMPTY:
        return NOBODY
    if type(user) is not dict:
        raise UnreadableError(join(path, name), user, "an object")
    account_id = user.get("accountId") or user.get("key")
    shown = user.get("displayName") or user.get("name")
    return Person(account_id if type(account_id) is str else None, shown if type(shown) is str else None)
