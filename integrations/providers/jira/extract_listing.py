"""On demand, for repairs: a cheap listing of all issues, by id, key, project, status and time of the last update.

Where `base_search` leaves issues out, these are listed too: an issue that does not match it any more is not gone.
"""

from dataclasses import replace
from typing import Any

import orjson

from integrations.errors import Permanent
from integrations.provider import Answer, Connection, Cursor, Partition, PlanContext, ProjectRef, Step
from integrations.providers.jira.answers import answer_of
from integrations.providers.jira.client import JiraClient
from integrations.providers.jira.extract_catalogue import projects_in_scope
from integrations.providers.jira.normalise import LISTING
from integrations.providers.jira.paging import Wanted, begin, read_page
from integrations.providers.jira.questions import Question, question_name, question_of
from integrations.providers.jira.recognise import recognise_listing
from integrations.providers.jira.steps import JiraStep

# Sites give what they like of it: fewer is no end.
ISSUES_A_PAGE = 1000
LISTED_FIELDS = ("updated", "status", "project", "issuetype")
# What a partition lists: what is to be read, or all that is there.
LISTED, PRESENT = "listing", "presence"


class ListingStep(JiraStep):
    declared = Step("jira_issue_listing", 6, "Drift & Deletions", on_demand=True)
    calls = "a page of /search/jql or /search with few fields"

    def plan(self, connection: Connection, context: PlanContext) -> list[Partition]:
        """The same issues that a full sync reads, so that none of them looks as if it were gone."""
        calls = (LISTED, PRESENT) if connection.setting("base_search") else (LISTED,)
        return [
            _partition(connection, project, call)
            for project in projects_in_scope(connection, context)
            for call in calls
        ]

    def fetch(self, client: JiraClient, connection: Connection, cursor: Cursor) -> Answer:
        wanted, name = Wanted(LISTING, ISSUES_A_PAGE, LISTED_FIELDS), _name(cursor["question"], cursor["call"])
        try:
            page = read_page(client, cursor, name, wanted)
        except Permanent as error:
            if error.status != 400 or _is_visible(client, cursor["question"]["project_id"]):
                raise
            return _invisible(name, cursor["question"], error)
        metadata = {**page.asked.metadata, "presence": cursor["call"] == PRESENT}
        asked = replace(page.asked, metadata=metadata)
        return answer_of(asked, page.response, page.following, warning=page.warning)

    def recognise(self, content: Any) -> tuple[str, str] | None:
        return recognise_listing(content)


def _partition(connection: Connection, project: ProjectRef, call: str) -> Partition:
    question = question_of(connection, project)
    if call == PRESENT:
        question = {**question, "base_search": ""}
    return Partition(_name(question, call), begin(question, call))


def _name(question: Question, call: str) -> str:
    return f"{call}:{question_name(question)}"


def _is_visible(client: JiraClient, project_id: str) -> bool:
    """Whether it is the JQL that the site refuses and not the project. Its words are in the account's language."""
    try:
        client.project_statuses(project_id)
    except Permanent as error:
        if error.status != 404:
            raise
        return False
    return True


def _invisible(name: str, question: Question, error: Permanent) -> Answer:
    """An empty listing of a project that is gone, or hidden, since the last sync: then all of it is absent."""
    key, body = question["project_key"], orjson.dumps({"issues": [], "errorMessages": [str(error)]})
    metadata = {"project_id": question["project_id"], "project_key": key, "status": error.status}
    warning = f"project {key} is not visible to this account any more"
    return Answer(LISTING, f"{name}:page:1", body, metadata=metadata, warning=warning)
