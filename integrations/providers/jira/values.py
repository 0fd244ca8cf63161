"""Reading single values of Jira's JSON, beside what `integrations.json_values` reads of any site's."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

from integrations.json_values import MOST, Json, UnreadableError, instant, join, listing, section
from integrations.records import NOBODY, Person

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# All of these mean "none" somewhere; "{}" is what an empty development field holds. 0 and False are values.
EMPTY: tuple[object, ...] = (None, "", "{}", "[]", [], {})


def name_of(value: object) -> str:
    """What a record that cannot be read calls itself, '' where it does not say."""
    name = (value.get("id") or value.get("key")) if type(value) is dict else None
    if type(name) is str:
        return name
    return str(name) if type(name) is int and abs(name) < MOST else ""


def identity(holder: Json, name: str, path: str = "") -> str:
    """A required id. Jira writes most as text and some as numbers."""
    value = holder.get(name)
    if type(value) is str and value:
        return value
    if type(value) is int and abs(value) < MOST:
        return str(value)
    raise UnreadableError(join(path, name), value, "an id")


def optional_identity(holder: Json, name: str, path: str = "") -> str | None:
    """An id, None where it is null, empty or not there."""
    value = holder.get(name)
    if type(value) is str:
        return value or None
    return None if value in EMPTY else identity(holder, name, path)


def optional_section(holder: Json, name: str, path: str = "") -> Json:
    """An object, empty where it is null, not there, or empty in another form."""
    value = holder.get(name)
    return {} if value is None or value in EMPTY else section(holder, name, path)


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
    if value is None or (type(value) is int and abs(value) < MOST):
        return value
    raise UnreadableError(join(path, name), value, "a whole number")


def moment(holder: Json, name: str, path: str = "") -> datetime:
    """A required instant in UTC: text with its zone, or epoch milliseconds."""
    value = holder.get(name)
    if type(value) is int:
        with suppress(OverflowError):
            return _EPOCH + timedelta(milliseconds=value)
    return instant(holder, name, path)


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
