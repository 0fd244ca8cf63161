"""Extraction by several threads, with a ceiling of calls, and from a site that refuses every fourth."""

import secrets
import time
from collections.abc import Iterator

import pytest
from pytest_django import DjangoDbBlocker

from etl.models import EtlJobRun, ExtractionCheckpoint
from etl.queue.memory import MemoryBroker
from etl.workers.pool import WorkerPool
from etl.workers.runtime import SchedulerLoop
from integrations.models import IntegrationLimit
from integrations.sandbox import Faults, SandboxServer, Site, SiteSpec
from integrations.sandbox.http import Request, Response
from tests.services.waiting import wait_until
from tests.support.installations import Installation, installation
from tests.support.making import STATUSES, a_run, all_planned, checkpoint
from tests.support.sites import connect

pytestmark = pytest.mark.xdist_group("runtime")
CALLS = 16
LIMIT_SECONDS = 60


class TimedServer(SandboxServer):
    """Notes when each call came."""

    def __init__(self) -> None:
        self.times: list[float] = []
        super().__init__(Site(SiteSpec(issues=1, seed=1)))

    def _answer(self, request: Request) -> Response:
        self.times.append(time.monotonic())
        return super()._answer(request)


@pytest.fixture(scope="module")
def shared(django_db_blocker: DjangoDbBlocker) -> Iterator[Installation]:
    with installation(django_db_blocker) as made:
        yield made


@pytest.fixture
def server(
    shared: Installation, django_db_blocker: DjangoDbBlocker, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TimedServer]:
    """A site, beside a database whose commits every thread sees and a broker for the workers of one test."""
    broker = MemoryBroker()
    monkeypatch.setattr("etl.queue._broker", broker)
    with shared.entered(django_db_blocker), TimedServer() as server:
        yield server
        broker.close()


def extracted(server: SandboxServer, **settings: str) -> EtlJobRun:
    """A run whose units make a call each, after four threads have worked them off."""
    run = all_planned(a_run(connect(server, tenant=f"Tenant {secrets.token_hex(4)}", **settings).integration))
    for _ in range(CALLS):
        checkpoint(run, STATUSES)
    pool, sweeping = WorkerPool(["extraction"], threads=4), SchedulerLoop(schedule=False)
    pool.start()
    sweeping.start()
    try:
        unfinished = ExtractionCheckpoint.objects.filter(run=run).exclude(status="completed")
        assert wait_until(lambda: not unfinished.exists(), LIMIT_SECONDS)
    finally:
        sweeping.stop()
        pool.stop()
    return run


def most_in_a_second(times: list[float]) -> int:
    return max(sum(start <= moment < start + 1 for moment in times) for start in times)


def test_under_a_ceiling_all_is_fetched_and_no_second_sees_more_calls(server: TimedServer) -> None:
    extracted(server, rate_limit="5")

    # The units' calls, and the one that asks what kind of site this is.
    assert len(server.times) > CALLS
    # Five, and one that a busy machine sent late and so closer to the next.
    assert most_in_a_second(server.times) <= 6
    # Each is woken for its slot: the sweep wakes one a second.
    assert server.times[-1] - server.times[0] < 0.8 * CALLS


def test_without_a_ceiling_a_second_sees_more_calls(server: TimedServer) -> None:
    extracted(server)

    assert most_in_a_second(server.times) > 6


def test_a_site_that_refuses_every_fourth_call_costs_no_try_and_opens_no_circuit(server: TimedServer) -> None:
    server.faults = Faults(throttle_every=4, retry_after=1)

    run = extracted(server)

    assert len(server.times) >= CALLS * 4 // 3
    assert set(ExtractionCheckpoint.objects.filter(run=run).values_list("tries", "takes")) == {(0, 0)}
    limit = IntegrationLimit.objects.get(integration=run.integration_id)
    assert limit.blocked_until is not None
    assert (limit.errors_in_a_row, limit.limits_in_a_row) == (0, 0)
