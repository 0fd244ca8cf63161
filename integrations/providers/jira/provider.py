"""Jira, Cloud and Data Center. Its API is in client.py and its two dialects, its shapes in normalise.py."""

from collections.abc import Mapping, Sequence, Set
from typing import Any, ClassVar

from integrations.provider import (
    VERIFY_HOURS,
    Connection,
    ConnectionReport,
    FieldHint,
    ItemPaths,
    Partition,
    PlanContext,
    RawAnswer,
    SettingField,
    SourceCount,
    WebhookEvent,
)
from integrations.providers.jira import normalise, oauth
from integrations.providers.jira.auth import checked_base_url, checked_credentials
from integrations.providers.jira.base_search import checked_base_search
from integrations.providers.jira.client import JiraClient, client_for
from integrations.providers.jira.connection_check import check_connection
from integrations.providers.jira.counts import count_projects
from integrations.providers.jira.dev_field import DEVELOPMENT_SCHEMAS
from integrations.providers.jira.excluded import checked_excluded_fields
from integrations.providers.jira.extract_catalogue import ProjectsStep, StatusesStep
from integrations.providers.jira.extract_dev_status import DevStatusStep, dev_status_partitions
from integrations.providers.jira.extract_fields import FieldsStep
from integrations.providers.jira.extract_issues import IssuesStep
from integrations.providers.jira.extract_listing import ListingStep
from integrations.providers.jira.field_hints import SUGGESTED_FIELDS
from integrations.providers.jira.issues import custom_values
from integrations.providers.jira.paging import checked_batch_size
from integrations.providers.jira.refetch import refetch
from integrations.providers.jira.steps import JiraStep
from integrations.providers.jira.webhooks import read_webhook
from integrations.records import Batch
from integrations.registry import register
from integrations.stepped import SteppedProvider

_STEPS: Mapping[str, JiraStep] = {
    step.declared.name: step
    for step in (ProjectsStep(), StatusesStep(), IssuesStep(), DevStatusStep(), FieldsStep(), ListingStep())
}


