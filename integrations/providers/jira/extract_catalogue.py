"""Steps 1 and 2: projects with their types, statuses and who uses them."""

from collections.abc import Mapping
from typing import Any

from integrations.http import Response
from integrations.provider import Answer, Connection, Cursor, Partition, PlanContext, ProjectRef, RawAnswer, Step
from integrations.providers.jira.answers import answer_of
from integrations.providers.jira.catalogue import in_scope, listed_projects
from integrations.providers.jira.client import JiraClient
from integrations.providers.jira.normalise import PROJECT_STATUSES, PROJECTS, STATUSES
from integrations.providers.jira.recognise import recognise_projects, recognise_statuses
from integrations.providers.jira.shapes import array
from integrations.providers.jira.steps import JiraStep

NO_PROJECT = "no project is visible to this account"


class ProjectsStep(JiraStep):
    declared = Step("jira_projects_and_issue_types", 1, "Projects & Types")
    calls = "a page of /project/search or the list of /project"

    def plan(self, connection: Connection, context: PlanContext) -> list[Partition]:
        scope, excluded = list(connection.items("projects")), list(connection.items("exclude_projects"))
        return [Partition("projects", {"start_at": 0, "scope": scope, "excluded": excluded, "unseen": scope})]

    def fetch(self, client: JiraClient, connection: Connection, cursor: Cursor) -> Answer:
        """One page. Jira can answer wrong credentials with an empty site, so the account is asked for first."""
        start = cursor["start_at"]
        if start == 0:
            client.myself()
        response = client.projects(start)
        metadata = {"scope": cursor["scope"], "excluded": cursor["excluded"], "start_at": start}
        asked = RawAnswer(PROJECTS, f"projects:{start}", response.json(), metadata)
        # 404 is not an error here: Jira has no other word for "none".
        if response.status == 404:
            return answer_of(asked, response, warning=NO_PROJECT)
        values = listed_projects(asked)
        unseen = _unseen(cursor["unseen"], values)
        # Planning reads what is still there of these.
        metadata["projects"] = [str(value["id"]) for value in values if type(value) is dict and value.get("id")]
        following = next_start(asked.content, start)
        if following is None:
            return answer_of(asked, response, warning=_project_warning(start + len(values), unseen))
        return answer_of(asked, response, next_cursor={**cursor, "start_at": following, "unseen": unseen})

    def recognise(self, content: Any) -> tuple[str, str] | None:
        return recognise_projects(content)


class StatusesStep(JiraStep):
    declared = Step("jira_statuses_and_relationships", 2, "Statuses & Relations", (ProjectsStep.declared.name,))
    calls = "the list of /status or of /project/{key}/statuses"

    def plan(self, connection: Connection, context: PlanContext) -> list[Partition]:
        projects = projects_in_scope(connection, context)
        return [Partition("statuses", {})] + [
            Partition(f"project:{project.external_id}", {"project_id": project.external_id, "project_key": project.key})
            for project in projects
        ]

    def fetch(self, client: JiraClient, connection: Connection, cursor: Cursor) -> Answer:
        """All statuses of the site, or those of the cursor's project. By id: keys can change and are case-sensitive."""
        if "project_id" not in cursor:
            return _whole_array(STATUSES, "statuses", client.statuses(), {})
        response = client.project_statuses(cursor["project_id"])
        return _whole_array(PROJECT_STATUSES, f"project:{cursor['project_id']}:statuses", response, cursor)

    def recognise(self, content: Any) -> tuple[str, str] | None:
        return recognise_statuses(content)


def projects_in_scope(connection: Connection, context: PlanContext) -> list[ProjectRef]:
    """The loaded projects that the settings ``projects`` and ``exclude_projects`` leave, by key or id."""
    scope, excluded = connection.items("projects"), connection.items("exclude_projects")
    return [
        project
        for project in context.projects
        if in_scope({"key": project.key, "id": project.external_id}, scope, excluded)
    ]


def next_start(page: Any, start_at: int) -> int | None:
    """Where the next page of projects begins. A page that says neither ``isLast`` nor ``total`` is the last one."""
    # Data Center gives all projects at once, as an array.
    if type(page) is not dict or not page["values"]:
        return None
    total, seen = page.get("total"), start_at + len(page["values"])
    more = page.get("isLast") is False or (type(total) is int and seen < total and page.get("isLast") is not True)
    return seen if more else None


def _whole_array(entity_type: str, external_id: str, response: Response, metadata: Mapping[str, Any]) -> Answer:
    asked = RawAnswer(entity_type, external_id, response.json(), metadata)
    array(asked)
    return answer_of(asked, response)


def _unseen(wanted: list[str], projects: list[Any]) -> list[str]:
    """What the setting names and no page has shown yet."""
    seen = {str(project.get(name)).upper() for project in projects if type(project) is dict for name in ("id", "key")}
    return [item for item in wanted if item.upper() not in seen]


def _project_warning(seen: int, unseen: list[str]) -> str:
    if not seen:
        return NO_PROJECT
    return f"setting projects: {', '.join(unseen)} is not visible to this account" if unseen else ""
