"""Histories that a page of issues cut: of many issues at once where the site can, else issue by issue."""

from collections.abc import Mapping, Sequence
from typing import Any

from integrations.errors import Permanent
from integrations.http import Response
from integrations.provider import Answer, Cursor, Partition, RawAnswer
from integrations.providers.jira.answers import answer_of, first_page, next_page
from integrations.providers.jira.client import JiraClient
from integrations.providers.jira.excluded import without
from integrations.providers.jira.issues import cut_issue_ids
from integrations.providers.jira.normalise import CHANGELOGS
from integrations.providers.jira.shapes import entries

# Sites that do not know /changelog/bulkfetch, or do not let the account use it. 400: a token that has expired.
_NO_BULK = (400, 403, 404, 405, 410)


def history_partitions(
    page: RawAnswer, excluded: Sequence[str], excluded_names: Sequence[str]
) -> tuple[Partition, ...]:
    """One partition for all histories that a page cut: a page has fewer issues than one call may ask for."""
    issue_ids = cut_issue_ids(entries(page, "issues"))
    if not issue_ids:
        return ()
    key = f"changelogs:{page.external_id}"
    cursor = first_page(
        call="histories",
        key=key,
        issue_ids=issue_ids,
        exclude_fields=list(excluded),
        excluded_names=list(excluded_names),
        one_by_one=False,
        start=0,
    )
    return (Partition(key, cursor),)


def fetch_histories(client: JiraClient, cursor: Cursor) -> Answer:
    """A page of histories. Those that an issue-by-issue walk gives again after a bulk answer are told by their ids."""
    if client.is_cloud and not cursor["one_by_one"]:
        try:
            return _fetch_many(client, cursor)
        except Permanent as error:
            if error.status not in _NO_BULK:
                raise
    return _fetch_one(client, {**cursor, "one_by_one": True})


def _fetch_many(client: JiraClient, cursor: Cursor) -> Answer:
    response = client.changelogs(cursor["issue_ids"], cursor["token"])
    response, asked = _asked(response, cursor, {"cursor": cursor["token"]})
    entries(asked, "issueChangeLogs")
    return answer_of(asked, response, next_page(asked.content, cursor, response.call))


def _fetch_one(client: JiraClient, cursor: Cursor) -> Answer:
    """A page of the first issue's histories; the cursor then goes on with it, or with the issues after it."""
    issue_id, *others = cursor["issue_ids"]
    try:
        response = client.issue_changelog(issue_id, cursor["start"])
    except Permanent as error:
        if error.status != 404:
            raise
        # Deleted since its page was read. The page must not wait for it: the other issues on it are whole.
        response = Response(f"GET /issue/{issue_id}/changelog", 404, {}, b'{"values":[]}', None)
    response, asked = _asked(response, cursor, {"issue_id": issue_id})
    start = _next_start(asked.content, cursor["start"])
    following = {**cursor, "page": cursor["page"] + 1, "start": start or 0}
    if start is not None:
        return answer_of(asked, response, following)
    return answer_of(asked, response, {**following, "issue_ids": others} if others else None)


def _asked(response: Response, cursor: Cursor, metadata: Mapping[str, Any]) -> tuple[Response, RawAnswer]:
    content = response.json()
    response, dropped = without(response, content, cursor["exclude_fields"], cursor["excluded_names"])
    told = {**metadata, "batch_number": cursor["page"], **({"dropped_fields": dropped} if dropped else {})}
    return response, RawAnswer(CHANGELOGS, f"{cursor['key']}:{cursor['page']}", content, told)


def _next_start(content: Any, start: int) -> int | None:
    """Where the issue's histories go on; None at their end. Data Center gives them whole, with the issue."""
    values = content.get("values") if type(content) is dict else None
    if type(values) is not list or not values or content.get("isLast") is True:
        return None
    end, total = start + len(values), content.get("total")
    return None if type(total) is int and end >= total else end
