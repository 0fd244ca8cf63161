"""Status changes and former keys from histories, in all shapes that these come in.

- on an issue, as ``changelog.histories``: with the page, or alone as Data Center answers for one issue;
- as ``changeHistories`` of several issues, from /changelog/bulkfetch, where times are epoch milliseconds;
- as ``values``, a page of one issue's /changelog, which does not say whose it is: its metadata does.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from integrations.errors import Permanent
from integrations.json_values import Json, UnfinishedError, UnreadableError, section
from integrations.provider import RawAnswer
from integrations.providers.jira.shapes import wrong
from integrations.providers.jira.values import (
    EMPTY,
    identity,
    moment,
    number,
    optional_identity,
    optional_listing,
    person,
    text,
)
from integrations.records import StatusChange

_KEY = re.compile(r"[A-Z][A-Z0-9_]{1,254}-[0-9]{1,10}")


@dataclass(frozen=True, slots=True)
class Told:
    """What one answer tells of one issue: the object that holds its histories under ``name``, maybe with a total."""

    holder: Json
    name: str
    path: str

    @property
    def said(self) -> list[object]:
        """All of it that is ever read, in parts that another answer may tell.

        Answers about many issues end anywhere, also within an issue, and say no total.
        """
        histories = self.holder.get(self.name)
        if self.name == "changeHistories" and isinstance(histories, list):
            return histories
        return [[histories, self.holder.get("total")]]


@dataclass(slots=True)
class _Reading:
    """An issue's changes as they are gathered. ``total`` is the most histories that any answer spoke of, if any did."""

    changes: list[StatusChange] = field(default_factory=list)
    former_keys: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    total: int | None = None


def told(answer: RawAnswer) -> Iterator[tuple[str, Told]]:
    """(issue id, its histories) of an answer that completes a page. Raises Permanent where it is none."""
    content = answer.content
    where = f"changelog({answer.external_id})"
    if type(content) is dict and type(content.get("issueChangeLogs")) is list:
        for place, entry in enumerate(content["issueChangeLogs"]):
            if type(entry) is dict:
                yield str(entry.get("issueId")), Told(entry, "changeHistories", f"{where}.issueChangeLogs[{place}]")
    elif type(content) is dict and type(content.get("values")) is list:
        yield _asked_for(answer), Told(content, "values", where)
    elif type(content) is dict and type(content.get("changelog")) is dict:
        yield str(content.get("id")), Told(content["changelog"], "histories", f"{where}.changelog")
    else:
        raise wrong(answer, "an object with an array 'issueChangeLogs' or 'values', or an issue with its 'changelog'")


def _asked_for(answer: RawAnswer) -> str:
    issue_id = answer.metadata.get("issue_id")
    if type(issue_id) is not str or not issue_id:
        raise Permanent(f"{answer.entity_type} {answer.external_id!r}: metadata.issue_id is {issue_id!r}, not an id")
    return issue_id


def followed_histories(followups: Iterable[RawAnswer]) -> Mapping[str, list[Told]]:
    """By issue id. One issue's histories can be spread over several answers."""
    found: dict[str, list[Told]] = {}
    for answer in followups:
        for issue_id, histories in told(answer):
            found.setdefault(issue_id, []).append(histories)
    return found


def missing_histories(page: RawAnswer) -> Mapping[str, str]:
    """The error of the call that was to bring histories of an issue and failed, by issue id."""
    missing = page.metadata.get("missing") or ()
    return {issue_id: entry["error"] for entry in missing for issue_id in entry["cursor"].get("issue_ids", ())}


def read_history(
    issue: Json, followed: Sequence[Told], failed: str | None = None
) -> tuple[tuple[StatusChange, ...], tuple[str, ...]]:
    """(all status changes of an issue, ordered by time; the keys that it had in other projects, sorted).

    ``failed`` is the error of a call that was to bring more of them. Raises UnreadableError where the history is not
    whole, or might not be.
    """
    reading = _Reading()
    for found in (Told(section(issue, "changelog"), "histories", "changelog"), *followed):
        _read_told(found, reading)
    # More than the total is no fault: something happened between the two calls.
    is_whole = failed is None if reading.total is None else len(reading.seen) >= reading.total
    if not is_whole and failed is not None:
        raise UnfinishedError("changelog", failed)
    if not is_whole:
        raise UnreadableError("changelog", f"{len(reading.seen)} of {reading.total} histories", "the whole history")
    # Ids are numbers of growing length: padded, they sort as numbers do.
    reading.changes.sort(key=lambda change: (change.at, change.history_id.zfill(20), change.item))
    return tuple(reading.changes), tuple(sorted(reading.former_keys))


def _read_told(found: Told, reading: _Reading) -> None:
    for place, history in enumerate(optional_listing(found.holder, found.name, found.path)):
        try:
            _read_history(history, reading)
        except UnreadableError as error:
            raise error.under(f"{found.path}.{found.name}[{place}]") from None
    total = number(found.holder, "total", found.path)
    if total is not None:
        reading.total = max(reading.total or 0, total)


def _read_history(history: object, reading: _Reading) -> None:
    """Adds the changes of one history, unless another answer has brought it already."""
    if type(history) is not dict:
        raise UnreadableError("", history, "an object")
    history_id = identity(history, "id")
    if history_id in reading.seen:
        return
    reading.seen.add(history_id)
    for place, item in enumerate(optional_listing(history, "items")):
        if type(item) is not dict:
            raise UnreadableError(f"items[{place}]", item, "an object")
        field_id = item.get("fieldId")
        if field_id == "status" or (field_id in EMPTY and _is_called("status", item)):
            reading.changes.append(_status_change(history, history_id, place, item))
        elif _is_called("Key", item) and _KEY.fullmatch(str(item.get("fromString"))):
            reading.former_keys.add(item["fromString"])


def _is_called(name: str, item: Json) -> bool:
    """Of an item without a ``fieldId``, as all of Data Center's are: a custom field may be called "status" as well."""
    return item.get("field") == name and item.get("fieldtype") in ("jira", *EMPTY)


def _status_change(history: Json, history_id: str, place: int, item: Json) -> StatusChange:
    path = f"items[{place}]"
    return StatusChange(
        history_id=history_id,
        item=place,
        at=moment(history, "created"),
        from_id=optional_identity(item, "from", path),
        from_name=text(item, "fromString", path) or None,
        to_id=optional_identity(item, "to", path),
        to_name=text(item, "toString", path) or None,
        by=person(history, "author"),
    )
