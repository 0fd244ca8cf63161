"""What an issue may be created with: types of a project, fields of a type; or both at once, as old sites tell it.

https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/
https://docs.atlassian.com/software/jira/docs/api/REST/8.3.0/#api/2/issue-getCreateIssueMeta
The answers are empty, and no error, for an account that may not create issues.
"""

from integrations.sandbox.faults import Createmeta
from integrations.sandbox.http import ApiError, Request, Response
from integrations.sandbox.jira.api import JiraApi, cloud, data_center, number
from integrations.sandbox.jira.catalog import IssueType, Json, Project
from integrations.sandbox.jira.customfields import CustomField
from integrations.sandbox.jira.systemfields import KINDS, system_schema

MOST_A_PAGE = 200
REQUIRED = ("summary", "issuetype", "project")
CREATABLE = (
    *REQUIRED,
    "priority",
    "assignee",
    "reporter",
    "labels",
    "description",
    "duedate",
    "fixVersions",
    "components",
)


# By the name of the type: custom fields that it requires, and those that are not on its screen.
REQUIRED_OF = {"Bug": ("customfield_10030",), "Story": ("customfield_10028",)}
NOT_ON = {"Epic": ("customfield_10014", "customfield_10028"), "Bug": ("customfield_10044",)}


@cloud.on("GET", "/rest/api/[23]/issue/createmeta/{project}/issuetypes")
@data_center.on("GET", "/rest/api/2/issue/createmeta/{project}/issuetypes")
def types(api: JiraApi, request: Request) -> Response:
    _require(api, Createmeta.PAGED)
    project = api.project(request.params["project"])
    # A reading account cannot tell from the answer whether a project has no types or it may not know them.
    found = [kind.json() for kind in project.types] if api.may("CREATE_ISSUES", project.key) else []
    return _page(api, request, "issueTypes", found)


@cloud.on("GET", "/rest/api/[23]/issue/createmeta/{project}/issuetypes/{type}")
@data_center.on("GET", "/rest/api/2/issue/createmeta/{project}/issuetypes/{type}")
def fields(api: JiraApi, request: Request) -> Response:
    _require(api, Createmeta.PAGED)
    project = api.project(request.params["project"])
    kind = next((kind for kind in project.types if kind.id == request.params["type"]), None)
    if kind is None:
        raise ApiError(400, f"The issue type '{request.params['type']}' is not of the project {project.key}.")
    found = _fields(api, project, kind) if api.may("CREATE_ISSUES", project.key) else []
    return _page(api, request, "fields", found)


@cloud.on("GET", "/rest/api/[23]/issue/createmeta")
@data_center.on("GET", "/rest/api/2/issue/createmeta")
def whole(api: JiraApi, request: Request) -> Response:
    """The projects that are asked for; a project that may not be known is left out. Fields only where asked for."""
    _require(api, Createmeta.WHOLE)
    wanted = request.listed("projectIds") + request.listed("projectKeys")
    named = [project for project in api.site.projects if not wanted or {project.id, project.key} & set(wanted)]
    expand = "projects.issuetypes.fields" in request.listed("expand")
    shown = [_whole(api, project, expand) for project in named if api.may("CREATE_ISSUES", project.key)]
    return api.json({"expand": "projects", "projects": shown})


def _whole(api: JiraApi, project: Project, expand: bool) -> Json:
    kinds = [kind.json() for kind in project.types]
    if expand:
        fields = [{one["fieldId"]: one for one in _fields(api, project, kind)} for kind in project.types]
        kinds = [kind | {"fields": found} for kind, found in zip(kinds, fields, strict=True)]
    return {"id": project.id, "key": project.key, "name": project.name, "issuetypes": kinds}


def _require(api: JiraApi, form: Createmeta) -> None:
    """Raises ApiError 404, as for an issue of that name, where the site does not tell it in this form."""
    if api.faults.createmeta is not form:
        raise ApiError(404, "Issue Does Not Exist")


def _fields(api: JiraApi, project: Project, kind: IssueType) -> list[Json]:
    system = [_field(name, KINDS[name][0], system_schema(name), name in REQUIRED) for name in CREATABLE]
    return system + [_custom(field, kind) for field in api.site.fields if _is_on(field, project, kind)]


def _is_on(field: CustomField, project: Project, kind: IssueType) -> bool:
    """Whether the type's screen has the field."""
    return field.scope in ("", project.id) and field.id not in NOT_ON.get(kind.name, ())


def _custom(field: CustomField, kind: IssueType) -> Json:
    return _field(field.id, field.name, field.schema(), field.id in REQUIRED_OF.get(kind.name, ()))


def _field(name: str, title: str, schema: Json, required: bool) -> Json:
    operations = ["add", "set", "remove"] if schema["type"] == "array" else ["set"]
    shown: Json = {"required": required, "schema": schema, "name": title, "key": name, "fieldId": name}
    return shown | {"hasDefaultValue": False, "operations": operations}


def _page(api: JiraApi, request: Request, name: str, found: list[Json]) -> Response:
    """Paged by offset. Cloud calls the list by what it holds, Data Center always `values`."""
    start, most = number(request, "startAt", 0), min(number(request, "maxResults", 50), MOST_A_PAGE)
    shown: Json = {"maxResults": most, "startAt": start, "total": len(found)}
    page = found[start : start + most]
    return api.json(shown | {"values" if api.is_data_center else name: page})
