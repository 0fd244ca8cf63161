"""Everything but issues: the server, the caller, projects, statuses, fields.

https://developer.atlassian.com/cloud/jira/platform/rest/v3/intro/
"""

from integrations.sandbox.http import ApiError, Request, Response
from integrations.sandbox.jira.api import JiraApi, number, router
from integrations.sandbox.jira.catalog import Json, Project, Status, Workflow
from integrations.sandbox.jira.customfields import CUSTOM_FIELDS
from integrations.sandbox.jira.people import BASE_URL, PEOPLE
from integrations.sandbox.jira.systemfields import KINDS, system_field
from integrations.sandbox.jira.timestamps import stamp

MOST_PROJECTS = 100


@router.on("GET", "/rest/api/3/serverInfo")
def server_info(api: JiraApi, request: Request) -> Response:
    now = stamp(round(api.site.clock() * 1000), api.site.zone)
    shown: Json = {"baseUrl": BASE_URL, "version": "1001.0.0-SNAPSHOT", "versionNumbers": [1001, 0, 0]}
    shown |= {"deploymentType": "Cloud", "buildNumber": 100290, "serverTime": now, "serverTitle": "Jira"}
    return Response.json(shown | {"serverTimeZone": api.site.zone})


@router.on("GET", "/rest/api/3/myself")
def myself(api: JiraApi, request: Request) -> Response:
    return Response.json(PEOPLE[1] | {"timeZone": api.site.zone, "locale": "en_US"})


@router.on("GET", "/rest/api/3/project/search")
def project_search(api: JiraApi, request: Request) -> Response:
    """Paged by offset; more than 100 a page gives 100; no project at all gives 404, not an empty list."""
    start, most = number(request, "startAt", 0), min(number(request, "maxResults", 50), MOST_PROJECTS)
    # Both keys=A&keys=B and keys=A,B are seen in clients.
    wanted = [key for value in request.query.get("keys", []) for key in value.split(",")]
    projects = sorted(api.site.spec.projects, key=lambda project: project.key)
    found = [project for project in projects if not wanted or project.key in wanted]
    if not found:
        raise ApiError(404, "No projects found that match the search criteria.")
    page = found[start : start + most]
    types = "issueTypes" in request.text("expand").split(",")
    last = start + len(page) >= len(found)
    shown: Json = {"self": f"{BASE_URL}{request.path}?startAt={start}", "startAt": start, "maxResults": most}
    if not last:
        shown["nextPage"] = f"{BASE_URL}{request.path}?startAt={start + most}&maxResults={most}"
    return Response.json(shown | {"total": len(found), "isLast": last, "values": [p.json(types) for p in page]})


@router.on("GET", "/rest/api/3/status")
def statuses(api: JiraApi, request: Request) -> Response:
    """The statuses of active workflows only: a deleted one is not here although histories name it."""
    found: dict[str, Status] = {}
    for project in api.site.spec.projects:
        found |= {status.id: status for workflow in _workflows(project) for status in workflow.statuses}
    return Response.json([status.json() | {"untranslatedName": status.name} for status in found.values()])


@router.on("GET", "/rest/api/3/project/{key}/statuses")
def project_statuses(api: JiraApi, request: Request) -> Response:
    project = api.site.project(request.params["key"])
    if project is None:
        raise ApiError(404, f"No project could be found with key '{request.params['key']}'.")
    api.require_project(project.key)
    return Response.json([_type_with_statuses(project, place) for place in range(len(project.types))])


def _type_with_statuses(project: Project, place: int) -> Json:
    kind = project.types[place]
    # By id: a workflow may name one status twice, as first and as reopened.
    found = {status.id: status.json() for status in project.workflow_of(kind).statuses}
    shown = {name: value for name, value in kind.json().items() if name in ("self", "id", "name", "subtask")}
    return shown | {"statuses": list(found.values())}


def _workflows(project: Project) -> list[Workflow]:
    return [project.workflow, *([project.bug_workflow] if project.bug_workflow else [])]


@router.on("GET", "/rest/api/3/field")
def fields(api: JiraApi, request: Request) -> Response:
    return Response.json([system_field(name) for name in KINDS] + [custom.json() for custom in CUSTOM_FIELDS])
