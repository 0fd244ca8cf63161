"""Data Center: searching by offset, and one issue.

https://docs.atlassian.com/software/jira/docs/api/REST/latest/#search
"""

from typing import Any

import orjson

from integrations.sandbox.http import ApiError, Request, Response
from integrations.sandbox.jira.api import JiraApi, cloud, data_center, number, read_body
from integrations.sandbox.jira.jql import parse
from integrations.sandbox.jira.rendering import Shape
from integrations.sandbox.jira.search import DEFAULT_PAGE, explained, issue_bytes, shortened

ALLOWED = {"jql": str, "startAt": int, "maxResults": int, "fields": list, "expand": list, "validateQuery": bool}


@data_center.on("POST", "/rest/api/2/search")
def search_by_post(api: JiraApi, request: Request) -> Response:
    return _search(api, read_body(request, ALLOWED))


@data_center.on("GET", "/rest/api/2/search")
def search_by_get(api: JiraApi, request: Request) -> Response:
    body: dict[str, Any] = {"jql": request.text("jql"), "startAt": number(request, "startAt", 0)}
    body["maxResults"] = number(request, "maxResults", DEFAULT_PAGE)
    body |= {name: request.listed(name) for name in ("fields", "expand") if name in request.query}
    return _search(
        api, body | {"validateQuery": request.text("validateQuery", "true").lower() not in ("false", "none")}
    )


def _search(api: JiraApi, body: dict[str, Any]) -> Response:
    """One page by offset: what is edited meanwhile shifts the rest. The answer's `maxResults` is the cap that holds."""
    api.site.searched()
    jql, start = str(body.get("jql", "")), int(body.get("startAt", 0))
    most = min(int(body.get("maxResults", DEFAULT_PAGE)), api.page_cap)
    if start < 0 or most < 0:
        raise ApiError(400, "startAt and maxResults must not be negative.")
    # Without validation, what does not exist is no hit and no error.
    query = parse(jql, api.account(strict=body.get("validateQuery", True)))
    for key in query.projects:
        api.require_project(key)
    hits = api.orders.of(jql, query, api.faults)
    expand = {name for part in body.get("expand", []) for name in str(part).split(",")}
    shape = Shape(tuple(map(str, body.get("fields") or ["*navigable"])), "changelog" in expand)
    page = [entry for _, entry in hits[start : start + shortened(api, most, jql, start)]]
    issues = [issue_bytes(api, entry, shape) for entry in page]
    head = {"startAt": start, "maxResults": most, "total": len(hits)} | explained(api, shape, expand)
    return Response(200, orjson.dumps(head)[:-1] + b',"issues":[' + b",".join(issues) + b"]}")


@cloud.on("GET", "/rest/api/3/issue/{key}")
@data_center.on("GET", "/rest/api/2/issue/{key}")
def issue(api: JiraApi, request: Request) -> Response:
    """By id, key, or a key that it had before it was moved."""
    entry = api.entry(request.params["key"])
    fields = tuple(request.listed("fields")) or ("*all",)
    return Response(200, api.renderer.issue(entry, Shape(fields, "changelog" in request.listed("expand"))))
