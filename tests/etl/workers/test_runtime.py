"""The embedded profile's threads: who owns them, what a new owner inherits, what the sweep outlives."""

import secrets
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest
from django.db import InterfaceError, OperationalError
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from etl.jobs import lifecycle, units
from etl.jobs.wakeups import UNIT_MODELS
from etl.models import EtlJobRun, RunKind, WorkerRow
from etl.queue.broker import BrokerUnavailable
from etl.queue.topology import Stage
from etl.sql import execute, fetch
from etl.workers import control
from etl.workers.runtime import EmbeddedRuntime, SchedulerLoop
from integrations.sandbox import SandboxServer
from tests.services.waiting import wait_until
from tests.support.brokers import RecordingBroker
from tests.support.databases import end_session
from tests.support.driving import waiting, work_off
from tests.support.installations import Installation, installation
from tests.support.runs import wait_for_run
from tests.support.sites import Connected, connect, small_site


@pytest.fixture(scope="module")
def shared(django_db_blocker: DjangoDbBlocker) -> Iterator[Installation]:
    with installation(django_db_blocker) as made:
        yield made


@pytest.fixture(scope="module")
def site() -> Iterator[SandboxServer]:
    with small_site(12) as server:
        yield server


@pytest.fixture
def connected(shared: Installation, site: SandboxServer, django_db_blocker: DjangoDbBlocker) -> Iterator[Connected]:
    """An integration of a tenant of the test's own, in a database whose commits every thread sees."""
    with shared.entered(django_db_blocker):
        yield connect(site, tenant=f"Tenant {secrets.token_hex(4)}")


def owners() -> list[int]:
    """The sessions that hold an advisory lock of this database for good."""
    rows = fetch(
        """SELECT l.pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()
           JOIN pg_stat_activity a ON a.pid = l.pid AND a.xact_start IS NULL
           WHERE l.locktype = 'advisory' AND l.granted""",
        [],
    )
    return [row[0] for row in rows]


def the_owner() -> int:
    """The one session. It may just be asked whether it lives, and not be idle for that moment."""
    found: list[int] = []

    def look() -> bool:
        found[:] = owners()
        return len(found) == 1

    assert wait_until(look)
    return found[0]


def hold(run: EtlJobRun, stage: Stage) -> None:
    """What a killed owner leaves: every unit that waits is published, the first one is in its hands."""
    units.take(UNIT_MODELS[stage], waiting(run.pk, stage)[:1])
    names = units.columns(UNIT_MODELS[stage])
    execute(f"UPDATE {names.table} SET published_at = now() WHERE run_id = %s", [run.pk])


@pytest.mark.parametrize("stage", list(Stage))
def test_a_new_owner_goes_on_at_once_with_what_a_killed_one_held(connected: Connected, stage: Stage) -> None:
    run = lifecycle.start(connected.job.pk, trigger="test")
    work_off(run, stages=tuple(Stage)[: list(Stage).index(stage)])
    hold(run, stage)

    with EmbeddedRuntime(schedule=False):
        # Well before a lease ends (60 s) or a message is held for lost (300 s).
        assert wait_until(lambda: lifecycle.open_run(connected.job.pk) is None, 30)

    assert wait_for_run(run.pk).status == "FINISHED"


@pytest.mark.usefixtures("connected")
def test_of_two_runtimes_one_works_and_the_other_follows_when_it_ends() -> None:
    with ExitStack() as first_one:
        first = first_one.enter_context(EmbeddedRuntime(schedule=False))
        with EmbeddedRuntime(schedule=False) as second:
            assert (first.owns, second.owns) == (True, False)
            first_one.close()
            assert wait_until(lambda: second.owns)
    assert wait_until(lambda: owners() == [])


@pytest.mark.usefixtures("connected")
def test_the_right_to_work_is_taken_again_when_its_session_was_killed() -> None:
    with EmbeddedRuntime(schedule=False):
        before = the_owner()
        end_session(before)
        assert wait_until(lambda: len(set(owners()) - {before}) == 1)


@pytest.mark.usefixtures("connected")
def test_the_process_is_listed_while_it_works() -> None:
    before = set(WorkerRow.objects.values_list("pk", flat=True))
    with EmbeddedRuntime(schedule=False):
        row = WorkerRow.objects.exclude(pk__in=before).get()
        assert row.active
        assert {"extraction", "transform", "embedding"} <= set(row.stages)
    row.refresh_from_db()
    assert (row.active, row.ended) == (False, "stopped")
    assert row.stopped_at is not None


@pytest.mark.usefixtures("connected")
def test_workers_that_are_told_to_begin_anew_do_so_in_the_same_process() -> None:
    with EmbeddedRuntime(schedule=False):
        before = control.not_ended().get()

        control.restart(before.pk)

        assert wait_until(lambda: control.not_ended().exclude(pk=before.pk).exists(), 30)
        before.refresh_from_db()
        after = control.not_ended().get()
        assert (before.ended, before.asked, after.pid) == ("restarted", "", before.pid)


@pytest.mark.usefixtures("connected")
def test_a_new_owner_says_of_the_workers_before_it_that_they_died() -> None:
    killed = WorkerRow.objects.create(host="machine", pid=1, tier="all")

    with EmbeddedRuntime(schedule=False):
        killed.refresh_from_db()

    assert (killed.active, killed.ended) == (False, "died")


@pytest.mark.parametrize(
    "error",
    [OperationalError("gone"), InterfaceError("closed"), BrokerUnavailable("away"), ValueError("of ours")],
    ids=lambda error: type(error).__name__,
)
def test_the_sweep_goes_on_after_an_error(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    turns, second = [0], threading.Event()

    def may_work() -> bool:
        turns[0] += 1
        if turns[0] == 1:
            raise error
        second.set()
        return False

    loop = SchedulerLoop(schedule=True, may_work=may_work)
    loop.start()
    try:
        assert second.wait(10)
    finally:
        loop.stop()
    assert f"the right to work: will be tried again: {error}" in caplog.text
    assert ("Traceback" in caplog.text) == isinstance(error, ValueError)


def test_a_scheduler_starts_the_repairs_that_are_due(connected: Connected, recording: RecordingBroker) -> None:
    run = lifecycle.start(connected.job.pk, trigger="test")
    EtlJobRun.objects.filter(pk=run.pk).update(status="FINISHED", finished_at=timezone.now() - timedelta(days=2))
    loop = SchedulerLoop(schedule=True)
    loop.start()
    try:
        repairs = EtlJobRun.objects.filter(job=connected.job, kind=RunKind.REPAIR)
        assert wait_until(repairs.exists, 30)
    finally:
        loop.stop()
