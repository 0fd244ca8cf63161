"""On demand, for repairs: a cheap listing of all issues, by id, key, project, status and time of the last update."""

from typing import Any

from integrations.provider import Answer, Connection, Cursor, Partition, PlanContext, ProjectRef, Step
from integrations.providers.jira.answers import answer_of
from integrations.providers.jira.client import JiraClient
from integrations.providers.jira.extract_catalogue import projects_in_scope
from integrations.providers.jira.normalise import LISTING
from integrations.providers.jira.paging import Wanted, begin, read_page
from integrations.providers.jira.questions import question_name, question_of
from integrations.providers.jira.recognise import recognise_listing
from integrations.providers.jira.steps import JiraStep

# Sites give what they like of it: fewer is no end.
ISSUES_A_PAGE = 1000
LISTED_FIELDS = ("updated", "status", "project", "issuetype")


class ListingStep(JiraStep):
    declared = Step("jira_issue_listing", 6, "Drift & Deletions", on_demand=True)
    calls = "a page of /search/jql or /search with few fields"

    def plan(self, connection: Connection, context: PlanContext) -> list[Partition]:
        """The same issues that a full sync reads, so that none of them looks as if it were gone."""
        return [_partition(connection, project) for project in projects_in_scope(connection, context)]

    def fetch(self, client: JiraClient, connection: Connection, cursor: Cursor) -> Answer:
        wanted = Wanted(LISTING, ISSUES_A_PAGE, LISTED_FIELDS)
        page = read_page(client, cursor, f"listing:{question_name(cursor['question'])}", wanted)
        return answer_of(page.asked, page.response, page.following, warning=page.warning)

    def recognise(self, content: Any) -> tuple[str, str] | None:
        return recognise_listing(content)


def _partition(connection: Connection, project: ProjectRef) -> Partition:
    question = question_of(connection, project)
    return Partition(f"listing:{question_name(question)}", begin(question, "page"))