@register
class JiraProvider(SteppedProvider[JiraClient]):
    name = "jira"
    label = "Jira"
    summary = "Projects, issues with all their fields and history, and links to code. Cloud and Data Center."
    source_type = "JIRA"
    reader_version = 4
    settings = (
        SettingField(
            "base_url",
            "Address of the site: https://acme.atlassian.net, https://acme.com/jira, for OAuth and scoped tokens"
            " https://api.atlassian.com/ex/jira/{cloudId}",
            required=True,
            credentials_go_there=True,
            usual=True,
        ),
        SettingField(
            "email", "E-mail address or login name of the account; empty where api_token stands alone", usual=True
        ),
        SettingField("username", "The same as email; used where email is empty"),
        SettingField(
            "api_token",
            "API token or password of that account; alone, a personal access token or OAuth access token",
            secret=True,
            usual=True,
        ),
        *oauth.SETTINGS,
        SettingField("projects", "Keys or ids of the projects to read, separated by commas; all where empty"),
        SettingField("exclude_projects", "Keys or ids of projects never to be read, separated by commas"),
        SettingField("start_date", "Issues last updated before that day are not read (2024-12-31)", date=True),
        SettingField("base_search", "JQL that each issue must match besides, without ORDER BY"),
        SettingField("exclude_fields", "Ids of fields never to be stored, separated by commas (description, comment)"),
        SettingField("batch_size", "Issues a page, 1 to 100; the job's own where empty"),
        SettingField("parallel", "Partitions read side by side, 1 to 50; 4 where empty", number=(1, 50), whole=True),
        SettingField(
            "rate_limit", "Calls a second at most, of all workers together; no ceiling where empty", number=(0.01, 1000)
        ),
        SettingField(
            "repair_hours",
            "Hours between looks for what drifted or was deleted; 24 where empty, 0: never",
            number=(0, 8760),
        ),
        VERIFY_HOURS,
        SettingField("webhook_secret", "Secret of the webhook: signs deliveries, or ends their path", secret=True),
    )
    parts = _STEPS
    steps = tuple(step.declared for step in _STEPS.values())
    default_fields: ClassVar[Mapping[str, tuple[str, ...]]] = {"code_changed": DEVELOPMENT_SCHEMAS}
    suggested_fields: ClassVar[Mapping[str, FieldHint]] = SUGGESTED_FIELDS
    item_paths = ItemPaths(items=("issues",), id=("id",), fields=("fields",))
    items_step = IssuesStep.declared.name
    listing_step = ListingStep.declared.name
    fields_step = FieldsStep.declared.name

    def check(self, connection: Connection) -> None:
        checked_base_url(connection.setting("base_url"))
        checked_credentials(connection)
        if connection.setting("batch_size"):
            checked_batch_size(connection.setting("batch_size"))
        checked_excluded_fields(connection)
        checked_base_search(connection)

    def client(self, connection: Connection) -> JiraClient:
        return client_for(connection)

    def check_connection(self, connection: Connection) -> ConnectionReport:
        return check_connection(self.client(connection), connection)

    def counts(self, connection: Connection, context: PlanContext) -> Mapping[str, SourceCount]:
        return count_projects(self.client(connection), connection, context)

    def refetch(self, connection: Connection, item_ids: Sequence[str]) -> list[Partition]:
        return refetch(connection, item_ids)

    def consequences(
        self, answer: RawAnswer, items: Set[str], fields: Mapping[str, str], linked: Set[str] = frozenset()
    ) -> Sequence[tuple[str, Partition]]:
        found = dev_status_partitions(answer, items, fields, linked)
        return [(DevStatusStep.declared.name, partition) for partition in found]

    def webhook(self, connection: Connection, headers: Mapping[str, str], body: bytes, token: str) -> WebhookEvent:
        return read_webhook(connection, headers, body, token)

    def entity_types(self) -> Mapping[str, str]:
        return {
            normalise.PROJECTS: ProjectsStep.declared.name,
            normalise.PROJECT_TYPES: ProjectsStep.declared.name,
            normalise.STATUSES: StatusesStep.declared.name,
            normalise.PROJECT_STATUSES: StatusesStep.declared.name,
            normalise.ISSUES: IssuesStep.declared.name,
            normalise.CHANGELOGS: IssuesStep.declared.name,
            normalise.ISSUES_BY_ID: IssuesStep.declared.name,
            normalise.ISSUE_COUNTS: IssuesStep.declared.name,
            normalise.ISSUE_LOOKUPS: IssuesStep.declared.name,
            normalise.WEBHOOKS: IssuesStep.declared.name,
            normalise.DEV_SUMMARY: DevStatusStep.declared.name,
            normalise.DEV_DETAIL: DevStatusStep.declared.name,
            normalise.LISTING: ListingStep.declared.name,
            normalise.FIELDS: FieldsStep.declared.name,
            normalise.CREATEMETA: FieldsStep.declared.name,
            normalise.CREATEMETA_TYPES: FieldsStep.declared.name,
            normalise.CREATEMETA_FIELDS: FieldsStep.declared.name,
        }

    def digests(self, answer: RawAnswer) -> Mapping[str, str]:
        return normalise.digests(answer)

    def about(self, metadata: Mapping[str, Any]) -> Sequence[str]:
        # It may have been handed in: then it says what somebody else wrote.
        several = metadata.get("issue_ids")
        ids = [metadata.get("issue_id"), *(several if isinstance(several, list) else ())]
        return [issue_id for issue_id in ids if type(issue_id) is str]

    def custom_values(self, fields: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, str]]:
        return custom_values(dict(fields))

    def normalise(self, answer: RawAnswer, followups: Sequence[RawAnswer] = (), skip: Set[str] = frozenset()) -> Batch:
        return normalise.normalise(answer, followups, skip)
