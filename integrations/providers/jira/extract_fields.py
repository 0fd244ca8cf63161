"""On demand: the custom fields of a site, and which of them projects offer where the account may create issues.

The list of all fields comes first and is enough. What a project offers for new issues adds which of its types offer a
field and require it, and the operations; an account that only reads is refused that, or gets empty pages.
"""

from typing import Any

import orjson

from integrations.errors import Permanent
from integrations.http import Response
from integrations.json_values import Json
from integrations.provider import Answer, Connection, Cursor, Partition, PlanContext, RawAnswer, Step
from integrations.providers.jira.answers import answer_of
from integrations.providers.jira.client import JiraClient
from integrations.providers.jira.extract_catalogue import ProjectsStep, next_start, projects_in_scope
from integrations.providers.jira.fields import createmeta_entries
from integrations.providers.jira.normalise import CREATEMETA, CREATEMETA_FIELDS, CREATEMETA_TYPES, FIELDS
from integrations.providers.jira.recognise import digest, recognise_fields
from integrations.providers.jira.shapes import array, entries
from integrations.providers.jira.steps import JiraStep

# The site does not have the call, has it no more, or never had it in this method.
_GONE = (404, 405, 410)
# Reading does not need the permission, so its lack is no error.
_REFUSED = (403, *_GONE)
# The type may have left the project since its types were listed.
_TYPE_REFUSED = (400, *_REFUSED)


class FieldsStep(JiraStep):
    declared = Step("jira_custom_fields", 5, "Custom Fields", (ProjectsStep.declared.name,), on_demand=True)
    calls = "the list of /field or a page of /issue/createmeta"

    def plan(self, connection: Connection, context: PlanContext) -> list[Partition]:
        projects = [(project.external_id, project.key) for project in projects_in_scope(connection, context)]
        return [Partition("fields", {"projects": projects})]

    def fetch(self, client: JiraClient, connection: Connection, cursor: Cursor) -> Answer:
        if "type_id" in cursor:
            return _fields_of_type(client, cursor)
        if "whole" in cursor:
            return _whole_project(client, cursor)
        return _types_of_project(client, cursor) if "project_id" in cursor else _all_fields(client, cursor)

    def recognise(self, content: Any) -> tuple[str, str] | None:
        return recognise_fields(content)


def _all_fields(client: JiraClient, cursor: Cursor) -> Answer:
    response = client.fields()
    asked = RawAnswer(FIELDS, "fields", response.json())
    array(asked)
    projects = [
        Partition(f"types:{project_id}", {"project_id": project_id, "project_key": key, "start_at": 0})
        for project_id, key in cursor["projects"]
    ]
    return answer_of(asked, response, partitions=tuple(projects))


def _types_of_project(client: JiraClient, cursor: Cursor) -> Answer:
    """A page. Where there is none the project is asked for in the old way: for long that was the only one."""
    project_id, start = cursor["project_id"], cursor["start_at"]
    name, metadata = f"project:{project_id}:types:{start}", _about(cursor)
    try:
        response = client.createmeta_types(project_id, start)
    except Permanent as error:
        asked = RawAnswer(CREATEMETA_TYPES, name, None, metadata)
        if error.status in _GONE:
            return _refused(asked, error, following=_whole(cursor))
        return _refused(asked, error, _may_not_create(cursor))
    asked = RawAnswer(CREATEMETA_TYPES, name, response.json(), metadata)
    _, listed = createmeta_entries(asked)
    following = _next_page(asked, cursor, listed, response) if listed else _whole(cursor)
    return answer_of(asked, response, following, partitions=_types_apart(listed, cursor))


