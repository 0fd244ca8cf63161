"""GitHub.com and Enterprise Server. Its API is in client.py, the questions in queries.py, shapes in normalise.py."""

from collections.abc import Mapping, Sequence, Set
from typing import Any

from integrations.errors import Permanent
from integrations.json_values import described
from integrations.provider import (
    Answer,
    Connection,
    ConnectionReport,
    Partition,
    PlanContext,
    Provider,
    RawAnswer,
    SettingField,
    WebhookEvent,
)
from integrations.providers.github import normalise
from integrations.providers.github.address import address_of
from integrations.providers.github.auth import checked_credentials
from integrations.providers.github.client import client_for
from integrations.providers.github.connection_check import check_connection
from integrations.providers.github.extract_pull_requests import PullRequestsStep
from integrations.providers.github.extract_repositories import RepositoriesStep
from integrations.providers.github.refetch import refetch
from integrations.providers.github.scope import checked_scope
from integrations.providers.github.sizes import checked_batch_size
from integrations.providers.github.steps import GitHubStep
from integrations.providers.github.webhooks import read_webhook
from integrations.records import Batch
from integrations.registry import register

_STEPS: Mapping[str, GitHubStep] = {step.declared.name: step for step in (RepositoriesStep(), PullRequestsStep())}


@register
class GitHubProvider(Provider):
    name = "github"
    label = "GitHub"
    source_type = "GITHUB"
    settings = (
        SettingField("base_url", "Address of an Enterprise Server: https://github.acme.com; empty for GitHub.com"),
        SettingField("organization", "Owners whose repositories are read, separated by commas: logins (acme)"),
        SettingField(
            "repositories",
            "Repositories to read, separated by commas: names and patterns (acme/web, acme/api-*, *-service)",
        ),
        SettingField("exclude_repositories", "Names and patterns of repositories never to be read"),
        SettingField("token", "Personal access token, fine-grained or classic", secret=True),
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
        SettingField("webhook_secret", "Secret of the webhook: signs deliveries", secret=True),
    )
    steps = tuple(step.declared for step in _STEPS.values())
    items_table = "prs"
    items_step = PullRequestsStep.declared.name

    def check(self, connection: Connection) -> None:
        address_of(connection.setting("base_url"))
        checked_credentials(connection)
        checked_scope(connection)
        if connection.setting("batch_size"):
            checked_batch_size(connection.setting("batch_size"))

    def check_connection(self, connection: Connection) -> ConnectionReport:
        return check_connection(client_for(connection), connection)

    def refetch(self, connection: Connection, item_ids: Sequence[str]) -> list[Partition]:
        return refetch(connection, item_ids)

    def webhook(self, connection: Connection, headers: Mapping[str, str], body: bytes, token: str) -> WebhookEvent:
        return read_webhook(connection, headers, body, token)

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
            normalise.REPOSITORIES: RepositoriesStep.declared.name,
            normalise.REPOSITORIES_REST: RepositoriesStep.declared.name,
            normalise.REPOSITORY: RepositoriesStep.declared.name,
            normalise.PULL_REQUESTS: PullRequestsStep.declared.name,
            normalise.PULL_REQUEST_REST: PullRequestsStep.declared.name,
            normalise.PULL_REQUESTS_BY_ID: PullRequestsStep.declared.name,
            normalise.WEBHOOKS: PullRequestsStep.declared.name,
        }

    def digests(self, answer: RawAnswer) -> Mapping[str, str]:
        return normalise.digests(answer)

    def normalise(self, answer: RawAnswer, followups: Sequence[RawAnswer] = (), skip: Set[str] = frozenset()) -> Batch:
        return normalise.normalise(answer, followups, skip)


def _step(name: str) -> GitHubStep:
    if name not in _STEPS:
        raise Permanent(f"step {name!r} is unknown; known are: {', '.join(_STEPS)}")
    return _STEPS[name]
