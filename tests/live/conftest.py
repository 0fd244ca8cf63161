"""The distributed profile: processes that share RabbitMQ, PostgreSQL and a vector server; and a browser."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser
from pytest_django import DjangoDbBlocker

from integrations.sandbox import SandboxServer
from tests.etl.embedding.qdrant_standin import QdrantStandIn
from tests.live.browsers import chromium
from tests.services.rabbitmq import own_vhost
from tests.support.installations import Installation, installation
from tests.support.processes import Running
from tests.support.sites import connect, small_site
from tests.support.tables import derived_rows

ISSUES = 40
LEASE_SECONDS = 3
KEY = "key-of-the-stand-in"
# Three processes, as on three machines; the scheduler is a fourth.
WORKERS = (("extraction", "jobs", "custom_fields"), ("transform", "dead_letters"), ("embedding",))
Rows = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Cluster:
    """The installation whose processes they are, the broker and the vector server that they share."""

    installation: Installation
    rabbitmq_url: str
    vectors: QdrantStandIn
    workers: dict[tuple[str, ...], Running]

    def begin(self, names: tuple[str, ...]) -> Running:
        """One more process with those workers, in the place of the one before."""
        worker = self.installation.start("run_worker", *names)
        worker.wait_for("taking messages")
        self.workers[names] = worker
        return worker


@pytest.fixture(scope="module")
def site() -> Iterator[SandboxServer]:
    with small_site(ISSUES) as server:
        yield server


@pytest.fixture(scope="module")
def embedded_rows(site: SandboxServer, django_db_blocker: DjangoDbBlocker) -> Rows:
    """What one process of the embedded profile makes of the site."""
    with installation(django_db_blocker) as made, made.entered(django_db_blocker):
        integration = connect(site).integration
        ended = made.run("run_job", "--integration", integration.pk, "--wait")
        assert ended.code == 0, ended.errors
        return derived_rows(integration.pk)


@pytest.fixture(scope="module")
def running(django_db_blocker: DjangoDbBlocker) -> Iterator[Cluster]:
    vectors = QdrantStandIn(KEY)
    services = {"QDRANT_URL": vectors.url, "QDRANT_API_KEY": KEY}
    services |= dict.fromkeys(("UNIT_LEASE_SECONDS", "UNIT_LOST_SECONDS"), str(LEASE_SECONDS))
    services["TRANSACTION_IDLE_SECONDS"] = str(3 * LEASE_SECONDS)
    with own_vhost() as url, installation(django_db_blocker, RABBITMQ_URL=url, **services) as made:
        cluster = Cluster(made, url, vectors, {})
        scheduler = made.start("run_scheduler")
        cluster.workers.update({names: made.start("run_worker", *names) for names in WORKERS})
        for worker in cluster.workers.values():
            worker.wait_for("taking messages")
        scheduler.wait_for("scheduling")
        yield cluster
    vectors.stop()


@pytest.fixture
def cluster(running: Cluster, django_db_blocker: DjangoDbBlocker) -> Iterator[Cluster]:
    """The module's processes; the test's own queries go to their database."""
    with running.installation.entered(django_db_blocker):
        yield running


@pytest.fixture
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found
