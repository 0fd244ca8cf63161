"""Jira Cloud: projects, statuses, issues with their histories. Its API is in client.py, its shapes in normalise.py."""

from collections.abc import Mapping, Sequence, Set
from typing import Any

from integrations.errors import Permanent
from integrations.provider import (
    Answer,
    Connection,
    Partition,
    PlanContext,
    Provider,
    RawAnswer,
    SettingField,
)
from integrations.providers.jira import normalise
from integrations.providers.jira.client import checked_account, checked_base_url, client_for
from integrations.providers.jira.extract_catalogue import FieldsStep, ProjectsStep, StatusesStep
from integrations.providers.jira.extract_issues import IssuesStep, checked_batch_size
from integrations.providers.jira.shapes import described
from integrations.providers.jira.steps import JiraStep
from integrations.records import Batch
from integrations.registry import register

_STEPS: Mapping[str, JiraStep] = {
    step.declared.name: step for step in (ProjectsStep(), StatusesStep(), IssuesStep(), FieldsStep())
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
        SettingField("rate_limit", "Calls a second at most; taken, not kept to yet: the site's own limits are"),
    )
    steps = tuple(step.declared for step in _STEPS.values())

    def check(self, connection: Connection) -> None:
        checked_base_url(connection.setting("base_url"))
        checked_account(connection)
        if connection.setting("batch_size"):
            checked_batch_size(connection.setting("batch_size"))

    def plan(self, step: str, connection: Connection, context: PlanContext) -> list[Partition]:
        return _step(step).plan(connection, context)

    def fetch(self, step: str, connection: Connection, partition: Partition) -> Answer:
        return _step(step).fetch(client_for(connection), connection, partition.cursor)

    def recognise(self, step: str, content: Any) -> tuple[str, str]:
        found = _step(step).recognise(content)
        if found is None:
            raise Permanent(f"the answer is {described(content)}; step {step} takes {_step(step).calls}")
        return found

    def entity_types(self) -> Mapping[str, str]:
        return {
            normalise.PROJECTS: ProjectsStep.declared.name,
            normalise.STATUSES: StatusesStep.declared.name,
            normalise.PROJECT_STATUSES: StatusesStep.declared.name,
            normalise.ISSUES: IssuesStep.declared.name,
            normalise.CHANGELOGS: IssuesStep.declared.name,
            normalise.FIELDS: FieldsStep.declared.name,
        }

    def digests(self, answer: RawAnswer) -> Mapping[str, str]:
        return normalise.digests(answer)

    def normalise(self, answer: RawAnswer, followups: Sequence[RawAnswer] = (), skip: Set[str] = frozenset()) -> Batch:
        return normalise.normalise(answer, followups, skip)


def _step(name: str) -> JiraStep:
    if name not in _STEPS:
        raise Permanent(f"step {name!r} is unknown; known are: {', '.join(_STEPS)}")
    return _STEPS[name]
