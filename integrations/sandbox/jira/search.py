"""Searching issues by JQL, page by page, and fetching them by id."""

import hashlib
from bisect import bisect_right
from typing import Any

import orjson

from integrations.sandbox.http import ApiError, Request, Response
from integrations.sandbox.jira.api import JiraApi, make_token, number, read_body, read_token, router, strings
from integrations.sandbox.jira.customfields import CUSTOM_FIELDS
from integrations.sandbox.jira.entries import Entry
from integrations.sandbox.jira.jql import Query, parse
from integrations.sandbox.jira.rendering import Shape
from integrations.sandbox.jira.systemfields import KINDS, system_schema
from integrations.sandbox.jira.timestamps import zone_of

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


@router.on("POST", "/rest/api/3/search/jql")
def search_by_post(api: JiraApi, request: Request) -> Response:
    return _search(api, read_body(request, ALLOWED))


@router.on("GET", "/rest/api/3/search/jql")
def search_by_get(api: JiraApi, request: Request) -> Response:
    body: dict[str, Any] = {
        name: request.text(name) for name in ("jql", "nextPageToken", "expand") if name in request.query
    }
    body["maxResults"] = number(request, "maxResults", DEFAULT_PAGE)
    if "fields" in request.query:
        body["fields"] = [name for value in request.query["fields"] for name in value.split(",")]
    return _search(api, body)


@router.on("POST", "/rest/api/3/search/approximate-count")
def approximate_count(api: JiraApi, request: Request) -> Response:
    jql, query = _query(api, read_body(request, {"jql": str}))
    return Response.json({"count": len(api.orders.of(jql, query))})


def _query(api: JiraApi, body: dict[str, Any]) -> tuple[str, Query]:
    jql = str(body.get("jql", ""))
    query = parse(jql, api.site.spec.projects, zone_of(api.site.zone))
    for key in query.projects:
        api.require_project(key)
    return jql, query


def _search(api: JiraApi, body: dict[str, Any]) -> Response:
    """One page. The token is the position of the last issue shown: what is edited meanwhile moves between pages."""
    jql, query = _query(api, body)
    most = _page_size(body)
    expand = {name.strip() for name in body.get("expand", "").split(",")}
    shape = Shape(tuple(map(str, body.get("fields") or ["id"])), "changelog" in expand)
    # Part of the token: one of another query is refused, as Jira does.
    asked = hashlib.sha256(jql.encode()).hexdigest()[:12]
    hits = api.orders.of(jql, query)
    start = 0
    if "nextPageToken" in body:
        start = bisect_right(hits, tuple(read_token(body["nextPageToken"], asked)), key=lambda hit: hit[0])
    page = hits[start : start + (most if shape.only_id else min(most, MOST_WITH_FIELDS))]
    more = start + len(page) < len(hits)
    token = _token(api, asked, body, page[-1][0]) if more else ""
    return Response(200, _page([_issue(api, entry, shape) for _, entry in page], token, _explained(shape, expand)))


def _page_size(body: dict[str, Any]) -> int:
    most = int(body.get("maxResults", DEFAULT_PAGE))
    if not 1 <= most <= MOST_IDS:
        raise ApiError(400, f"The maxResults must be between 1 and {MOST_IDS}.")
    return most


def _token(api: JiraApi, asked: str, body: dict[str, Any], position: tuple[int, ...]) -> str:
    """The next page's token, or by fault the one that was just used."""
    if api.faults.repeat_token and "nextPageToken" in body:
        return str(body["nextPageToken"])
    return make_token(asked, *position)


def _issue(api: JiraApi, entry: Entry, shape: Shape) -> bytes:
    issue = api.renderer.issue(entry, shape)
    # A bare id has nothing that could be damaged.
    return issue if shape.only_id else api.faults.damaged(entry.key, issue)


def _page(issues: list[bytes], token: str, explained: dict[str, Any]) -> bytes:
    rest: dict[str, Any] = explained | ({"nextPageToken": token} if token else {}) | {"isLast": not token}
    return b'{"issues":[' + b",".join(issues) + b"]," + orjson.dumps(rest)[1:]


def _explained(shape: Shape, expand: set[str]) -> dict[str, Any]:
    """`names` and `schema` of the fields shown, only where they were asked for."""
    names = {name: title for name, (title, _, _) in KINDS.items()} | {
        custom.id: custom.name for custom in CUSTOM_FIELDS
    }
    schemas = {name: system_schema(name) for name, (_, kind, _) in KINDS.items() if kind}
    schemas |= {custom.id: custom.schema() for custom in CUSTOM_FIELDS}
    both: dict[str, dict[str, Any]] = {"names": names, "schema": schemas}
    return {part: shape.chosen(values) for part, values in both.items() if part in expand}


@router.on("POST", "/rest/api/3/issue/bulkfetch")
def bulk_fetch(api: JiraApi, request: Request) -> Response:
    """What is found and what is not come together in one 200."""
    body = read_body(request, FETCH_ALLOWED)
    wanted = strings(body, "issueIdsOrKeys", MOST_FETCHED)
    if not wanted:
        raise ApiError(400, "The field issueIdsOrKeys must not be empty.")
    shape = Shape(tuple(strings(body, "fields", 1000)) or ("*navigable",), "changelog" in body.get("expand", []))
    found = {name: api.site.find(name) for name in wanted}
    readable = {e.id: e for e in found.values() if e and e.project.key != api.faults.forbidden_project}
    issues = [_issue(api, entry, shape) for entry in readable.values()]
    lost = [name for name, entry in found.items() if entry is None or entry.id not in readable]
    message = "Issue does not exist or you do not have permission to see it."
    errors = [{"id": name, "errorMessage": message} for name in lost]
    return Response(200, b'{"issues":[' + b",".join(issues) + b"]," + orjson.dumps({"issueErrors": errors})[1:])
