"""Issues with their status histories: pages of ``/search/jql``, completed by ``/changelog/bulkfetch``."""

from collections.abc import Iterable, Mapping, Sequence, Set
from hashlib import blake2b
from typing import Any

from integrations.json_text import fingerprint
from integrations.provider import RawAnswer
from integrations.providers.jira.adf import plain_text
from integrations.providers.jira.catalogue import status_record, wit_record
from integrations.providers.jira.shapes import entries
from integrations.providers.jira.values import (
    Json,
    UnreadableError,
    identity,
    listing,
    moment,
    name_of,
    number,
    optional_day,
    optional_identity,
    optional_moment,
    optional_section,
    person,
    section,
    text,
)
from integrations.records import Batch, Quarantined, StatusChange, WorkItemRecord

Histories = tuple[str, Sequence[Any]]
"""Histories as they came, and where they stand in the raw answers."""

# All of these mean "none" somewhere; "{}" is what an empty development field holds. 0 and False are values.
_EMPTY: tuple[object, ...] = (None, "", "{}", [], {})


def read_issues(page: RawAnswer, followups: Sequence[RawAnswer], skip: Set[str]) -> Batch:
    """The issues of one page, without those whose ids are in ``skip``.

    An issue whose history is not whole is quarantined: its metrics would be wrong.
    """
    batch, quarantined = Batch(), list[Quarantined]()
    followed = _followed_histories(followups)
    for place, issue in enumerate(entries(page, "issues")):
        # Before anything is read: a page that has not changed costs next to nothing.
        if name_of(issue) in skip:
            continue
        try:
            if type(issue) is not dict:
                raise UnreadableError("", issue, "an object")
            batch.work_items.append(_work_item(issue, followed))
        except UnreadableError as error:
            located = error.under(f"issues[{place}]")
            quarantined.append(Quarantined("work_items", name_of(issue), located.path, located.reason))
    batch.quarantined = quarantined
    return batch


def issue_digests(page: RawAnswer) -> Mapping[str, str]:
    """A hash of all that a page says of each issue, by issue id."""
    return _digests((name_of(issue), issue) for issue in entries(page, "issues"))


def changelog_digests(answer: RawAnswer) -> Mapping[str, str]:
    """A hash of the histories that an answer brings of each issue, by issue id."""
    return _digests(
        (str(entry.get("issueId")), entry) for entry in entries(answer, "issueChangeLogs") if type(entry) is dict
    )


def _digests(said: Iterable[tuple[str, object]]) -> Mapping[str, str]:
    """An issue that an answer names twice has the hash of both."""
    hashes: dict[str, Any] = {}
    for issue_id, entry in said:
        hashes.setdefault(issue_id, blake2b(digest_size=16)).update(fingerprint(entry))
    return {issue_id: found.hexdigest() for issue_id, found in hashes.items()}


def read_changelogs(answer: RawAnswer) -> Batch:
    """Histories alone make no record: they are read together with the page that they complete."""
    entries(answer, "issueChangeLogs")
    return Batch()


def cut_issue_ids(issues: Iterable[object]) -> list[str]:
    """The issues of which an answer holds fewer histories than it says there are."""
    return [str(issue["id"]) for issue in issues if type(issue) is dict and _is_cut(issue)]


def _is_cut(issue: Json) -> bool:
    changelog = issue.get("changelog")
    if type(changelog) is not dict or type(changelog.get("histories")) is not list:
        return False
    total = changelog.get("total")
    return type(total) is int and total > len(changelog["histories"]) and type(issue.get("id")) in (str, int)


def _followed_histories(followups: Sequence[RawAnswer]) -> Mapping[str, list[Histories]]:
    """By issue id. One issue's histories can be spread over several answers."""
    found: dict[str, list[Histories]] = {}
    for answer in followups:
        for place, entry in enumerate(entries(answer, "issueChangeLogs")):
            if type(entry) is dict and type(entry.get("changeHistories")) is list:
                path = f"changelog({answer.external_id}).issueChangeLogs[{place}].changeHistories"
                found.setdefault(str(entry.get("issueId")), []).append((path, entry["changeHistories"]))
    return found


