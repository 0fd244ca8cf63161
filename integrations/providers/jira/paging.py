"""Paging through a search: by token on Cloud, by position on Data Center."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from integrations.errors import Permanent
from integrations.http import Response
from integrations.json_values import UnreadableError, section
from integrations.provider import Cursor, RawAnswer
from integrations.providers.jira.answers import first_page, next_page
from integrations.providers.jira.client import JiraClient
from integrations.providers.jira.excluded import shown_names, without
from integrations.providers.jira.jql import issue_query
from integrations.providers.jira.questions import Question, milliseconds
from integrations.providers.jira.shapes import entries
from integrations.providers.jira.values import moment

# Jira gives no more than this once fields are asked for.
LARGEST_PAGE = 100
MINUTE = 60_000
# How many issues of the page before a page by position shows again, and how often it may step back in all.
OVERLAP_ISSUES = 5
MOST_STEPS_BACK = 50
# How often a search by token begins again with the issues of one instant: a bulk change can make more than a page.
MOST_RESTARTS = 5


@dataclass(frozen=True)
class Wanted:
    """What is asked of a search besides its JQL; ``entity_type`` is what its pages are stored as."""

    entity_type: str
    size: int
    fields: Sequence[str]
    expand: str = ""


@dataclass(frozen=True)
class Page:
    """A page of a search. ``excluded_names`` are what its site calls the fields that are never to be stored."""

    asked: RawAnswer
    response: Response
    following: Cursor | None
    warning: str
    excluded_names: tuple[str, ...]


def begin(question: Question, call: str, size: str = "") -> Cursor:
    """The cursor of a partition that has asked nothing yet; ``call`` is what it asks first.

    ``token``, ``page`` and ``mark`` are `answers.next_page`'s; ``until`` and ``last`` are where a search by token goes
    on once its token has expired; ``start`` and ``tail`` are where a search by position goes on. ``back`` counts the
    steps back of either.
    """
    return first_page(question=question, call=call, batch_size=size, until=None, last=None, start=0, tail=[], back=0)


def read_page(client: JiraClient, cursor: Cursor, name: str, wanted: Wanted) -> Page:
    """The page that a cursor stands for; ``name`` is the question's. Raises a StageError that shows the JQL."""
    cursor, jql, response = _asked(client, cursor, wanted)
    content, question = response.json(), cursor["question"]
    names = shown_names(content, question["exclude_fields"])
    response, dropped = without(response, content, question["exclude_fields"], names)
    metadata = {
        "project_id": question["project_id"],
        "project_key": question["project_key"],
        "jql": jql,
        "cursor": cursor["token"],
        "batch_number": cursor["page"],
        **({"dropped_fields": dropped} if dropped else {}),
    }
    asked = RawAnswer(wanted.entity_type, f"{name}:page:{cursor['page']}", content, metadata)
    issues = entries(asked, "issues")
    response = replace(response, source_time=response.source_time or _newest(issues))
    following = (_by_token if client.is_cloud else _by_position)(asked, issues, cursor, response.call)
    missing = _end_warning(content, cursor) if following is None else ""
    if missing and client.is_cloud:
        following = _beyond(issues, cursor)
    return Page(asked, response, following, "" if following else missing, names)


def checked_batch_size(text: str) -> int:
    """Checked with the call and not when planning: there it would stop all steps, here the unit says what is wrong."""
    size = int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0
    if not 0 < size <= LARGEST_PAGE:
        raise Permanent(f"batch_size is {text[:20]!r}: expected a number from 1 to {LARGEST_PAGE}")
    return size


def refused(error: Permanent, jql: str, status: int | None) -> Permanent:
    """Most refusals are about base_search, which people write: they are shown what became of it."""
    shown = Permanent(f"{error} (JQL: {jql})")
    shown.status = status
    return shown


def _asked(client: JiraClient, cursor: Cursor, wanted: Wanted) -> tuple[Cursor, str, Response]:
    """(cursor, JQL, answer); without its token where the site refuses that one.

    Tokens live for seven days, and a job can be paused for longer. 400 is also the status of wrong JQL: then the
    search without a token is refused as well.
    """
    jql = issue_query(cursor["question"], None if client.is_cloud else client.zone, until=cursor["until"])
    try:
        return cursor, jql, _search(client, jql, cursor, wanted)
    except Permanent as error:
        lost = error.status == 400 and cursor["token"] is not None
        resumed = _without_token(cursor) if lost else None
        if resumed is None:
            # Without its place a search has to begin afresh: that is no refusal, which would pass.
            raise refused(error, jql, None if lost else error.status) from error
    return _asked(client, resumed, wanted)


def _search(client: JiraClient, jql: str, cursor: Cursor, wanted: Wanted) -> Response:
    place, size = cursor["token"], wanted.size
    if not client.is_cloud:
        # What is shown again does not count: with small pages there would be little new.
        place, size = cursor["start"], size + len(cursor["tail"])
    return client.search(jql, size, place, fields=wanted.fields, expand=wanted.expand)


