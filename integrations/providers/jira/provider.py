"""Jira Cloud: projects, statuses, issues with their histories. Its API is in client.py, its shapes in normalise.py."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from integrations.errors import Permanent
from integrations.provider import (
    Answer,
    Connection,
    Cursor,
    Partition,
    PlanContext,
    Provider,
    RawAnswer,
    SettingField,
    Step,
)
from integrations.providers.jira import extract_catalogue, extract_issues, normalise, recognise
from integrations.providers.jira.client import JiraClient, client_for
from integrations.providers.jira.shapes import described
from integrations.records import Batch
from integrations.registry import register

PROJECTS_STEP = "jira_projects_and_issue_types"
STATUSES_STEP = "jira_statuses_and_relationships"
ISSUES_STEP = "jira_issues_with_changelogs"
FIELDS_STEP = "jira_custom_fields"


@dataclass(frozen=True)
class _Actions:
    """What a step does. ``calls`` says in words which answers are its own."""

    plan: Callable[[Connection, PlanContext], list[Partition]]
    fetch: Callable[[JiraClient, Connection, Cursor], Answer]
    recognise: Callable[[Any], recognise.Recognised]
    calls: str


_ACTIONS: Mapping[str, _Actions] = {
    PROJECTS_STEP: _Actions(
        extract_catalogue.plan_projects,
        extract_catalogue.fetch_projects,
        recognise.recognise_projects,
        "a page of /project/search",
    ),
    STATUSES_STEP: _Actions(
        extract_catalogue.plan_statuses,
        extract_catalogue.fetch_statuses,
        recognise.recognise_statuses,
        "the list of /status or of /project/{key}/statuses",
    ),
    ISSUES_STEP: _Actions(
        extract_issues.plan_issues,
        extract_issues.fetch_issues,
        recognise.recognise_issues,
        "a page of /search/jql",
    ),
    FIELDS_STEP: _Actions(
        extract_catalogue.plan_fields,
        extract_catalogue.fetch_fields,
        recognise.recognise_fields,
        "the list of /field",
    ),
}


@register
class JiraProvider(Provider):
    name = "jira"
    label = "Jira"
    source_type = "JIRA"
    settings = (
        SettingField("base_url", "Address of the site, such as https://acme.atlassian.net", required=True),
        SettingField("email", "E-mail address of the account that owns the API token"),
        SettingField("username", "The same as email; used where email is empty"),
        SettingField("api_token", "API token of that account", required=True, secret=True),
        SettingField("projects", "Keys or ids of the projects to read, separated by commas; all where empty"),
        SettingField("base_search", "JQL that each issue must match besides, without ORDER BY"),
        SettingField("batch_size", "Issues a page, 1 to 100; the job's own where empty"),
        SettingField("rate_limit", "Calls a second at most; no limit of ours where empty"),
    )
    steps = (
        Step(PROJECTS_STEP, 1, "Projects & Types"),
        Step(STATUSES_STEP, 2, "Statuses & Relations", feeders=(PROJECTS_STEP,)),
        Step(ISSUES_STEP, 3, "Issues & Changelogs", feeders=(PROJECTS_STEP, STATUSES_STEP)),
        Step(FIELDS_STEP, 5, "Custom Fields", on_demand=True),
    )

    def plan(self, step: str, connection: Connection, context: PlanContext) -> list[Partition]:
        return _actions(step).plan(connection, context)

    def fetch(self, step: str, connection: Connection, partition: Partition) -> Answer:
        return _actions(step).fetch(client_for(connection), connection, partition.cursor)

    def recognise(self, step: str, content: Any) -> tuple[str, str]:
        found = _actions(step).recognise(content)
        if found is None:
            raise Permanent(f"the answer is {described(content)}; step {step} takes {_actions(step).calls}")
        return found

    def entity_types(self) -> Mapping[str, str]:
        return {
            normalise.PROJECTS: PROJECTS_STEP,
            normalise.STATUSES: STATUSES_STEP,
            normalise.PROJECT_STATUSES: STATUSES_STEP,
            normalise.ISSUES: ISSUES_STEP,
            normalise.CHANGELOGS: ISSUES_STEP,
            normalise.FIELDS: FIELDS_STEP,
        }

    def normalise(self, answer: RawAnswer, followups: Sequence[RawAnswer] = ()) -> Batch:
        return normalise.normalise(answer, followups)


def _actions(step: str) -> _Actions:
    if step not in _ACTIONS:
        raise Permanent(f"step {step!r} is unknown; known are: {', '.join(_ACTIONS)}")
    return _ACTIONS[step]
