"""Fetching single issues again, by id: they are found wherever they have moved to.

items ──► items ──► look ──► look ...   what did not come is asked for again, then looked at alone
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from integrations.http import Response
from integrations.provider import Answer, Connection, Cursor, Partition, RawAnswer
from integrations.providers.jira.answers import answer_of
from integrations.providers.jira.by_id import error_ids, undecided
from integrations.providers.jira.catalogue import in_scope
from integrations.providers.jira.client import JiraClient
from integrations.providers.jira.excluded import (
    asked_fields,
    excluded_fields,
    expanded,
    rewritten,
    shown_names,
    without,
)
from integrations.providers.jira.extract_histories import history_partitions
from integrations.providers.jira.normalise import ISSUE_LOOKUPS, ISSUES_BY_ID
from integrations.providers.jira.shapes import entries
from integrations.providers.jira.values import name_of

ISSUES_A_CALL = 50


def refetch(connection: Connection, issue_ids: Sequence[str]) -> list[Partition]:
    """`Provider.refetch` for Jira. Each issue is in one partition only, so that keys are unique in a run."""
    ids = list(dict.fromkeys(issue_ids))
    asked = {
        "exclude_fields": list(excluded_fields(connection)),
        "projects": list(connection.items("projects")),
        "exclude_projects": list(connection.items("exclude_projects")),
    }
    return [_partition(ids[place : place + ISSUES_A_CALL], asked) for place in range(0, len(ids), ISSUES_A_CALL)]


def fetch_items(client: JiraClient, cursor: Cursor) -> Answer:
    """The issues that the cursor names; the next cursor names those that did not come and are not known to be gone.

    Of an issue that moved into a project that is not to be read nothing is kept but that it did.
    """
    issue_ids, excluded = cursor["items"], cursor["exclude_fields"]
    response = client.issues(issue_ids, fields=asked_fields(excluded), expand=expanded(excluded))
    content = response.json()
    names = shown_names(content, excluded)
    response, dropped = without(response, content, excluded, names)
    later = _later(issue_ids, content)
    response, left = _without_foreign(response, content, cursor)
    # What is asked for again does not count as asked for: it would be taken for gone.
    metadata: dict[str, Any] = {"issue_ids": [issue_id for issue_id in issue_ids if issue_id not in later]}
    if dropped:
        metadata["dropped_fields"] = dropped
    if left:
        metadata["left"] = left
    asked = RawAnswer(ISSUES_BY_ID, f"{cursor['key']}:{cursor['page']}", content, metadata)
    entries(asked, "issues")
    doubtful = [*cursor.get("doubtful", ()), *undecided(asked)]
    following = _following({**cursor, "items": later, "doubtful": doubtful, "page": cursor["page"] + 1})
    return answer_of(asked, response, following, history_partitions(asked, excluded, names))


def look(client: JiraClient, cursor: Cursor) -> Answer:
    """Whether an issue exists of which the site did not say so: in whatever language it speaks, 404 is 404."""
    issue_id, *rest = cursor["doubtful"]
    response = client.issue(issue_id)
    metadata = {"issue_id": issue_id, "status": response.status}
    asked = RawAnswer(ISSUE_LOOKUPS, f"issue:{issue_id}:exists", response.json(), metadata)
    return answer_of(asked, response, _following({**cursor, "doubtful": rest}))


def _partition(issue_ids: Sequence[str], asked: Mapping[str, Any]) -> Partition:
    key = f"items:{hashlib.sha256(','.join(issue_ids).encode()).hexdigest()[:32]}"
    return Partition(key, {"call": "items", "key": key, "items": list(issue_ids), "page": 1, **asked})


def _following(cursor: Cursor) -> Cursor | None:
    if cursor["items"]:
        return cursor
    return {**cursor, "call": "look"} if cursor["doubtful"] else None


def _later(issue_ids: Sequence[str], content: Any) -> list[str]:
    """The ids to be asked for once more: where Data Center found more than its administrator lets into one page, and
    where Cloud passes over an issue without a word.

    None where nothing was told at all: then asking again would end nowhere.
    """
    issues, total = (content.get("issues"), content.get("total")) if type(content) is dict else (None, None)
    if type(issues) is not list or (type(total) is int and (not issues or total <= len(issues))):
        return []
    told = {name_of(issue) for issue in issues} | error_ids(content)
    later = [issue_id for issue_id in issue_ids if issue_id not in told]
    return later if len(later) < len(issue_ids) else []


def _without_foreign(response: Response, content: Any, cursor: Cursor) -> tuple[Response, list[str]]:
    """(response, ids that were dropped): without the issues of projects that are not to be read."""
    issues = content.get("issues") if type(content) is dict else None
    if type(issues) is not list:
        return response, []
    foreign = [issue for issue in issues if not _is_ours(issue, cursor)]
    if not foreign:
        return response, []
    content["issues"] = [issue for issue in issues if issue not in foreign]
    return replace(response, body=rewritten(content, response.call)), [name_of(issue) for issue in foreign]


def _is_ours(issue: Any, cursor: Cursor) -> bool:
    fields = issue.get("fields") if type(issue) is dict else None
    project = fields.get("project") if type(fields) is dict else None
    return in_scope(project, cursor.get("projects", ()), cursor.get("exclude_projects", ()))
