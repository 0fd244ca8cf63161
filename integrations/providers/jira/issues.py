"""Issues with their status histories: pages of a search, completed by answers that bring more histories."""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any, TypeVar

from integrations.json_text import hashes, summed_hashes
from integrations.json_values import Json, UnreadableError, section
from integrations.provider import RawAnswer
from integrations.providers.jira.adf import plain_text
from integrations.providers.jira.catalogue import status_record, wit_record
from integrations.providers.jira.histories import Told, followed_histories, missing_histories, read_history, told
from integrations.providers.jira.readable import readable
from integrations.providers.jira.shapes import entries
from integrations.providers.jira.values import (
    EMPTY,
    identity,
    moment,
    name_of,
    optional_day,
    optional_identity,
    optional_listing,
    optional_moment,
    optional_section,
    person,
    text,
)
from integrations.records import Batch, Quarantined, WorkItemRecord

Value = TypeVar("Value")


def read_issues(page: RawAnswer, followups: Sequence[RawAnswer], skip: Set[str]) -> Batch:
    """The issues of one page, without those whose ids are in ``skip``; of one that comes twice, the newer.

    An issue whose history is not whole is quarantined: its metrics would be wrong.
    """
    newest, quarantined = dict[str, WorkItemRecord](), list[Quarantined]()
    followed, missing = followed_histories(followups), missing_histories(page)
    for place, issue in enumerate(entries(page, "issues")):
        # Before anything is read: a page that has not changed costs next to nothing.
        if name_of(issue) in skip:
            continue
        try:
            record = _work_item(issue, followed, missing)
        except UnreadableError as error:
            located = error.under(f"issues[{place}]")
            quarantined.append(Quarantined("work_items", name_of(issue), located.path, located.reason))
            continue
        known = newest.get(record.external_id)
        if known is None or known.updated <= record.updated:
            newest[record.external_id] = record
    return Batch(work_items=list(newest.values()), quarantined=quarantined)


def issue_digests(page: RawAnswer) -> Mapping[str, str]:
    """A hash of all that a page says of each issue, by issue id.

    Only of what is ever read: what else an answer explains (names, schemas, links) may change with every call.
    """
    return hashes((name_of(issue), _said(issue)) for issue in entries(page, "issues"))


def _said(issue: object) -> object:
    if type(issue) is not dict:
        return issue
    return [issue.get("id"), issue.get("key"), issue.get("fields"), issue.get("changelog")]


def changelog_digests(answer: RawAnswer) -> Mapping[str, str]:
    """A hash of the histories that an answer brings of each issue, by issue id."""
    return summed_hashes((issue_id, found.said) for issue_id, found in told(answer))


def read_changelogs(answer: RawAnswer) -> Batch:
    """Histories alone make no record: they are read together with the page that they complete."""
    followed_histories([answer])
    return Batch()


def cut_issue_ids(issues: Iterable[object]) -> list[str]:
    """The issues of which an answer holds fewer histories than it says there are, or does not say how many."""
    return [str(issue["id"]) for issue in issues if type(issue) is dict and _is_cut(issue)]


def _is_cut(issue: Json) -> bool:
    changelog = issue.get("changelog")
    if type(changelog) is not dict or type(issue.get("id")) not in (str, int):
        return False
    histories, total = changelog.get("histories"), changelog.get("total")
    # Where no number is given, only asking tells: no size of a page is one that Jira promises.
    return type(total) is not int or total > (len(histories) if type(histories) is list else 0)


def _work_item(issue: object, followed: Mapping[str, Sequence[Told]], missing: Mapping[str, str]) -> WorkItemRecord:
    if type(issue) is not dict:
        raise UnreadableError("", issue, "an object")
    issue_id, fields = identity(issue, "id"), section(issue, "fields")
    project = section(fields, "project", "fields")
    parent = optional_section(fields, "parent", "fields")
    custom, texts = custom_values(fields)
    changes, former_keys = read_history(issue, followed.get(issue_id, ()), missing.get(issue_id))
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
        resolved=_or_kept(optional_moment, fields, "resolutiondate", custom),
        due=_or_kept(optional_day, fields, "duedate", custom),
        custom=custom,
        custom_texts=texts,
        changes=changes,
        former_keys=former_keys,
    )


def custom_values(fields: Json) -> tuple[dict[str, Any], dict[str, str]]:
    """(custom fields that hold something, the plain text of those that hold it in a form of Jira's own)."""
    custom: dict[str, Any] = {}
    texts: dict[str, str] = {}
    for name, value in fields.items():
        if value is None or name[:12] != "customfield_":
            continue
        if value not in EMPTY:
            custom[name] = value
            if (shown := readable(value)) is not None:
                texts[name] = shown
    return custom, texts


def _or_kept(read: Callable[[Json, str, str], Value], fields: Json, name: str, custom: dict[str, Any]) -> Value | None:
    """An optional date; one that no calendar has (apps and imports write such) stays among the custom values."""
    try:
        return read(fields, name, "fields")
    except UnreadableError:
        custom[name] = fields[name]
        return None


def _description(fields: Json) -> str | None:
    """Version 3 gives a document, version 2 and webhooks give wiki markup as text."""
    value = fields.get("description")
    if type(value) is dict:
        return plain_text(value) or None
    return text(fields, "description", "fields") or None


def _labels(fields: Json) -> tuple[str, ...]:
    labels = optional_listing(fields, "labels", "fields")
    if all(type(label) is str for label in labels):
        return tuple(labels)
    raise UnreadableError("fields.labels", labels, "an array of text")
