"""Reading single values of GitHub's GraphQL answers: ids, people, counts.

Nearly everything may be null: an account, a fork or a branch that was deleted, a review that was not sent. A field that
is missing counts as null: older Enterprise Servers do not have all of them.
"""

import re
from datetime import datetime
from typing import Any

from integrations.json_values import MOST, Json, UnreadableError, instant, join, listing, section
from integrations.records import NOBODY, Person

_NUMBER = re.compile(r"[1-9][0-9]{0,19}")
_BOT_SUFFIX = "[bot]"
_BOT_ADDRESS = "[bot]@users.noreply."
# Git takes any text for a name or an address, where mail allows 254 bytes: what is longer is no address.
_LONGEST_NAME = 255
_LONGEST_ADDRESS = 320


def id_of(holder: Json, path: str = "") -> str:
    """What a record goes by: its number, and the node id, which everything has, of one that GitHub gives no number."""
    return _database_id(holder, path) or required_text(holder, "id", path)


def _database_id(holder: Json, path: str) -> str | None:
    """As text since it may have 64 bits: ``fullDatabaseId``, or ``databaseId`` where that is null; None without."""
    for name in ("fullDatabaseId", "databaseId"):
        value = holder.get(name)
        if value is None:
            continue
        # As a number it has passed through a parser, which keeps only what has 64 bits.
        written = str(value) if type(value) is int and abs(value) < 2 * MOST else value
        if type(written) is str and _NUMBER.fullmatch(written):
            return written
        raise UnreadableError(join(path, name), value, "an id")
    return None


def name_of(value: object) -> str:
    """The id that a record that cannot be read calls itself, '' where it does not say."""
    try:
        return id_of(value) if type(value) is dict else ""
    except UnreadableError:
        return ""


def optional_section(holder: Json, name: str, path: str = "") -> Json:
    """An object, empty where it is null or not there."""
    return {} if holder.get(name) is None else section(holder, name, path)


def optional_listing(holder: Json, name: str, path: str = "") -> list[Any]:
    return [] if holder.get(name) is None else listing(holder, name, path)


def text(holder: Json, name: str, path: str = "") -> str | None:
    """A text, None where it is null, empty or not there."""
    value = holder.get(name)
    if value is None or type(value) is str:
        return value or None
    raise UnreadableError(join(path, name), value, "text")


def text_of(value: object) -> str:
    """The text, '' where it is none, for where it is refused later or not at all."""
    return value if type(value) is str else ""


def required_text(holder: Json, name: str, path: str = "") -> str:
    value = text(holder, name, path)
    if value is None:
        raise UnreadableError(join(path, name), holder.get(name), "text")
    return value


def optional_instant(holder: Json, name: str, path: str = "") -> datetime | None:
    return None if holder.get(name) is None else instant(holder, name, path)


def optional_flag(holder: Json, name: str, path: str = "") -> bool | None:
    value = holder.get(name)
    if value is None or type(value) is bool:
        return value
    raise UnreadableError(join(path, name), value, "true or false")


def count(holder: Json, name: str, path: str = "", most: int = MOST - 1) -> int | None:
    """A whole number that counts something, or a line of a file; None where it is null or not there."""
    value = holder.get(name)
    if value is None or (type(value) is int and 0 <= value <= most):
        return value
    raise UnreadableError(join(path, name), value, f"a whole number from 0 to {most}")


def actor(holder: Json, name: str) -> tuple[Person, bool]:
    """(who acted, whether that is a bot). Null where the account is gone: then nobody is named, nor a "ghost"."""
    found = optional_section(holder, name)
    login = text(found, "login", name)
    person = Person(_without_suffix(login), _short_name(text(found, "name", name)))
    return person if person != NOBODY else NOBODY, found.get("__typename") == "Bot" or _is_bot(login)


def git_actor(holder: Json, name: str, path: str = "") -> tuple[Person, str | None, bool]:
    """(who wrote a commit, the e-mail address in it, whether that is a bot).

    An account is known only where the address is one of its own; the name is what git was told.
    """
    where = join(path, name)
    found = optional_section(holder, name, path)
    login = text(optional_section(found, "user", where), "login", f"{where}.user")
    called, address = text(found, "name", where), text(found, "email", where)
    is_bot = _is_bot(login) or _is_bot(called) or _BOT_ADDRESS in (address or "")
    person = Person(_without_suffix(login), _short_name(_without_suffix(called)))
    return person, address if len(address or "") <= _LONGEST_ADDRESS else None, is_bot


def _is_bot(name: str | None) -> bool:
    return name is not None and name.endswith(_BOT_SUFFIX)


def _without_suffix(name: str | None) -> str | None:
    """GraphQL calls it 'dependabot'; REST, git and some answers 'dependabot[bot]': it is one and the same."""
    return (name.removesuffix(_BOT_SUFFIX) or None) if name else None


def _short_name(name: str | None) -> str | None:
    return name[:_LONGEST_NAME] if name else None