def _work_item(issue: Json, followed: Mapping[str, list[Histories]]) -> WorkItemRecord:
    issue_id, fields = identity(issue, "id"), section(issue, "fields")
    project = section(fields, "project", "fields")
    parent = optional_section(fields, "parent", "fields")
    return WorkItemRecord(
        external_id=issue_id,
        key=identity(issue, "key"),
        project_id=identity(project, "id", "fields.project"),
        project_key=text(project, "key", "fields.project") or "",
        project_name=text(project, "name", "fields.project") or "",
        wit=wit_record(section(fields, "issuetype", "fields"), "fields.issuetype"),
        status=status_record(section(fields, "status", "fields"), "fields.status"),
        created=moment(fields, "created", "fields"),
        updated=moment(fields, "updated", "fields"),
        summary=text(fields, "summary", "fields") or "",
        description=_description(fields),
        parent_id=optional_identity(parent, "id", "fields.parent"),
        parent_key=text(parent, "key", "fields.parent"),
        priority=text(optional_section(fields, "priority", "fields"), "name", "fields.priority"),
        resolution=text(optional_section(fields, "resolution", "fields"), "name", "fields.resolution"),
        reporter=person(fields, "reporter", "fields"),
        assignee=person(fields, "assignee", "fields"),
        labels=_labels(fields),
        resolved=optional_moment(fields, "resolutiondate", "fields"),
        due=optional_day(fields, "duedate", "fields"),
        custom={name: fields[name] for name in fields if name[:12] == "customfield_" and fields[name] not in _EMPTY},
        changes=_status_changes(issue, followed.get(issue_id, ())),
    )


def _description(fields: Json) -> str | None:
    """Version 3 gives a document, version 2 and webhooks give wiki markup as text."""
    value = fields.get("description")
    if type(value) is dict:
        return plain_text(value) or None
    return text(fields, "description", "fields") or None


def _labels(fields: Json) -> tuple[str, ...]:
    labels = fields.get("labels")
    if labels is None:
        return ()
    if type(labels) is list and all(type(label) is str for label in labels):
        return tuple(labels)
    raise UnreadableError("fields.labels", labels, "an array of text")


def _status_changes(issue: Json, followed: Sequence[Histories]) -> tuple[StatusChange, ...]:
    changelog = section(issue, "changelog")
    seen: set[str] = set()
    changes: list[StatusChange] = []
    for path, histories in (("changelog.histories", listing(changelog, "histories", "changelog")), *followed):
        for place, history in enumerate(histories):
            try:
                _read_history(history, seen, changes)
            except UnreadableError as error:
                raise error.under(f"{path}[{place}]") from None
    total = number(changelog, "total", "changelog")
    # More than the total is no fault: something happened between the two calls.
    if total is not None and len(seen) < total:
        raise UnreadableError("changelog", f"{len(seen)} of {total} histories", "the whole history")
    # Ids are numbers of growing length: padded, they sort as numbers do.
    changes.sort(key=lambda change: (change.at, change.history_id.zfill(20), change.item))
    return tuple(changes)


def _read_history(history: object, seen: set[str], changes: list[StatusChange]) -> None:
    """Adds the status changes of one history, unless another answer has brought it already."""
    if type(history) is not dict:
        raise UnreadableError("", history, "an object")
    history_id = identity(history, "id")
    if history_id in seen:
        return
    seen.add(history_id)
    for place, item in enumerate(listing(history, "items")):
        if type(item) is not dict:
            raise UnreadableError(f"items[{place}]", item, "an object")
        if _is_status_change(item):
            changes.append(_status_change(history, history_id, place, item))


def _is_status_change(item: Json) -> bool:
    """Items without a ``fieldId`` exist; a custom field may be named "status" as well, so its kind is asked too."""
    field_id = item.get("fieldId")
    if field_id is None:
        return item.get("field") == "status" and item.get("fieldtype") == "jira"
    return bool(field_id == "status")


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
