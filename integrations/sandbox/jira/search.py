"""Searching issues by JQL, page by page, and fetching them by id."""

import hashlib
from bisect import bisect_right
from typing import Any

import orjson

from integrations.sandbox.http import ApiError, Request, Response
from integrations.sandbox.jira.api import JiraApi, cloud, make_token, number, read_body, read_token, strings
from integrations.sandbox.jira.entries import Entry
from integrations.sandbox.jira.jql import Query, parse
from integrations.sandbox.jira.rendering import Shape
from integrations.sandbox.jira.systemfields import KINDS, system_schema

DEFAULT_PAGE, MOST_WITH_FIELDS, MOST_IDS = 50, 100, 5000
MOST_FETCHED = 100
ALLOWED = {
    "jql": str,
    "nextPageToken": str,
    "maxResults": int,
    "fields": list,
    "expand": str,
    "properties": list,
    "fieldsByKeys": bool,
    "reconcileIssues": list,
}
FETCH_ALLOWED = {"issueIdsOrKeys": list, "fields": list, "expand": list, "properties": list, "fieldsByKeys": bool}


@cloud.on("POST", "/rest/api/3/search/jql")
def search_by_post(api: JiraApi, request: Request) -> Response:
    return _search(api, read_body(request, ALLOWED))


@cloud.on("GET", "/rest/api/3/search/jql")
def search_by_get(api: JiraApi, request: Request) -> Response:
    body: dict[str, Any] = {
        name: request.text(name) for name in ("jql", "nextPageToken", "expand") if name in request.query
    }
    body["maxResults"] = number(request, "maxResults", DEFAULT_PAGE)
    if "fields" in request.query:
        body["fields"] = request.listed("fields")
    return _search(api, body)


@cloud.on("POST", "/rest/api/3/search/approximate-count")
def approximate_count(api: JiraApi, request: Request) -> Response:
    jql, query = _query(api, read_body(request, {"jql": str}))
    return Response.json({"count": len(api.orders.of(jql, query, api.faults))})


def _query(api: JiraApi, body: dict[str, Any]) -> tuple[str, Query]:
    jql = str(body.get("jql", ""))
    query = parse(jql, api.account())
    for key in query.projects:
        api.require_project(key)
    return jql, query


def _search(api: JiraApi, body: dict[str, Any]) -> Response:
    """One page. The token is the position of the last issue shown: what is edited meanwhile moves between pages."""
    api.site.searched()
    jql, query = _query(api, body)
    most = _page_size(body)
    expand = {name.strip() for name in body.get("expand", "").split(",")}
    shape = Shape(tuple(map(str, body.get("fields") or ["id"])), "changelog" in expand)
    # Part of the token: one of another query is refused, as Jira does.
    asked = hashlib.sha256(jql.encode()).hexdigest()[:12]
    hits = api.orders.of(jql, query, api.faults)
    pages, start = 0, 0
    if "nextPageToken" in body:
        pages, position = _place(api, str(body["nextPageToken"]), asked)
        start = bisect_right(hits, position, key=lambda hit: hit[0])
    most = shortened(api, most if shape.only_id else min(most, MOST_WITH_FIELDS), jql, start)
    page = hits[start : start + most]
    more = start + len(page) < len(hits)
    token = _token(api, asked, body, pages + 1, page[-1][0]) if more else ""
    return Response(
        200, _page([issue_bytes(api, entry, shape) for _, entry in page], token, explained(api, shape, expand))
    )


def shortened(api: JiraApi, most: int, jql: str, start: int) -> int:
    """Fewer than asked for, by fault: the end of the hits cannot be told from a short page."""
    return api.faults.page_size(most, f"{jql}/{start}")


def _place(api: JiraApi, token: str, asked: str) -> tuple[int, tuple[int, ...]]:
    """How many pages were read before, and the position of the last issue shown. Raises ApiError 400."""
    # A token carries all that it stands for: the server remembers none.
    era, pages, *position = read_token(token, asked)
    if era != api.token_era or 0 < api.faults.token_pages <= pages:
        raise ApiError(400, "The nextPageToken is invalid or expired.")
    return pages, tuple(position)


def _page_size(body: dict[str, Any]) -> int:
    most = int(body.get("maxResults", DEFAULT_PAGE))
    if not 1 <= most <= MOST_IDS:
        raise ApiError(400, f"The maxResults must be between 1 and {MOST_IDS}.")
    return most


def _token(api: JiraApi, asked: str, body: dict[str, Any], pages: int, position: tuple[int, ...]) -> str:
    """The next page's token, or by fault the one that was just used."""
    if api.faults.repeat_token and "nextPageToken" in body:
        return str(body["nextPageToken"])
    return make_token(asked, api.token_era, pages, *position)


def issue_bytes(api: JiraApi, entry: Entry, shape: Shape) -> bytes:
    issue = api.renderer.issue(entry, shape)
    # A bare id has nothing that could be damaged.
    return issue if shape.only_id else api.faults.damaged(entry.key, issue)


def _page(issues: list[bytes], token: str, explained: dict[str, Any]) -> bytes:
    rest: dict[str, Any] = explained | ({"nextPageToken": token} if token else {}) | {"isLast": not token}
    return b'{"issues":[' + b",".join(issues) + b"]," + orjson.dumps(rest)[1:]


def explained(api: JiraApi, shape: Shape, expand: set[str]) -> dict[str, Any]:
    """`names` and `schema` of the fields shown, only where they were asked for."""
    names = {name: title for name, (title, _, _) in KINDS.items()} | {field.id: field.name for field in api.site.fields}
    schemas = {name: system_schema(name) for name, (_, kind, _) in KINDS.items() if kind}
    schemas |= {field.id: field.schema() for field in api.site.fields}
    both: dict[str, dict[str, Any]] = {"names": names, "schema": schemas}
    return {part: shape.chosen(values) for part, values in both.items() if part in expand}


@cloud.on("POST", "/rest/api/3/issue/bulkfetch")
def bulk_fetch(api: JiraApi, request: Request) -> Response:
    """What is found and what is not come together in one 200."""
    body = read_body(request, FETCH_ALLOWED)
    wanted = strings(body, "issueIdsOrKeys", MOST_FETCHED)
    if not wanted:
        raise ApiError(400, "The field issueIdsOrKeys must not be empty.")
    shape = Shape(tuple(strings(body, "fields", 1000)) or ("*navigable",), "changelog" in body.get("expand", []))
    found = {name: api.site.find(name) for name in wanted}
    readable = {e.id: e for e in found.values() if e and not api.faults.forbids(e.project.key)}
    explanation = explained(api, shape, set(map(str, body.get("expand", []))))
    issues = [_explaining(issue_bytes(api, entry, shape), explanation) for entry in readable.values()]
    lost = [name for name, entry in found.items() if entry is None or entry.id not in readable]
    message = "Issue does not exist or you do not have permission to see it."
    errors = [{"id": name, "errorMessage": message} for name in lost]
    return Response(200, b'{"issues":[' + b",".join(issues) + b"]," + orjson.dumps({"issueErrors": errors})[1:])


def _explaining(issue: bytes, explanation: dict[str, Any]) -> bytes:
    """Each issue of this answer explains its fields itself."""
    if not explanation or not issue.endswith(b"}"):
        return issue
    return issue[:-1] + b"," + orjson.dumps(explanation)[1:]
