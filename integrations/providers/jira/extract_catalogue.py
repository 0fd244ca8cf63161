"""Steps 1 and 2: projects with their types, statuses and who uses them."""

from collections.abc import Mapping
from typing import Any

from integrations.errors import Permanent
from integrations.http import Response
from integrations.provider import Answer, Connection, Cursor, Partition, PlanContext, ProjectRef, RawAnswer, Step
from integrations.providers.jira.answers import answer_of
from integrations.providers.jira.catalogue import in_scope, listed_projects
from integrations.providers.jira.client import PROJECTS_A_PAGE, JiraClient
from integrations.providers.jira.normalise import PROJECT_STATUSES, PROJECT_TYPES, PROJECTS, STATUSES
from integrations.providers.jira.recognise import recognise_projects, recognise_statuses
from integrations.providers.jira.shapes import array
from integrations.providers.jira.steps import JiraStep

NO_PROJECT = "no project is visible to this account"


class ProjectsStep(JiraStep):
    declared = Step("jira_projects_and_issue_types", 1, "Projects & Types")
    calls = "a page of /project/search, the list of /project, or a /project/{key}"

    def plan(self, connection: Connection, context: PlanContext) -> list[Partition]:
        scope, excluded = list(connection.items("projects")), list(connection.items("exclude_projects"))
        return [Partition("projects", {"start_at": 0, "scope": scope, "excluded": excluded, "unseen": scope})]

    def fetch(self, client: JiraClient, connection: Connection, cursor: Cursor) -> Answer:
        """One page. Jira can answer wrong credentials with an empty site, so the account is asked for first."""
        if "project_id" in cursor:
            return _types_of(client, cursor["project_id"])
        start = cursor["start_at"]
        if start == 0:
            client.myself()
        response = client.projects(start)
        metadata = {"scope": cursor["scope"], "excluded": cursor["excluded"], "start_at": start}
        asked = RawAnswer(PROJECTS, f"projects:{start}", response.json(), metadata)
        # 404 is not an error here: Jira has no other word for "none", nor for "no more".
        if response.status == 404:
            return answer_of(asked, response, warning=_project_warning(start, cursor["unseen"]))
        values = listed_projects(asked)
        unseen = _unseen(cursor["unseen"], values)
        # Planning reads what is still there of these.
        metadata["projects"] = [str(value["id"]) for value in values if type(value) is dict and value.get("id")]
        following = next_start(asked.content, start)
        if start and metadata["projects"] and metadata["projects"] == cursor.get("page"):
            raise Permanent(f"{response.call}: startAt {start}: the site gave the projects of the page before")
        types = _types_apart(values, cursor)
        if following is None:
            warning = _project_warning(start + len(values), unseen)
            return answer_of(asked, response, warning=warning, partitions=types)
        return answer_of(
            asked,
            response,
            next_cursor={**cursor, "start_at": following, "unseen": unseen, "page": metadata["projects"]},
            partitions=types,
        )

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
    """Where the next page of projects begins, None after the last one.

    A page need not say whether it is the last, nor how many projects there are: then a full one has another behind it,
    which may be empty.
    """
    # Data Center gives all projects at once, as an array.
    if type(page) is not dict or not page["values"] or page.get("isLast") is True:
        return None
    total, seen = page.get("total"), start_at + len(page["values"])
    if page.get("isLast") is False or page.get("nextPage"):
        return seen
    if type(total) is int:
        return seen if seen < total else None
    size = page.get("maxResults")
    return seen if len(page["values"]) >= (size if type(size) is int else PROJECTS_A_PAGE) else None


def _types_apart(projects: list[Any], cursor: Cursor) -> tuple[Partition, ...]:
    """One partition for the types of each project of which a list does not have them: Data Center's expands none."""
    missing = [
        str(project["id"])
        for project in projects
        if type(project) is dict and type(project.get("id")) in (str, int) and project.get("issueTypes") is None
        if in_scope(project, cursor["scope"], cursor["excluded"])
    ]
    # A project can move to another page while pages are read: keys are unique in a run.
    page = f"types:{cursor['start_at']}"
    return tuple(Partition(f"{page}:{found}", {"project_id": found}) for found in dict.fromkeys(missing))


def _types_of(client: JiraClient, project_id: str) -> Answer:
    response = client.project(project_id)
    return answer_of(RawAnswer(PROJECT_TYPES, f"project:{project_id}:types", response.json(), {}), response)


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
