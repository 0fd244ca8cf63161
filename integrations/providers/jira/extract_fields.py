"""On demand: the custom fields of a site, and what they may be set to where the account may create issues.

The list of all fields comes first and is enough. What projects offer for new issues adds the operations of each field;
an account that only reads is refused that, or gets empty pages.
"""

from typing import Any

from integrations.provider import Answer, Connection, Cursor, Partition, PlanContext, RawAnswer, Step
from integrations.providers.jira.answers import answer_of
from integrations.providers.jira.catalogue import createmeta_entries
from integrations.providers.jira.client import JiraClient
from integrations.providers.jira.extract_catalogue import projects_in_scope
from integrations.providers.jira.normalise import CREATEMETA_FIELDS, CREATEMETA_TYPES, FIELDS
from integrations.providers.jira.recognise import recognise_fields
from integrations.providers.jira.shapes import array
from integrations.providers.jira.steps import JiraStep


class FieldsStep(JiraStep):
    declared = Step("jira_custom_fields", 5, "Custom Fields", on_demand=True)
    calls = "the list of /field or a page of /issue/createmeta"

    def plan(self, connection: Connection, context: PlanContext) -> list[Partition]:
        projects = [(project.external_id, project.key) for project in projects_in_scope(connection, context)]
        return [Partition("fields", {"projects": projects})]

    def fetch(self, client: JiraClient, connection: Connection, cursor: Cursor) -> Answer:
        if "type_id" in cursor:
            return _fields_of_type(client, cursor)
        return _types_of_project(client, cursor) if "project_id" in cursor else _all_fields(client, cursor)

    def recognise(self, content: Any) -> tuple[str, str] | None:
        return recognise_fields(content)


def _all_fields(client: JiraClient, cursor: Cursor) -> Answer:
    """All fields of the site. Only then the projects are asked: what they say is newer, so it stays."""
    response = client.fields()
    asked = RawAnswer(FIELDS, "fields", response.json())
    array(asked)
    projects = [
        Partition(f"types:{project_id}", {"project_id": project_id, "project_key": key, "start_at": 0})
        for project_id, key in cursor["projects"]
    ]
    return answer_of(asked, response, partitions=tuple(projects))


def _types_of_project(client: JiraClient, cursor: Cursor) -> Answer:
    project_id, start = cursor["project_id"], cursor["start_at"]
    response = client.createmeta_types(project_id, start)
    metadata = {"project_id": project_id, "project_key": cursor["project_key"]}
    asked = RawAnswer(CREATEMETA_TYPES, f"project:{project_id}:types:{start}", response.json(), metadata)
    _, listed = ("", []) if response.status >= 400 else createmeta_entries(asked)
    if not listed and start == 0:
        said = f"the account may not create issues in {cursor['project_key']}: its fields come without their operations"
        # Told once for each project: people may wonder why one of them shows less.
        return answer_of(asked, response, warning=said)
    types = [str(kind["id"]) for kind in listed if type(kind) is dict and kind.get("id")]
    partitions = [
        Partition(f"fields:{project_id}:{type_id}", {**cursor, "type_id": type_id, "start_at": 0}) for type_id in types
    ]
    following = _next_page(asked, cursor, len(listed))
    return answer_of(asked, response, following, partitions=tuple(partitions))


def _fields_of_type(client: JiraClient, cursor: Cursor) -> Answer:
    project_id, type_id, start = cursor["project_id"], cursor["type_id"], cursor["start_at"]
    response = client.createmeta_fields(project_id, type_id, start)
    metadata = {"project_id": project_id, "project_key": cursor["project_key"], "type_id": type_id}
    name = f"project:{project_id}:type:{type_id}:fields:{start}"
    asked = RawAnswer(CREATEMETA_FIELDS, name, response.json(), metadata)
    # The type may have left the project since its types were listed: the others go on.
    if response.status >= 400:
        return answer_of(asked, response)
    return answer_of(asked, response, _next_page(asked, cursor, len(createmeta_entries(asked)[1])))


def _next_page(page: RawAnswer, cursor: Cursor, listed: int) -> Cursor | None:
    """These pages say how many entries there are and not whether they are the last."""
    total, seen = page.content.get("total"), cursor["start_at"] + listed
    return {**cursor, "start_at": seen} if listed and type(total) is int and seen < total else None
