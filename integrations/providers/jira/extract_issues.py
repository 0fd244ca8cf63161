"""Step 3: issues with their status histories, a partition for each project."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from integrations.errors import Permanent
from integrations.provider import Answer, Connection, Cursor, Partition, PlanContext, ProjectRef, RawAnswer, Step
from integrations.providers.jira.answers import answer_of, first_page, next_page
from integrations.providers.jira.client import JiraClient
from integrations.providers.jira.extract_catalogue import ProjectsStep, StatusesStep, projects_in_scope
from integrations.providers.jira.issues import cut_issue_ids
from integrations.providers.jira.normalise import CHANGELOGS, ISSUES
from integrations.providers.jira.recognise import recognise_issues
from integrations.providers.jira.shapes import entries
from integrations.providers.jira.steps import JiraStep

# Jira's search lags behind its data by seconds to minutes; what is read twice is harmless.
OVERLAP = timedelta(minutes=10)
# Jira gives no more than this once fields are asked for.
LARGEST_PAGE = 100


class IssuesStep(JiraStep):
    declared = Step(
        "jira_issues_with_changelogs",
        3,
        "Issues & Changelogs",
        (ProjectsStep.declared.name, StatusesStep.declared.name),
    )
    calls = "a page of /search/jql"

    def plan(self, connection: Connection, context: PlanContext) -> list[Partition]:
        size = connection.setting("batch_size", str(context.batch_size))
        return [_partition(found, size, context) for found in projects_in_scope(connection, context)]

    def fetch(self, client: JiraClient, connection: Connection, cursor: Cursor) -> Answer:
        """A page of issues, or of the histories that such a page cut."""
        return _fetch_changelogs(client, cursor) if "issue_ids" in cursor else _fetch_page(client, connection, cursor)

    def recognise(self, content: Any) -> tuple[str, str] | None:
        return recognise_issues(content)


def issue_query(cursor: Cursor, base_search: str) -> str:
    """The JQL of a partition.

    Newest first, always: an issue that is edited while pages are read moves to a page already read, where the next
    sync finds it, and pushes none across a page's edge unseen; oldest first could skip one for good. The time is
    epoch milliseconds: dates in words are read in the time zone of the account.
    """
    key = cursor["project_key"].replace("\\", "\\\\").replace('"', '\\"')
    conditions = [f'project = "{key}"']
    if cursor["since"] is not None:
        conditions.append(f"updated >= {cursor['since']}")
    if base_search:
        conditions.append(f"({base_search})")
    return f"{' AND '.join(conditions)} ORDER BY updated DESC, id DESC"


def _partition(project: ProjectRef, size: str, context: PlanContext) -> Partition:
    key = f"project:{project.external_id}"
    since = _since(context.watermarks.get(key))
    cursor = first_page(project_id=project.external_id, project_key=project.key, since=since, batch_size=size)
    return Partition(key, cursor)


def checked_batch_size(text: str) -> int:
    """Checked with the call and not when planning: there it would stop all steps, here the unit says what is wrong."""
    size = int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0
    if not 0 < size <= LARGEST_PAGE:
        raise Permanent(f"batch_size is {text[:20]!r}: expected a number from 1 to {LARGEST_PAGE}")
    return size


def _since(watermark: datetime | None) -> int | None:
    return None if watermark is None else int((watermark - OVERLAP).timestamp() * 1000)


def _fetch_page(client: JiraClient, connection: Connection, cursor: Cursor) -> Answer:
    jql = issue_query(cursor, connection.setting("base_search"))
    size = checked_batch_size(cursor["batch_size"])
    try:
        response = client.search(jql, size, cursor["token"])
    except Permanent as error:
        # Most refusals are about base_search, which people write.
        raise Permanent(f"{error} (JQL: {jql})") from error
    metadata = {
        "project_id": cursor["project_id"],
        "project_key": cursor["project_key"],
        "jql": jql,
        "cursor": cursor["token"],
        "batch_number": cursor["page"],
    }
    asked = RawAnswer(ISSUES, _page_name(cursor), response.json(), metadata)
    issues = entries(asked, "issues")
    following = next_page(asked.content, cursor, response.call)
    warning = _old_shape_warning(asked.content) if following is None else ""
    return answer_of(asked, response, following, _followups(asked.external_id, cut_issue_ids(issues)), warning)


def _page_name(cursor: Cursor) -> str:
    """A page of a sync since some time is another question than the same page of a full sync."""
    since = "" if cursor["since"] is None else f":since:{cursor['since']}"
    return f"project:{cursor['project_id']}{since}:page:{cursor['page']}"


def _followups(page: str, issue_ids: list[str]) -> tuple[Partition, ...]:
    """One partition for all histories that a page cut: a page has fewer issues than one call may ask for."""
    if not issue_ids:
        return ()
    key = f"changelogs:{page}"
    return (Partition(key, first_page(key=key, issue_ids=issue_ids)),)


def _old_shape_warning(page: Mapping[str, Any]) -> str:
    """Some sites answer in the shape of the old search, which has no token to go on with."""
    total, start = page.get("total"), page.get("startAt")
    seen = len(page["issues"]) + (start if type(start) is int else 0)
    if type(total) is not int or seen >= total or "isLast" in page:
        return ""
    return f"the site answered a search in its old shape: {seen} of {total} issues came, and no token for the others"


def _fetch_changelogs(client: JiraClient, cursor: Cursor) -> Answer:
    response = client.changelogs(cursor["issue_ids"], cursor["token"])
    metadata = {"cursor": cursor["token"], "batch_number": cursor["page"]}
    asked = RawAnswer(CHANGELOGS, f"{cursor['key']}:{cursor['page']}", response.json(), metadata)
    entries(asked, "issueChangeLogs")
    return answer_of(asked, response, next_page(asked.content, cursor, response.call))
