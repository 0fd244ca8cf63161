"""Cutting a large project into windows of the days on which its issues were created, to be read side by side."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from integrations.errors import Permanent, Transient
from integrations.http import Response
from integrations.json_values import UnreadableError, section
from integrations.provider import Answer, Cursor, Partition, RawAnswer
from integrations.providers.jira.answers import answer_of
from integrations.providers.jira.client import JiraClient
from integrations.providers.jira.jql import FIRST_CREATED, bounded, issue_query
from integrations.providers.jira.normalise import ISSUE_COUNTS
from integrations.providers.jira.paging import begin
from integrations.providers.jira.questions import Question, milliseconds, question_name, scope_of, window_name
from integrations.providers.jira.values import moment

WINDOW_ISSUES = 2000
MOST_WINDOWS = 64
DAY = 86_400_000


def fetch_count(client: JiraClient, cursor: Cursor) -> Answer | None:
    """How many issues a question has, which decides whether it is cut; None where the site does not tell.

    The number is an estimate on Cloud: good enough to cut by, and nothing else hangs on it.
    """
    question = cursor["question"]
    jql = bounded(question, None if client.is_cloud else client.zone)
    found = _told(lambda: client.count(jql))
    if found is None:
        return None
    response, content = found
    asked = RawAnswer(ISSUE_COUNTS, f"{question_name(question)}:count", content, _metadata(question))
    # Where it does not tell, the project is read in one piece.
    count = told_count(content) or 0
    following = {**cursor, "call": "oldest", "count": count} if count > WINDOW_ISSUES else pages_of(cursor)
    return answer_of(asked, response, following)


def fetch_oldest(client: JiraClient, cursor: Cursor) -> Answer | None:
    """When the first issue was created; the windows from then on, newest first, or pages where that is unreadable.

    None where the site does not tell.
    """
    question = cursor["question"]
    jql = issue_query(question, None if client.is_cloud else client.zone, order=FIRST_CREATED)
    found = _told(lambda: client.search(jql, 1, None, fields=("created",), expand=""))
    if found is None:
        return None
    response, content = found
    asked = RawAnswer(ISSUE_COUNTS, f"{question_name(question)}:oldest", content, _metadata(question))
    windows = _windows(content, cursor["count"], response)
    if len(windows) < 2:
        return answer_of(asked, response, pages_of(cursor))
    parts = tuple(_partition({**question, "window": window}, cursor) for window in windows)
    return replace(answer_of(asked, response), partitions=parts)


def _told(call: Callable[[], Response]) -> tuple[Response, Any] | None:
    """An answer with its JSON; None where the site refuses or fails: the pages can be read without it.

    Credentials that are refused, and what is no answer of a Jira, are no matter of this call alone.
    """
    try:
        response = call()
        return response, response.json()
    except Transient:
        return None
    except Permanent as error:
        if error.status in (None, 401):
            raise
        return None


def pages_of(cursor: Cursor) -> Cursor:
    """The first page of the question that a cursor has counted so far."""
    return begin(cursor["question"], "page", cursor["batch_size"])


def cut_in_windows(oldest: int, newest: int, count: int) -> list[list[int | None]]:
    """Windows [from, to) of creation in epoch milliseconds, newest first, as many as ``count`` issues need.

    The first is open to the future and the last to the past, so that nothing is outside. Bounds are days apart, so
    that no change of clocks can make two of them trade places where they are told as times of day.
    """
    wanted = min(-(-count // WINDOW_ISSUES), MOST_WINDOWS)
    days = max(1, -(-(newest - oldest) // (wanted * DAY)))
    first = oldest // DAY + days
    bounds: list[int | None] = [day * DAY for day in range(first, newest // DAY + 1, days)]
    edges = [None, *bounds, None]
    return [[edges[place], edges[place + 1]] for place in reversed(range(len(edges) - 1))]


def _windows(content: Any, count: int, response: Response) -> list[list[int | None]]:
    issues = content.get("issues") if type(content) is dict else None
    try:
        if type(issues) is not list or not issues or type(issues[0]) is not dict:
            return []
        oldest = moment(section(issues[0], "fields"), "created")
    except UnreadableError:
        return []
    newest = response.source_time or datetime.now(UTC)
    return cut_in_windows(milliseconds(oldest), milliseconds(newest), count)


def _partition(question: Question, cursor: Cursor) -> Partition:
    key = f"project:{question['project_id']}{window_name(question['window'])}"
    return Partition(key, begin(question, "page", cursor["batch_size"]), scope_of(question))


def told_count(content: Any) -> int | None:
    """How many issues an answer of `JiraClient.count` speaks of; None where it does not tell."""
    found = content.get("count", content.get("total")) if type(content) is dict else None
    return found if type(found) is int else None


def _metadata(question: Question) -> dict[str, Sequence[str]]:
    return {"project_id": question["project_id"], "project_key": question["project_key"]}
