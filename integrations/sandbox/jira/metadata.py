"""Everything but issues: the server, the caller, projects, statuses, fields.

https://developer.atlassian.com/cloud/jira/platform/rest/v3/intro/
"""

from integrations.sandbox.http import ApiError, Request, Response
from integrations.sandbox.jira.api import JiraApi, cloud, data_center, number
from integrations.sandbox.jira.catalog import Json, Project
from integrations.sandbox.jira.people import BASE_URL, PEOPLE
from integrations.sandbox.jira.systemfields import KINDS, system_field
from integrations.sandbox.jira.timestamps import stamp

MOST_PROJECTS = 100
CLOUD_VERSION: Json = {"version": "1001.0.0-SNAPSHOT", "versionNumbers": [1001, 0, 0], "deploymentType": "Cloud"}
SERVER_VERSION: Json = {"version": "10.3.24", "versionNumbers": [10, 3, 24], "deploymentType": "Server"}


@cloud.on("GET", "/rest/api/[23]/serverInfo")
@data_center.on("GET", "/rest/api/2/serverInfo")
def server_info(api: JiraApi, request: Request) -> Response:
    now = stamp(round(api.site.clock() * 1000), api.site.zone)
    shown: Json = {"baseUrl": BASE_URL} | (SERVER_VERSION if api.is_data_center else CLOUD_VERSION)
    shown |= {"buildNumber": 100290, "buildDate": "2026-01-12T00:00:00.000+0000", "serverTime": now}
    return Response.json(shown | {"scmInfo": "9d700605f271", "serverTitle": "Jira", "serverTimeZone": api.site.zone})


@cloud.on("GET", "/rest/api/[23]/myself")
@data_center.on("GET", "/rest/api/2/myself")
def myself(api: JiraApi, request: Request) -> Response:
    return api.json(PEOPLE[1] | {"timeZone": api.site.zone, "locale": "en_US"})


@cloud.on("GET", "/rest/api/3/project/search")
def project_search(api: JiraApi, request: Request) -> Response:
    """Paged by offset; more than 100 a page gives 100; no project at all gives 404, not an empty list."""
    start, most = number(request, "startAt", 0), min(number(request, "maxResults", 50), MOST_PROJECTS)
    # Both keys=A&keys=B and keys=A,B are seen in clients.
    wanted = [key for value in request.query.get("keys", []) for key in value.split(",")]
    found = [project for project in _visible(api) if not wanted or project.key in wanted]
    if not found:
        raise ApiError(404, "No projects found that match the search criteria.")
    page = found[start : start + most]
    types = "issueTypes" in request.text("expand").split(",")
    last = start + len(page) >= len(found)
    shown: Json = {"self": f"{BASE_URL}{request.path}?startAt={start}", "startAt": start, "maxResults": most}
    if not last:
        shown["nextPage"] = f"{BASE_URL}{request.path}?startAt={start + most}&maxResults={most}"
    return Response.json(shown | {"total": len(found), "isLast": last, "values": [p.json(types) for p in page]})


@data_center.on("GET", "/rest/api/2/project")
def projects(api: JiraApi, request: Request) -> Response:
    """All at once, and types only where they are asked for, as on Cloud."""
    types = "issueTypes" in request.text("expand").split(",")
    return api.json([project.json(types) for project in _visible(api)])


def _visible(api: JiraApi) -> list[Project]:
    """By key. A forbidden project is listed: what is refused are its issues and statuses."""
    return sorted(api.site.projects, key=lambda project: project.key) if api.may("BROWSE_PROJECTS") else []


@cloud.on("GET", "/rest/api/3/project/{key}")
@data_center.on("GET", "/rest/api/2/project/{key}")
def project(api: JiraApi, request: Request) -> Response:
    found = api.project(request.params["key"])
    api.require_project(found.key)
    return api.json(found.json(issue_types=True))


@cloud.on("GET", "/rest/api/3/status")
@data_center.on("GET", "/rest/api/2/status")
def statuses(api: JiraApi, request: Request) -> Response:
    """The statuses of active workflows only: a deleted one is not here although histories name it."""
    return api.json([status.json() | {"untranslatedName": status.name} for status in api.site.statuses()])


@cloud.on("GET", "/rest/api/3/project/{key}/statuses")
@data_center.on("GET", "/rest/api/2/project/{key}/statuses")
def project_statuses(api: JiraApi, request: Request) -> Response:
    found = api.project(request.params["key"])
    api.require_project(found.key)
    return api.json([_type_with_statuses(api, found, place) for place in range(len(found.types))])


def _type_with_statuses(api: JiraApi, project: Project, place: int) -> Json:
    kind = project.types[place]
    # By id: a workflow may name one status twice, as first and as reopened.
    found = {status.id: api.site.shown(status).json() for status in project.workflow_of(kind).statuses}
    shown = {name: value for name, value in kind.json().items() if name in ("self", "id", "name", "subtask")}
    return shown | {"statuses": list(found.values())}


@cloud.on("GET", "/rest/api/3/field")
@data_center.on("GET", "/rest/api/2/field")
def fields(api: JiraApi, request: Request) -> Response:
    return api.json([system_field(name) for name in KINDS] + [custom.json() for custom in api.site.fields])
