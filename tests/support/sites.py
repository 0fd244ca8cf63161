"""Sandbox sites for tests, and integrations with them."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import F

from etl.embedding.backends import close_stores
from etl.models import EtlJob
from integrations.models import Integration, IntegrationToken
from integrations.sandbox import Faults, SandboxServer, Site, SiteSpec
from integrations.sandbox.jira.catalog import PROJECTS, Project
from integrations.sandbox.server import CLOUD, INLINE_HISTORIES, PAGE_CAP
from integrations.tokens import YOUNG_SECONDS
from pulse.tenancy.models import Tenant

ISSUES = 30
# One of each kind: a plain one, one with a zone of its own, and a team-managed one.
FEW_PROJECTS = (PROJECTS[0], PROJECTS[3], PROJECTS[4])
ZONE = "America/Los_Angeles"


@dataclass(frozen=True)
class Connected:
    """A sandbox and the integration of a tenant with it."""

    server: SandboxServer
    integration: Integration

    @property
    def site(self) -> Site:
        return self.server.site

    @property
    def tenant(self) -> Tenant:
        return self.integration.tenant

    @property
    def job(self) -> EtlJob:
        return self.integration.jobs.get()


@contextmanager
def small_site(
    issues: int = ISSUES,
    *,
    seed: int = 1,
    faults: Faults | None = None,
    projects: tuple[Project, ...] = PROJECTS,
    zone: str = ZONE,
    deployment: str = CLOUD,
    inline_histories: int = INLINE_HISTORIES,
    page_cap: int = PAGE_CAP,
) -> Iterator[SandboxServer]:
    """A running sandbox. The vector store is emptied at its end, so that the next test begins with an empty one.

    `zone` is the account's; `deployment` "Cloud" or "Server": the same issues and seed give both the same data.
    """
    site = Site(SiteSpec(issues=issues, seed=seed, projects=projects), zone=zone)
    server = SandboxServer(
        site,
        faults=faults or Faults(),
        deployment=deployment,
        inline_histories=inline_histories,
        page_cap=page_cap,
    )
    with server:
        try:
            yield server
        finally:
            empty_store()


def empty_store() -> None:
    """Lets go of this process's embedded vector store, and of what is in it."""
    close_stores()
    shutil.rmtree(settings.PULSE_HOME / "vectors", ignore_errors=True)


def connect(server: SandboxServer, *, tenant: str = "Acme", name: str = "Jira", **settings: str) -> Connected:
    """An integration of a tenant (made where there is none of that name) with the sandbox."""
    integration = Integration(
        tenant=Tenant.objects.get_or_create(name=tenant)[0],
        provider="jira",
        name=name,
        settings={"base_url": server.url, "batch_size": "10", **settings},
        secrets={"email": server.email, "api_token": server.token},
    )
    integration.full_clean()
    integration.save()
    return Connected(server, integration)


def connect_by_oauth(server: SandboxServer, *, tenant: str = "Acme", name: str = "Jira", **settings: str) -> Connected:
    """As `connect`, with the refresh token of the sandbox's OAuth app and nothing else."""
    integration = Integration(
        tenant=Tenant.objects.get_or_create(name=tenant)[0],
        provider="jira",
        name=name,
        settings={
            "base_url": server.gateway_url,
            "token_url": server.token_url,
            "oauth_client_id": server.oauth.client_id,
            "batch_size": "10",
            **settings,
        },
        secrets={"oauth_client_secret": server.oauth.client_secret, "oauth_refresh_token": server.oauth.refresh_token},
    )
    integration.full_clean()
    integration.save()
    return Connected(server, integration)


def expire_access_token(connected: Connected) -> None:
    """The site refuses the token from now on, which is old enough for that."""
    connected.server.oauth.expire()
    older = F("minted_at") - timedelta(seconds=YOUNG_SECONDS)
    IntegrationToken.objects.filter(integration=connected.integration).update(minted_at=older)
