"""What the calling account may do.

https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-permissions/
"""

from integrations.sandbox.http import ApiError, Request, Response
from integrations.sandbox.jira.api import JiraApi, cloud, data_center
from integrations.sandbox.jira.catalog import Json

# Name, and whether it is one of a project. An account for reading is no administrator.
KNOWN = {
    "BROWSE_PROJECTS": ("Browse Projects", True),
    "CREATE_ISSUES": ("Create Issues", True),
    "EDIT_ISSUES": ("Edit Issues", True),
    "VIEW_DEV_TOOLS": ("View Development Tools", True),
    "VIEW_READONLY_WORKFLOW": ("View Read-Only Workflow", True),
    "ADMINISTER_PROJECTS": ("Administer Projects", True),
    "ADMINISTER": ("Administer Jira", False),
    "USER_PICKER": ("Browse users and groups", False),
}


@cloud.on("GET", "/rest/api/[23]/mypermissions")
def my_permissions(api: JiraApi, request: Request) -> Response:
    """Cloud answers only about the permissions that are named."""
    if "permissions" not in request.query:
        # Once it told all of them, and some clients still rely on that.
        raise ApiError(400, "The 'permissions' query parameter is required.")
    return _answer(api, request)


@data_center.on("GET", "/rest/api/2/mypermissions")
def my_permissions_there(api: JiraApi, request: Request) -> Response:
    """Data Center tells all of them."""
    return _answer(api, request)


def _answer(api: JiraApi, request: Request) -> Response:
    named = [name for value in request.query.get("permissions", []) for name in value.split(",")]
    unknown = [name for name in named if name not in KNOWN]
    if unknown:
        raise ApiError(400, f"Unrecognized permissions: {', '.join(unknown)}.")
    asked = request.text("projectKey") or request.text("projectId")
    project = api.project(asked).key if asked else None
    return Response.json({"permissions": {name: _permission(api, name, project) for name in named or KNOWN}})


def _permission(api: JiraApi, name: str, project: str | None) -> Json:
    title, of_project = KNOWN[name]
    shown: Json = {"id": str(10 + list(KNOWN).index(name)), "key": name, "name": title, "description": ""}
    kind = "PROJECT" if of_project else "GLOBAL"
    return shown | {"type": kind, "havePermission": api.may(name, project if of_project else None)}
