"""What the processes of Pulse need: a database server and a broker of this run's own, and the sites."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from django.conf import settings

from integrations.sandbox import Faults, SandboxServer, Site, SiteSpec
from integrations.sandbox.github import GitHubFaults, GitHubServer, GitHubSite, GitHubSpec
from pulse.embedded import EmbeddedPostgres, server_for
from tests.etl.embedding.qdrant_standin import QdrantStandIn
from tests.services import debian, rabbitmq_node
from tests.services.rabbitmq_node import RestartableNode

QDRANT_KEY = "key-of-the-stand-in"
SITE_SEED = 1


@dataclass(frozen=True)
class Services:
    """They outlive the runs; the sites have no faults until they are given some."""

    home: Path
    broker: RestartableNode
    vectors: QdrantStandIn
    jira: SandboxServer
    github: GitHubServer

    @property
    def database(self) -> EmbeddedPostgres:
        return server_for(Path(settings.DATABASES["default"]["EMBEDDED_HOME"]))

    def empty(self) -> None:
        """As if no run had been: no queue, no vector, no fault. The database is each run's own."""
        self.broker.kill()
        self.broker.forget_all()
        self.broker.start()
        self.vectors.collections.clear()
        self.vectors.requests.clear()
        self.calm_sites()

    def calm_sites(self) -> None:
        self.jira.faults, self.github.faults = Faults(), GitHubFaults()

    def trouble_sites(self, seed: int) -> None:
        """Errors, broken connections, limits and outages, as sites have them on a bad day."""
        self.jira.faults = Faults(
            error_share=0.02, lost_share=0.01, throttle_every=60, unavailable_every=97, short_share=0.1, seed=seed
        )
        self.github.faults = GitHubFaults(
            error_share=0.02, lost_share=0.01, throttle_every=40, retry_after=1, seed=seed
        )

    def messages(self) -> tuple[int, int]:
        """How many messages the broker took, and how many were acknowledged, since its data is what it is."""
        counted = httpx.get(f"{self.broker.management_url}/api/overview", timeout=5, trust_env=False).json()
        stats = counted.get("message_stats", {})
        return int(stats.get("publish", 0)), int(stats.get("ack", 0))


@contextmanager
def services(home: Path, issues: int, pull_requests: int) -> Iterator[Services]:
    if not rabbitmq_node.installed():
        debian.install("rabbitmq-server")
    jira, broker, vectors = SiteSpec(issues, SITE_SEED), RestartableNode(home / "rabbitmq"), QdrantStandIn(QDRANT_KEY)
    github = GitHubServer(GitHubSite(GitHubSpec(pull_requests, seed=SITE_SEED, jira=jira)))
    with SandboxServer(Site(jira)) as site, github:
        broker.start()
        try:
            yield Services(home, broker, vectors, site, github)
        finally:
            broker.kill()
            vectors.stop()
