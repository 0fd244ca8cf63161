"""What an issue may be created with: types of a project, fields of a type.

https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/
The answers are empty, and no error, for an account that may not create issues.
"""

from integrations.sandbox.http import ApiError, Request, Response
from integrations.sandbox.jira.api import JiraApi, cloud, data_center, number
from integrations.sandbox.jira.catalog import Json
from integrations.sandbox.jira.customfields import CUSTOM_FIELDS
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


@cloud.on("GET", "/rest/api/[23]/issue/createmeta/{project}/issuetypes")
@data_center.on("GET", "/rest/api/2/issue/createmeta/{project}/issuetypes")
def types(api: JiraApi, request: Request) -> Response:
    project = api.project(request.params["project"])
    # A reading account cannot tell from the answer whether a project has no types or it may not know them.
    found = [kind.json() for kind in project.types] if api.may("CREATE_ISSUES", project.key) else []
    return _page(api, request, "issueTypes", found)


@cloud.on("GET", "/rest/api/[23]/issue/createmeta/{project}/issuetypes/{type}")
@data_center.on("GET", "/rest/api/2/issue/createmeta/{project}/issuetypes/{type}")
def fields(api: JiraApi, request: Request) -> Response:
    project = api.project(request.params["project"])
    if request.params["type"] not in {kind.id for kind in project.types}:
        raise ApiError(400, f"The issue type '{request.params['type']}' is not of the project {project.key}.")
    return _page(api, request, "fields", _fields() if api.may("CREATE_ISSUES", project.key) else [])


def _fields() -> list[Json]:
    system = [(name, KINDS[name][0], system_schema(name)) for name in CREATABLE]
    custom = [(field.id, field.name, field.schema()) for field in CUSTOM_FIELDS]
    return [_field(*known) for known in (*system, *custom)]


def _field(name: str, title: str, schema: Json) -> Json:
    shown: Json = {"required": name in REQUIRED, "schema": schema, "name": title, "key": name, "fieldId": name}
    return shown | {"hasDefaultValue": False, "operations": ["set"]}


def _page(api: JiraApi, request: Request, name: str, found: list[Json]) -> Response:
    """Paged by offset. Cloud calls the list by what it holds, Data Center always `values`."""
    start, most = number(request, "startAt", 0), min(number(request, "maxResults", 50), MOST_A_PAGE)
    shown: Json = {"maxResults": most, "startAt": start, "total": len(found)}
    page = found[start : start + most]
    return api.json(shown | {"values" if api.is_data_center else name: page})