def _without_token(cursor: Cursor) -> Cursor | None:
    """Where to go on without the token that has expired; None where that is not known, or was tried too often."""
    further = _before_last(cursor)
    if further is not None or cursor["last"] is None or cursor["back"] == MOST_RESTARTS:
        return further
    # More issues than a page were updated at one instant, as bulk changes do: they are begun again.
    return {**cursor, "token": None, "back": cursor["back"] + 1}


def _before_last(cursor: Cursor) -> Cursor | None:
    """A search that begins at the last issue that came; None where none did, or the search began there already.

    From the end of the minute in which that one was updated: sites may compare whole minutes only. Where that is where
    the search began, from the very instant.
    """
    if cursor["last"] is None:
        return None
    instant, began = cursor["last"][0], cursor["until"]
    minute = -(-instant // MINUTE) * MINUTE
    until = minute if began is None or began > minute else instant
    return None if until == began else {**cursor, "token": None, "until": until, "back": 0}


def _by_token(asked: RawAnswer, issues: Sequence[Any], cursor: Cursor, call: str) -> Cursor | None:
    following = next_page(asked.content, cursor, call)
    return following and {**following, "last": _last(issues) or cursor["last"]}


def _beyond(issues: Sequence[Any], cursor: Cursor) -> Cursor | None:
    """Where a search by token goes on whose site names no token, although it says that there is more."""
    return _before_last({**cursor, "page": cursor["page"] + 1, "last": _last(issues) or cursor["last"]})


def _by_position(asked: RawAnswer, issues: Sequence[Any], cursor: Cursor, call: str) -> Cursor | None:
    """Where the next page by position begins: a few issues before the end of this one.

    When an issue is deleted (or edited so that it no longer matches), all behind it move up by one, and the first of
    the next page would be skipped. So each page has to show something that was seen before, else it steps back. An
    issue that is edited moves to the front and pushes others back: these are read twice, which is harmless.
    """
    start, end, total = cursor["start"], cursor["start"] + len(issues), asked.content.get("total")
    following = {**cursor, "page": cursor["page"] + 1}
    if not _joins(issues, cursor):
        if cursor["back"] == MOST_STEPS_BACK:
            raise Permanent(
                f"{call}: the site's list of issues changed under {MOST_STEPS_BACK} pages: run it again later"
            )
        return {**following, "start": max(0, start - LARGEST_PAGE), "back": cursor["back"] + 1}
    new = sum(_id(issue) not in cursor["tail"] for issue in issues)
    # A short page is no end: an administrator can make pages smaller than what is asked for.
    if not issues or (end >= total if type(total) is int else not new):
        return None
    # At most half of a page again, so that pages of one or two issues get on as well.
    again = min(OVERLAP_ISSUES, len(issues) // 2)
    tail = [_id(issue) for issue in issues[len(issues) - again :]]
    return {**following, "start": end - again, "tail": tail, "last": _last(issues) or cursor["last"]}


def _joins(issues: Sequence[Any], cursor: Cursor) -> bool:
    """Whether nothing can lie between the page before and this one."""
    if not cursor["start"] or not cursor["tail"] or any(_id(issue) in cursor["tail"] for issue in issues):
        return True
    # All of the tail was edited and moved to the front: but what this page begins with is newer than where we were.
    first, last = _last(issues[:1]), cursor["last"]
    return first is not None and last is not None and first[0] > last[0]


def _last(issues: Sequence[Any]) -> list[Any] | None:
    """[time of the last update in epoch ms, id] of the last issue that can be read; None where none can."""
    for issue in reversed(issues):
        try:
            if type(issue) is dict:
                return [milliseconds(moment(section(issue, "fields"), "updated")), _id(issue)]
        except UnreadableError:
            continue
    return None


def _newest(issues: Sequence[Any]) -> datetime | None:
    """What the site's clock has passed for certain, where it does not tell the time: a page's newest come first."""
    first = _last(issues[::-1])
    return None if first is None else datetime.fromtimestamp(first[0] / 1000, UTC)


def _id(issue: Any) -> str:
    return str(issue.get("id")) if type(issue) is dict else ""


def _end_warning(content: Any, cursor: Cursor) -> str:
    """Of a last page that says itself that there is more.

    Some Cloud sites answer in the shape of the old search, which has no token to go on with.
    """
    if content.get("isLast") is False:
        return "the site ended a search too early: it has more pages, and names none"
    total, start = content.get("total"), content.get("startAt")
    seen = len(content["issues"]) + (start if type(start) is int else cursor["start"])
    if type(total) is not int or seen >= total or "isLast" in content:
        return ""
    return f"the site ended a search too early: {seen} of {total} issues came, and no way to get at the others"
