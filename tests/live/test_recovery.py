"""Real processes that die, stall or lose their broker: the run ends by itself, with all that could be had."""

import os
import secrets
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

import pytest

from etl.jobs import lifecycle
from etl.jobs.units import MAX_TAKES
from etl.models import DeadLetter, EtlJobEvent, EtlJobRun, ExtractionCheckpoint, QdrantVector, WorkerRow, WorkItem
from etl.queue.topology import Stage
from integrations.sandbox import Faults, SandboxServer
from integrations.sandbox.http import Request, Response
from integrations.sandbox.jira.catalog import PROJECTS
from tests.live.conftest import ISSUES, WORKERS, Cluster, Rows
from tests.services.rabbitmq import management_url
from tests.services.rabbitmq_management import create_vhost, delete_vhost
from tests.services.waiting import wait_until
from tests.support.runs import in_hand, wait_for_run
from tests.support.sites import Connected, connect
from tests.support.tables import derived_rows

pytestmark = pytest.mark.slow
EXTRACTION = WORKERS[0]
WAIT_SECONDS = 90
POISON = PROJECTS[0]


@pytest.fixture
def connected(cluster: Cluster, site: SandboxServer) -> Connected:
    """An integration of a tenant of the test's own."""
    return connect(site, tenant=f"Tenant {secrets.token_hex(4)}")


class Trap(Faults):
    """A site that keeps the answers to the calls of one path to itself until they are let go."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path
        self.called, self.let_go = threading.Semaphore(0), threading.Semaphore(0)

    def instead(self, request: Request, now: float, *, is_data_center: bool = False) -> Response | None:
        if request.path.endswith(self.path):
            self.called.release()
            self.let_go.acquire(timeout=WAIT_SECONDS)
        return super().instead(request, now, is_data_center=is_data_center)


@contextmanager
def trapped(site: SandboxServer) -> Iterator[Trap]:
    """The site answers nobody who asks for the statuses of one project."""
    site.faults = trap = Trap(f"/project/{POISON.id}/statuses")
    try:
        yield trap
    finally:
        site.faults = Faults()
        for _ in range(20):
            trap.let_go.release()


def caught(run: EtlJobRun) -> WorkerRow:
    """The process that has the trapped unit in hand."""
    unit = ExtractionCheckpoint.objects.get(run=run, partition_key=f"project:{POISON.id}", status="processing")
    assert unit.worker_id is not None
    return WorkerRow.objects.get(pk=unit.worker_id)


def test_a_unit_that_kills_each_worker_that_takes_it_is_given_up_and_all_else_is_loaded(
    cluster: Cluster, site: SandboxServer, connected: Connected
) -> None:
    killed: list[int] = []
    with trapped(site) as trap:
        run = lifecycle.start(connected.job.pk, trigger="test")
        for _ in range(3):
            assert trap.called.acquire(timeout=WAIT_SECONDS)
            worker = caught(run)
            if not killed:
                # As if others had died on it before: who follows one that hardly lived comes later each time.
                ExtractionCheckpoint.objects.filter(run=run, worker=worker).update(takes=MAX_TAKES - 2)
            os.kill(worker.pid, signal.SIGKILL)
            killed.append(worker.pk)
            trap.let_go.release()
        over = wait_for_run(run.pk)

    assert len(set(killed)) == 3
    assert (over.status, over.error_message) == ("FAILED", "the worker died on it")
    failed = ExtractionCheckpoint.objects.filter(run=run, status="failed")
    told = dict(failed.values_list("partition_key", "error_details__error"))
    assert told == {f"project:{POISON.id}": "the worker died on it"}
    assert WorkItem.objects.filter(integration=connected.integration).count() == ISSUES
    assert not QdrantVector.objects.filter(integration=connected.integration).exclude(status="completed").exists()
    assert set(WorkerRow.objects.filter(pk__in=killed).values_list("ended", flat=True)) == {"died"}
    assert EtlJobEvent.objects.filter(run=run, message__contains="given up").count() == 1
    assert DeadLetter.objects.get(tenant=connected.tenant).unit_id == failed.get().pk


def test_a_worker_that_stalls_past_its_lease_and_comes_back_changes_nothing(
    cluster: Cluster, site: SandboxServer, connected: Connected, embedded_rows: Rows
) -> None:
    with trapped(site) as trap:
        run = lifecycle.start(connected.job.pk, trigger="test")
        assert trap.called.acquire(timeout=WAIT_SECONDS)
        stalled = caught(run)
        os.kill(stalled.pid, signal.SIGSTOP)
        try:
            with cluster.installation.start("run_worker", *EXTRACTION):
                assert trap.called.acquire(timeout=WAIT_SECONDS)
                assert caught(run).pk != stalled.pk
                # Each gets the answer; the one that stands still reads it when all is over.
                trap.let_go.release(2)
                over = wait_for_run(run.pk)
        finally:
            os.kill(stalled.pid, signal.SIGCONT)

    assert (over.status, over.error_message) == ("FINISHED", "")
    # It is heard of again, and has let go of what was taken from it.
    assert wait_until(lambda: WorkerRow.objects.filter(pk=stalled.pk, ended="", holding=[]).exists(), WAIT_SECONDS)
    assert derived_rows(connected.integration.pk) == embedded_rows
    assert in_hand(run.pk, Stage.EXTRACTION) == 0
    assert EtlJobEvent.objects.filter(run=run, message__contains="taken back from a dead worker").exists()


def test_a_run_ends_although_the_broker_lost_all_its_data(
    cluster: Cluster, site: SandboxServer, connected: Connected, embedded_rows: Rows
) -> None:
    management, vhost = management_url(), unquote(urlsplit(cluster.rabbitmq_url).path[1:])
    with trapped(site) as trap:
        run = lifecycle.start(connected.job.pk, trigger="test")
        assert trap.called.acquire(timeout=WAIT_SECONDS)
        delete_vhost(management, vhost)
        create_vhost(management, vhost)
    over = wait_for_run(run.pk)

    assert (over.status, over.error_message) == ("FINISHED", "")
    assert derived_rows(connected.integration.pk) == embedded_rows
    assert not QdrantVector.objects.filter(integration=connected.integration).exclude(status="completed").exists()
