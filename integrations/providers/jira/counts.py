"""How many issues a project has, under the same conditions under which a sync reads them.

Cloud estimates: what was changed a moment ago may not be counted yet. Data Center counts what it finds.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from integrations.errors import Permanent
from integrations.provider import Connection, PlanContext, ProjectRef, SourceCount
from integrations.providers.jira.client import JiraClient
from integrations.providers.jira.extract_catalogue import projects_in_scope
from integrations.providers.jira.jql import UNKNOWN_ZONE, bounded
from integrations.providers.jira.paging import MINUTE
from integrations.providers.jira.questions import Question, question_of, scope_of
from integrations.providers.jira.windows import told_count

_UNAUTHORISED = 401
_NO_ZONE = (
    "the site does not say in which time zone it reads dates for this account: "
    "choose one in the account's profile, such as Europe/Berlin"
)


def count_projects(client: JiraClient, connection: Connection, context: PlanContext) -> Mapping[str, SourceCount]:
    """`Provider.counts` for Jira: two or three calls a project, one where nothing was ever read of it."""
    return {
        project.external_id: _count(client, connection, project, context)
        for project in projects_in_scope(connection, context)
    }


def _count(client: JiraClient, connection: Connection, project: ProjectRef, context: PlanContext) -> SourceCount:
    whole = question_of(connection, project)
    question = question_of(connection, project, context.watermarks.get(scope_of(whole)))
    try:
        zone = None if client.is_cloud else client.zone
        # A bound that leaves out nothing in any zone counts up to a day more than there is.
        if zone is UNKNOWN_ZONE and (question["since"] is not None or question["start_date"]):
            return SourceCount(None, problem=_NO_ZONE)
        return _counted(client, {**question, "since": None}, question["since"])
    except Permanent as error:
        # Wrong credentials, and what is no answer of a Jira, are no matter of this project alone.
        if error.status in (None, _UNAUTHORISED):
            raise
        return SourceCount(None, problem=str(error))


def _counted(client: JiraClient, whole: Question, since: int | None) -> SourceCount:
    """``since`` in whole minutes: sites may compare no others."""
    items, created, changed = _number(client, whole), 0, 0
    if since is not None:
        since -= since % MINUTE
        changed = _number(client, {**whole, "since": since})
    if changed:
        created = _number(client, {**whole, "window": [since, None]})
    return SourceCount(
        items,
        since=None if since is None else datetime.fromtimestamp(since / 1000, UTC),
        created=created,
        changed=changed,
        present=_number(client, {**whole, "base_search": ""}) if whole["base_search"] else None,
        oldest=_oldest(whole["start_date"], None if client.is_cloud else client.zone),
    )


def _oldest(day: str, zone: ZoneInfo | None) -> datetime | None:
    """When the day begins for the site, as `jql` has it."""
    return datetime.combine(date.fromisoformat(day), time(), zone or UTC).astimezone(UTC) if day else None


def _number(client: JiraClient, question: Question) -> int:
    response = client.count(bounded(question, None if client.is_cloud else client.zone))
    found = told_count(response.json())
    if found is None:
        error = Permanent(f"{response.call} does not say how many issues there are")
        error.status = response.status
        raise error
    return found
