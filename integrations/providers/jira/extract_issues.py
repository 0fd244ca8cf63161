"""Step 3: issues with their status histories: a partition for each project, more for a large one.

count ──► page ──► page ──► ...          of a first or full read; a read since some time begins with its first page
  └─► oldest ──► a window ──► page ...   where a project has too many issues for one partition
page ──► histories                       of what the page cut
items ──► look                           issues by id, for repairs and webhooks
"""

from collections.abc import Callable, Mapping
from typing import Any

from integrations.provider import Answer, Connection, Cursor, Partition, PlanContext, ProjectRef, Step
from integrations.providers.jira.answers import answer_of
from integrations.providers.jira.client import JiraClient
from integrations.providers.jira.excluded import asked_fields, expanded
from integrations.providers.jira.extract_catalogue import ProjectsStep, StatusesStep, projects_in_scope
from integrations.providers.jira.extract_histories import fetch_histories, history_partitions
from integrations.providers.jira.normalise import ISSUES
from integrations.providers.jira.paging import Wanted, begin, checked_batch_size, read_page
from integrations.providers.jira.questions import narrowed, question_name, question_of, scope_of
from integrations.providers.jira.recognise import recognise_issues
from integrations.providers.jira.refetch import fetch_items, look
from integrations.providers.jira.steps import JiraStep
from integrations.providers.jira.windows import fetch_count, fetch_oldest, pages_of


class IssuesStep(JiraStep):
    declared = Step(
        "jira_issues_with_changelogs",
        3,
        "Issues & Changelogs",
        (ProjectsStep.declared.name, StatusesStep.declared.name, "jira_issue_listing"),
    )
    calls = "a page of /search/jql or /search, or an answer of /issue/bulkfetch"

    def plan(self, connection: Connection, context: PlanContext) -> list[Partition]:
        return [_partition(connection, found, context) for found in projects_in_scope(connection, context)]

    def fetch(self, client: JiraClient, connection: Connection, cursor: Cursor) -> Answer:
        return _CALLS[cursor["call"]](client, cursor)

    def recognise(self, content: Any) -> tuple[str, str] | None:
        return recognise_issues(content)


def _partition(connection: Connection, project: ProjectRef, context: PlanContext) -> Partition:
    whole = question_of(connection, project)
    question = question_of(connection, project, context.watermarks.get(scope_of(whole)))
    question = narrowed(question, context.updated_from, context.updated_to)
    # What changed since is little, and by the days of creation it could not be cut evenly.
    call = "count" if question["since"] is None else "page"
    size = connection.setting("batch_size", str(context.batch_size))
    return Partition(f"project:{project.external_id}", begin(question, call, size), scope_of(question))


def _fetch_count(client: JiraClient, cursor: Cursor) -> Answer:
    """The count, or the first page where the site does not count."""
    # Before anything is asked for: the count would be stored in vain.
    checked_batch_size(cursor["batch_size"])
    return fetch_count(client, cursor) or _fetch_page(client, pages_of(cursor))


def _fetch_oldest(client: JiraClient, cursor: Cursor) -> Answer:
    """When the first issue was created, or the first page where the site does not tell."""
    return fetch_oldest(client, cursor) or _fetch_page(client, pages_of(cursor))


def _fetch_page(client: JiraClient, cursor: Cursor) -> Answer:
    question = cursor["question"]
    excluded = question["exclude_fields"]
    wanted = Wanted(ISSUES, checked_batch_size(cursor["batch_size"]), asked_fields(excluded), expanded(excluded))
    page = read_page(client, cursor, question_name(question), wanted)
    followups = history_partitions(page.asked, excluded, page.excluded_names)
    return answer_of(page.asked, page.response, page.following, followups, page.warning)


_CALLS: Mapping[str, Callable[[JiraClient, Cursor], Answer]] = {
    "count": _fetch_count,
    "oldest": _fetch_oldest,
    "page": _fetch_page,
    "histories": fetch_histories,
    "items": fetch_items,
    "look": look,
}
