"""Fetching single issues again, by id: they are found wherever they have moved to."""

import hashlib
from collections.abc import Sequence
from typing import Any

from integrations.provider import Answer, Connection, Cursor, Partition, RawAnswer
from integrations.providers.jira.answers import answer_of
from integrations.providers.jira.client import JiraClient
from integrations.providers.jira.excluded import asked_fields, excluded_fields, expanded, shown_names, without
from integrations.providers.jira.extract_histories import history_partitions
from integrations.providers.jira.normalise import ISSUES_BY_ID
from integrations.providers.jira.shapes import entries

ISSUES_A_CALL = 50


def refetch(connection: Connection, issue_ids: Sequence[str]) -> list[Partition]:
    """`Provider.refetch` for Jira. Each issue is in one partition only, so that keys are unique in a run."""
    ids = list(dict.fromkeys(issue_ids))
    excluded = list(excluded_fields(connection))
    return [_partition(ids[place : place + ISSUES_A_CALL], excluded) for place in range(0, len(ids), ISSUES_A_CALL)]


def fetch_items(client: JiraClient, cursor: Cursor) -> Answer:
    """The issues that the cursor names; the next cursor names those that did not fit into the answer."""
    issue_ids, excluded = cursor["issue_ids"], cursor["exclude_fields"]
    response = client.issues(issue_ids, fields=asked_fields(excluded), expand=expanded(excluded))
    content = response.json()
    names = shown_names(content, excluded)
    response, dropped = without(response, content, excluded, names)
    later = _later(issue_ids, content)
    # What is asked for again does not count as asked for: it would be taken for gone.
    metadata: dict[str, Any] = {"issue_ids": [issue_id for issue_id in issue_ids if issue_id not in later]}
    if dropped:
        metadata["dropped_fields"] = dropped
    asked = RawAnswer(ISSUES_BY_ID, f"{cursor['key']}:{cursor['page']}", content, metadata)
    entries(asked, "issues")
    following = {**cursor, "issue_ids": later, "page": cursor["page"] + 1} if later else None
    return answer_of(asked, response, following, history_partitions(asked, excluded, names))


def _partition(issue_ids: Sequence[str], excluded: Sequence[str]) -> Partition:
    key = f"items:{hashlib.sha256(','.join(issue_ids).encode()).hexdigest()[:32]}"
    return Partition(
        key, {"call": "items", "key": key, "issue_ids": list(issue_ids), "exclude_fields": list(excluded), "page": 1}
    )


def _later(issue_ids: Sequence[str], content: Any) -> list[str]:
    """The ids to be asked for once more: where Data Center found more than its administrator lets into one page.

    None where nothing came at all: then asking again would end nowhere.
    """
    issues, total = (content.get("issues"), content.get("total")) if type(content) is dict else (None, None)
    if type(issues) is not list or not issues or type(total) is not int or total <= len(issues):
        return []
    given = {str(issue.get("id")) for issue in issues if type(issue) is dict}
    later = [issue_id for issue_id in issue_ids if issue_id not in given]
    return later if len(later) < len(issue_ids) else []