def _types_apart(types: list[Any], cursor: Cursor) -> tuple[Partition, ...]:
    """One partition for the fields of each type. A type may come on two pages that change: keys are unique in a run."""
    project_id, start = cursor["project_id"], cursor["start_at"]
    found = [str(kind["id"]) for kind in types if type(kind) is dict and kind.get("id")]
    about = {"project_id": project_id, "project_key": cursor["project_key"], "start_at": 0}
    return tuple(
        Partition(f"fields:{project_id}:{start}:{type_id}", {**about, "type_id": type_id})
        for type_id in dict.fromkeys(found)
    )


def _fields_of_type(client: JiraClient, cursor: Cursor) -> Answer:
    project_id, type_id, start = cursor["project_id"], cursor["type_id"], cursor["start_at"]
    name, metadata = f"project:{project_id}:type:{type_id}:fields:{start}", {**_about(cursor), "type_id": type_id}
    try:
        response = client.createmeta_fields(project_id, type_id, start)
    except Permanent as error:
        return _refused(RawAnswer(CREATEMETA_FIELDS, name, None, metadata), error, accepted=_TYPE_REFUSED)
    asked = RawAnswer(CREATEMETA_FIELDS, name, response.json(), metadata)
    return answer_of(asked, response, _next_page(asked, cursor, createmeta_entries(asked)[1], response))


def _whole_project(client: JiraClient, cursor: Cursor) -> Answer:
    """All types of a project with all their fields, at once."""
    name, metadata = f"project:{cursor['project_id']}:createmeta", _about(cursor)
    try:
        response = client.createmeta(cursor["project_id"])
    except Permanent as error:
        return _refused(RawAnswer(CREATEMETA, name, None, metadata), error, _may_not_create(cursor))
    asked = RawAnswer(CREATEMETA, name, response.json(), metadata)
    return answer_of(asked, response, warning="" if entries(asked, "projects") else _may_not_create(cursor))


def _about(cursor: Cursor) -> dict[str, Any]:
    return {"project_id": cursor["project_id"], "project_key": cursor["project_key"]}


def _whole(cursor: Cursor) -> Cursor | None:
    """The old way to ask, in place of a first page."""
    return {**_about(cursor), "whole": True} if cursor["start_at"] == 0 else None


def _may_not_create(cursor: Cursor) -> str:
    key = cursor["project_key"]
    return f"the account may not create issues in {key}: which of its types offer a field is not known"


def _refused(
    asked: RawAnswer,
    error: Permanent,
    warning: str = "",
    *,
    following: Cursor | None = None,
    accepted: tuple[int, ...] = _REFUSED,
) -> Answer:
    """An answer that says that there is none. Raises the error where it is another one than those expected."""
    if error.status not in accepted:
        raise error
    # What came may be a page for people.
    body = orjson.dumps({"errorMessages": [str(error)]})
    metadata = {**asked.metadata, "status": error.status}
    return Answer(asked.entity_type, asked.external_id, body, metadata, following, warning=warning)


def _next_page(page: RawAnswer, cursor: Cursor, listed: list[Any], response: Response) -> Cursor | None:
    """Where the next page begins, None after the last one. Raises Permanent where the site comes no further."""
    start = next_start({**page.content, "values": listed}, cursor["start_at"])
    if start is None:
        return None
    told = digest(listed, "fieldId" if "type_id" in cursor else "id")
    if told != cursor.get("page") or _is_listed_again(page.content, listed, cursor):
        return {**cursor, "start_at": start, "page": told}
    if page.content.get("isLast") is False or type(page.content.get("total")) is int:
        raise Permanent(f"{response.call}: startAt {cursor['start_at']}: the site gave the page before once more")
    # It has no pages at all, and says nothing of them.
    return None


def _is_listed_again(content: Json, listed: list[Any], cursor: Cursor) -> bool:
    """Whether a page like the one before may well be the next one: where a page is one entry, it may be listed twice.

    Only where the site says which page it is, and how many there are: else there would be no end.
    """
    total = content.get("total")
    start = cursor["start_at"]
    return len(listed) == 1 and content.get("startAt") == start and type(total) is int and start < total
