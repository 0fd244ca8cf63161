"""Sandbox GitHub sites for tests, and integrations with them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from etl.models import EtlJob
from integrations.models import Integration
from integrations.sandbox.github import GitHubFaults, GitHubServer, GitHubSite, GitHubSpec
from integrations.sandbox.jira.entries import SiteSpec
from pulse.tenancy.models import Tenant
from tests.support.deliveries import SECRET
from tests.support.sites import empty_store

# One of each oddity that the sandbox knows.
PULL_REQUESTS = 21
ORGANIZATION = "acme"


@dataclass(frozen=True)
class ConnectedGitHub:
    """A sandbox and the integration of a tenant with it."""

    server: GitHubServer
    integration: Integration

    @property
    def site(self) -> GitHubSite:
        return self.server.site

    @property
    def tenant(self) -> Tenant:
        return self.integration.tenant

    @property
    def job(self) -> EtlJob:
        return self.integration.jobs.get()


@contextmanager
def small_github(
    pull_requests: int = PULL_REQUESTS,
    *,
    seed: int = 1,
    faults: GitHubFaults | None = None,
    jira: SiteSpec | None = None,
    is_enterprise: bool = False,
) -> Iterator[GitHubServer]:
    """A running sandbox. The vector store is emptied at its end, so that the next test begins with an empty one.

    Its pull requests name work items of the Jira site `jira`, and come besides those that its development panel names.
    """
    site = GitHubSite(GitHubSpec(pull_requests, seed=seed, jira=jira or SiteSpec(30)))
    with GitHubServer(site, faults=faults, is_enterprise=is_enterprise) as server:
        try:
            yield server
        finally:
            empty_store()


def connect_github(
    server: GitHubServer, *, tenant: str = "Acme", name: str = "GitHub", **settings: str
) -> ConnectedGitHub:
    """An integration of a tenant (made where there is none of that name) with the sandbox, by personal token."""
    return _connected(server, tenant, name, {"token": server.token}, settings)


def connect_app(
    server: GitHubServer, *, tenant: str = "Acme", name: str = "GitHub", **settings: str
) -> ConnectedGitHub:
    """As `connect_github`, by the sandbox's app as it is installed in the organisation."""
    app = server.app
    installation = next(one for one in app.installations if one.account == ORGANIZATION)
    chosen = {"app_id": str(app.id), "installation_id": str(installation.number), **settings}
    return _connected(server, tenant, name, {"app_private_key": app.private_key}, chosen)


def _connected(
    server: GitHubServer, tenant: str, name: str, secrets: dict[str, str], settings: dict[str, str]
) -> ConnectedGitHub:
    integration = Integration(
        tenant=Tenant.objects.get_or_create(name=tenant)[0],
        provider="github",
        name=name,
        settings={"base_url": server.url, "organization": ORGANIZATION, "batch_size": "10", **settings},
        secrets={"webhook_secret": SECRET, **secrets},
    )
    integration.full_clean()
    integration.save()
    return ConnectedGitHub(server, integration)


def revoke_tokens(connected: ConnectedGitHub) -> None:
    """The site refuses the tokens that it minted until now."""
    connected.server.app.expire_tokens()
