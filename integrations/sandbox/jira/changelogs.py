"""Whole changelogs: of one issue (oldest first, by offset), or of many at once (by date, maybe split over pages)."""

import hashlib
from typing import Any

from integrations.sandbox.http import ApiError, Request, Response
from integrations.sandbox.jira.api import JiraApi, cloud, make_token, number, read_body, read_token, strings
from integrations.sandbox.jira.catalog import API, Json
from integrations.sandbox.jira.entries import Entry
from integrations.sandbox.jira.histories import History
from integrations.sandbox.jira.rendering import history_json

MOST_A_PAGE, MOST_BULK_PAGE = 100, 10_000
MOST_ISSUES, MOST_FIELDS = 1000, 10
ALLOWED = {"issueIdsOrKeys": list, "fieldIds": list, "maxResults": int, "nextPageToken": str}


@cloud.on("GET", "/rest/api/3/issue/{key}/changelog")
def changelog(api: JiraApi, request: Request) -> Response:
    entry = api.entry(request.params["key"])
    start, most = number(request, "startAt", 0), min(number(request, "maxResults", MOST_A_PAGE), MOST_A_PAGE)
    histories = api.site.issue(entry).histories
    page = histories[start : start + most]
    last = start + len(page) >= len(histories)
    here = f"{API}/issue/{entry.id}/changelog"
    shown: Json = {"self": f"{here}?startAt={start}&maxResults={most}", "maxResults": most, "startAt": start}
    if not last:
        shown["nextPage"] = f"{here}?startAt={start + most}&maxResults={most}"
    values = [history_json(history, entry.project.zone) for history in page]
    return Response.json(shown | {"total": len(histories), "isLast": last, "values": values})


@cloud.on("POST", "/rest/api/3/changelog/bulkfetch")
def bulk_fetch(api: JiraApi, request: Request) -> Response:
    """All histories of all issues merged by date, then id; `created` is a number here (epoch ms), unlike above."""
    body = read_body(request, ALLOWED)
    wanted, fields = strings(body, "issueIdsOrKeys", MOST_ISSUES), strings(body, "fieldIds", MOST_FIELDS)
    most = body.get("maxResults", 1000)
    if not wanted or not 1 <= most <= MOST_BULK_PAGE:
        raise ApiError(400, f"issueIdsOrKeys must not be empty and maxResults be between 1 and {MOST_BULK_PAGE}.")
    asked = hashlib.sha256(repr((wanted, fields)).encode()).hexdigest()[:12]
    after = tuple(read_token(body["nextPageToken"], asked)) if "nextPageToken" in body else ()
    # By place and not by offset: what is appended meanwhile shifts nothing.
    rows = [row for row in _merged(api, wanted, set(fields)) if _place(row) > after]
    page = rows[:most]
    token = {"nextPageToken": make_token(asked, *_place(page[-1]))} if len(rows) > most else {}
    return Response.json({"issueChangeLogs": _by_issue(page)} | token)


def _place(row: tuple[History, Entry]) -> tuple[Any, ...]:
    return row[0].at, row[0].id


def _merged(api: JiraApi, wanted: list[str], fields: set[str]) -> list[tuple[History, Entry]]:
    """Unknown issues and those of a forbidden project are left out without a word, as Jira does."""
    entries = {entry.id: entry for name in wanted if (entry := api.site.find(name))}
    readable = [entry for entry in entries.values() if not api.faults.forbids(entry.project.key)]
    rows = [(history, entry) for entry in readable for history in api.site.issue(entry).histories]
    if fields:
        rows = [row for row in rows if any(change.get("fieldId") in fields for change in row[0].items)]
    return sorted(rows, key=_place)


def _by_issue(page: list[tuple[History, Entry]]) -> list[Json]:
    grouped: dict[int, list[Json]] = {}
    for history, entry in page:
        shown = history_json(history, entry.project.zone) | {"created": history.at}
        grouped.setdefault(entry.id, []).append(shown)
    return [{"issueId": str(issue), "changeHistories": histories} for issue, histories in grouped.items()]
