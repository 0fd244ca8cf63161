"""GitHub.com and Enterprise Server. Its API is in client.py, the questions in queries.py, shapes in normalise.py."""

from collections.abc import Mapping, Sequence, Set

from integrations.provider import (
    VERIFY_HOURS,
    Connection,
    ConnectionReport,
    Partition,
    PlanContext,
    RawAnswer,
    SettingField,
    SourceCount,
    WebhookEvent,
)
from integrations.providers.github import normalise
from integrations.providers.github.address import address_of
from integrations.providers.github.auth import checked_credentials
from integrations.providers.github.client import GitHubClient, client_for
from integrations.providers.github.connection_check import check_connection
from integrations.providers.github.counts import count_repositories
from integrations.providers.github.extract_listing import ListingStep
from integrations.providers.github.extract_pull_requests import PullRequestsStep
from integrations.providers.github.extract_repositories import RepositoriesStep
from integrations.providers.github.refetch import refetch
from integrations.providers.github.scope import checked_scope
from integrations.providers.github.sizes import checked_batch_size
from integrations.providers.github.steps import GitHubStep
from integrations.providers.github.webhooks import read_webhook
from integrations.records import Batch
from integrations.registry import register
from integrations.stepped import SteppedProvider

_STEPS: Mapping[str, GitHubStep] = {
    step.declared.name: step for step in (RepositoriesStep(), PullRequestsStep(), ListingStep())
}


@register
class GitHubProvider(SteppedProvider[GitHubClient]):
    name = "github"
    label = "GitHub"
    summary = "Repositories, pull requests with reviews, comments and commits. GitHub.com and Enterprise Server."
    source_type = "GITHUB"
    reader_version = 2
    settings = (
        SettingField(
            "base_url",
            "Address of an Enterprise Server: https://github.acme.com; empty for GitHub.com",
            credentials_go_there=True,
        ),
        SettingField(
            "organization", "Owners whose repositories are read, separated by commas: logins (acme)", usual=True
        ),
        SettingField(
            "repositories",
            "Repositories to read, separated by commas: names and patterns (acme/web, acme/api-*, *-service)",
            usual=True,
        ),
        SettingField("exclude_repositories", "Names and patterns of repositories never to be read"),
        SettingField("token", "Personal access token, fine-grained or classic", secret=True, usual=True),
        SettingField(
            "app_id", "App ID or Client ID of a GitHub App; with installation_id and app_private_key in place of token"
        ),
        SettingField(
            "installation_id",
            "Number at the end of the address of the App's installation page (.../settings/installations/12345678)",
        ),
        SettingField("app_private_key", "Private key of the App (PEM)", secret=True),
        SettingField("start_date", "Pull requests last updated before that day are not read (2024-12-31)", date=True),
        SettingField("batch_size", "Pull requests a page, 1 to 100; the job's own where empty"),
        SettingField("parallel", "Repositories read side by side, 1 to 50; 4 where empty", number=(1, 50), whole=True),
        SettingField(
            "rate_limit", "Calls a second at most, of all workers together; no ceiling where empty", number=(0.01, 1000)
        ),
        SettingField(
            "repair_hours",
            "Hours between looks for what drifted; 24 where empty, 0: never",
            number=(0, 8760),
        ),
        VERIFY_HOURS,
        SettingField("webhook_secret", "Secret of the webhook: signs deliveries", secret=True),
    )
    containers = "repositories"
    containers_setting = "repositories"
    parts = _STEPS
    steps = tuple(step.declared for step in _STEPS.values())
    items_table = "prs"
    containers_table = "repositories"
    items_step = PullRequestsStep.declared.name
    listing_step = ListingStep.declared.name

    def check(self, connection: Connection) -> None:
        address_of(connection.setting("base_url"))
        checked_credentials(connection)
        checked_scope(connection)
        if connection.setting("batch_size"):
            checked_batch_size(connection.setting("batch_size"))

    def client(self, connection: Connection) -> GitHubClient:
        return client_for(connection)

    def check_connection(self, connection: Connection) -> ConnectionReport:
        return check_connection(self.client(connection), connection)

    def counts(self, connection: Connection, context: PlanContext) -> Mapping[str, SourceCount]:
        return count_repositories(self.client(connection), connection, context)

    def refetch(self, connection: Connection, item_ids: Sequence[str]) -> list[Partition]:
        return refetch(connection, item_ids)

    def webhook(self, connection: Connection, headers: Mapping[str, str], body: bytes, token: str) -> WebhookEvent:
        return read_webhook(connection, headers, body, token)

    def entity_types(self) -> Mapping[str, str]:
        return {
            normalise.REPOSITORIES: RepositoriesStep.declared.name,
            normalise.REPOSITORIES_REST: RepositoriesStep.declared.name,
            normalise.REPOSITORY: RepositoriesStep.declared.name,
            normalise.PULL_REQUESTS: PullRequestsStep.declared.name,
            normalise.PULL_REQUEST_REST: PullRequestsStep.declared.name,
            normalise.PULL_REQUESTS_BY_ID: PullRequestsStep.declared.name,
            normalise.WEBHOOKS: PullRequestsStep.declared.name,
            normalise.PLACES: PullRequestsStep.declared.name,
            normalise.LISTING: ListingStep.declared.name,
        }

    def digests(self, answer: RawAnswer) -> Mapping[str, str]:
        return normalise.digests(answer)

    def normalise(self, answer: RawAnswer, followups: Sequence[RawAnswer] = (), skip: Set[str] = frozenset()) -> Batch:
        return normalise.normalise(answer, followups, skip)
