"""Fields that are never to be stored: they are not asked for, and what comes of them all the same is dropped.

It comes all the same: in histories, which hold old and new values of every field, and in the linked issues, parents
and subtasks that an issue carries along.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from integrations.errors import Permanent
from integrations.http import Response
from integrations.json_text import written
from integrations.provider import Connection

# Without these an issue is no work item, or its flow cannot be measured.
NECESSARY = ("id", "key", "issuekey", "project", "issuetype", "status", "created", "updated", "changelog")
_BY_FIELD = ("fields", "renderedFields", "names", "schema")
_field_id = re.compile(r"[A-Za-z0-9_][\w.:-]*")


def excluded_fields(connection: Connection) -> tuple[str, ...]:
    """The ids that the setting names, each once, in one order whatever order they were written in."""
    return tuple(sorted(set(connection.items("exclude_fields"))))


def checked_excluded_fields(connection: Connection) -> tuple[str, ...]:
    """Raises Permanent where the setting names a field that Pulse cannot do without, or what is no field's id."""
    excluded = excluded_fields(connection)
    for name in excluded:
        if name.casefold() in NECESSARY:
            raise Permanent(f"setting exclude_fields names {name!r}, without which an issue cannot be read")
        if not _field_id.fullmatch(name):
            raise Permanent(
                f"setting exclude_fields names {name[:50]!r}: expected ids of fields, like description or "
                "customfield_10016, separated by commas"
            )
    return excluded


def asked_fields(excluded: Iterable[str]) -> tuple[str, ...]:
    """All fields but those, in the words of Jira's parameter ``fields``."""
    return ("*all", *(f"-{name}" for name in excluded))


def expanded(excluded: Sequence[str]) -> str:
    """What of issues is asked for besides their fields, in the words of Jira's parameter ``expand``.

    The development field is found by its schema, and an excluded one in a history without ids by its name.
    """
    return "changelog,schema,names" if excluded else "changelog,schema"


def shown_names(content: Any, excluded: Sequence[str]) -> tuple[str, ...]:
    """What an answer that explains its fields calls the excluded ones: Data Center's histories know them by name."""
    names = content.get("names") if type(content) is dict else None
    found = [names.get(name) for name in excluded] if type(names) is dict else []
    return tuple(name for name in found if type(name) is str)


def without(
    response: Response, content: Any, excluded: Sequence[str], names: Sequence[str] = ()
) -> tuple[Response, tuple[str, ...]]:
    """(response, ids that were dropped): ``content``, its parsed body, is changed in place.

    The body is written anew only where something was dropped: all others are kept as they came.
    """
    if not excluded:
        return response, ()
    dropping = _Dropping(frozenset(map(str.casefold, excluded)), frozenset(map(str.casefold, names)))
    dropping.from_answer(content)
    if not dropping.dropped:
        return response, ()
    return replace(response, body=rewritten(content, response.call)), tuple(sorted(dropping.dropped))


@dataclass
class _Dropping:
    """``ids`` and ``names`` are of the fields to drop, ``dropped`` what was found of them; all in lower case."""

    ids: frozenset[str]
    names: frozenset[str]
    dropped: set[str] = field(default_factory=set)

    def from_answer(self, content: Any) -> None:
        """Of any answer with issues or histories, a webhook's too."""
        # A stack of our own: what a site sends may be nested more deeply than we may call.
        waiting = [content]
        while waiting:
            holder = waiting.pop()
            if type(holder) is dict:
                self._from_holder(holder)
                waiting += _issues_in(holder)

    def _from_holder(self, holder: dict[str, Any]) -> None:
        for section in _BY_FIELD:
            fields = holder.get(section)
            if type(fields) is dict:
                for name in [name for name in fields if name.casefold() in self.ids]:
                    self.dropped.add(name.casefold())
                    del fields[name]
        for history in _histories_in(holder):
            self._from_history(history)

    def _from_history(self, history: dict[str, Any]) -> None:
        """The history itself stays: how many there are is how we see that none is missing."""
        items = history.get("items")
        if type(items) is list:
            kept = [item for item in items if not (type(item) is dict and self._is_excluded(item))]
            if len(kept) < len(items):
                history["items"] = kept

    def _is_excluded(self, item: dict[str, Any]) -> bool:
        """By the field's id; where there is none by its name, which for Jira's own fields is the id as well."""
        said = item.get("fieldId") or item.get("field")
        name = said.casefold() if type(said) is str else ""
        # A custom field may have the name of one of Jira's own, "Status" for one.
        named = not item.get("fieldId") and item.get("fieldtype") != "jira" and name in self.names
        if name not in self.ids and not named:
            return False
        self.dropped.add(name)
        return True


def _issues_in(holder: dict[str, Any]) -> Iterator[Any]:
    """The issues that an answer holds, or that an issue carries along."""
    yield from _list(holder, "issues")
    yield holder.get("issue")
    fields = holder.get("fields")
    if type(fields) is dict:
        yield fields.get("parent")
        yield from _list(fields, "subtasks")
        for link in _list(fields, "issuelinks"):
            if type(link) is dict:
                yield link.get("inwardIssue")
                yield link.get("outwardIssue")


def _histories_in(holder: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Those of an issue, of a webhook (where the changelog is a single one), and of answers of histories alone."""
    changelog = holder.get("changelog")
    found = [*_list(changelog, "histories"), changelog] if type(changelog) is dict else []
    found += _list(holder, "values")
    for entry in _list(holder, "issueChangeLogs"):
        found += _list(entry, "changeHistories") if type(entry) is dict else []
    return (history for history in found if type(history) is dict)


def _list(holder: dict[str, Any], name: str) -> list[Any]:
    value = holder.get(name)
    return value if type(value) is list else []


def rewritten(content: Any, call: str) -> bytes:
    """The body of an answer of which parts were left out. Raises Permanent where it is nested too deeply."""
    try:
        return written(content)
    except RecursionError:
        raise Permanent(f"{call} answered JSON that is nested too deeply to leave parts out of it") from None
