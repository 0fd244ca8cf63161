"""Which repositories are to be read: settings ``organization``, ``repositories`` and ``exclude_repositories``.

Entries are 'owner/name', or 'name' of one in the organisation, in any case and with the wildcards of the shell. Where
there are ``repositories``, only those are read, and of the organisation too.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from integrations.errors import Permanent
from integrations.provider import Connection

_LOGIN = re.compile(r"[\w-]{1,100}", re.ASCII)
_ENTRY = re.compile(r"([\w*?\[\]!-]+/)?[\w.*?\[\]!-]+", re.ASCII)
_WILDCARD = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Scope:
    """``organizations`` are logins; ``wanted`` are entries that each have an owner without wildcards."""

    organizations: tuple[str, ...]
    wanted: tuple[str, ...]
    excluded: tuple[str, ...]

    def owners(self) -> list[str]:
        """The logins of whom all repositories are to be listed, each once."""
        found = [owner_of(entry) for entry in self.wanted if _WILDCARD.search(entry)]
        return _distinct(found if self.wanted else self.organizations)

    def names(self) -> list[str]:
        """'owner/name' of those that are to be asked for one by one, each once: of owners that are not listed."""
        listed = {login.casefold() for login in self.owners()}
        return _distinct([entry for entry in self.wanted if owner_of(entry).casefold() not in listed])

    def entries_of(self, login: str) -> list[str]:
        return [entry for entry in self.wanted if owner_of(entry).casefold() == login.casefold()]

    def holds(self, full_name: str) -> bool:
        """Whether a repository is to be read, by its 'owner/name'."""
        entries = self.wanted or [f"{login}/*" for login in self.organizations]
        return _any(full_name, entries) and not _any(full_name, self.excluded)


def unmatched(entries: Sequence[str], full_names: Sequence[str]) -> list[str]:
    """The entries that mean none of the repositories."""
    return [entry for entry in entries if not any(_matches(name, entry) for name in full_names)]


def checked_scope(connection: Connection) -> Scope:
    """What the settings say. Raises Permanent, naming the setting and the value."""
    organizations = _distinct(connection.items("organization"))
    for login in organizations:
        if not _LOGIN.fullmatch(login):
            raise Permanent(f"setting organization is {login[:100]!r}: expected the login of an organisation or a user")
    listed, excluded = (_entries(connection, name) for name in ("repositories", "exclude_repositories"))
    if not organizations and not listed:
        raise Permanent("settings organization and repositories are both empty: one of them must say what is read")
    wanted = [whole for entry in listed for whole in _with_owner(entry, organizations)]
    return Scope(tuple(organizations), tuple(wanted), excluded)


def owner_of(name: str) -> str:
    return name.partition("/")[0]


def _entries(connection: Connection, setting: str) -> tuple[str, ...]:
    for entry in connection.items(setting):
        if entry.startswith("!"):
            raise Permanent(
                f"setting {setting} has {entry[:200]!r}: write {entry[1:200]} to exclude_repositories instead"
            )
        if not _ENTRY.fullmatch(entry):
            raise Permanent(f"setting {setting} has {entry[:200]!r}: expected owner/name or name, * for any text")
    return connection.items(setting)


def _with_owner(entry: str, organizations: Sequence[str]) -> Iterator[str]:
    """The entry for each organisation that it may mean, where it does not name its owner."""
    owner, _, name = entry.rpartition("/")
    if owner and not _WILDCARD.search(owner):
        yield entry
        return
    found = [login for login in organizations if fnmatchcase(login.casefold(), (owner or "*").casefold())]
    if not found:
        raise Permanent(f"setting repositories has {entry[:200]!r} of no owner: write owner/name, or an organization")
    yield from (f"{login}/{name}" for login in found)


def _any(full_name: str, entries: Sequence[str]) -> bool:
    return any(_matches(full_name, entry) for entry in entries)


def _matches(full_name: str, entry: str) -> bool:
    name = full_name if "/" in entry else full_name.partition("/")[2]
    return fnmatchcase(name.casefold(), entry.casefold())


def _distinct(names: Sequence[str]) -> list[str]:
    """In any case, as GitHub compares them."""
    return list({name.casefold(): name for name in names}.values())
