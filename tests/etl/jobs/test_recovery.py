"""What workers left that are gone: it is taken back, once, and from nobody who lives."""

from collections.abc import Iterator

import pytest

from etl.jobs import identity, recovery, units
from etl.jobs.recovery import TakenBack
from etl.jobs.units import Lease, LeaseLost
from etl.models import EtlJobRun, ExtractionCheckpoint, QdrantVector, RawExtractionData, WorkerRow
from etl.models.unit import Unit, UnitState
from etl.sql import execute, fetch
from tests.support.making import a_run, change, checkpoint, raw_row, vector
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nobody_after() -> Iterator[None]:
    yield
    identity.assume(None)


@pytest.fixture(autouse=True)
def _database_that_was_up_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server of a test run may have been started just now."""
    monkeypatch.setattr(recovery, "_SILENT", recovery._SILENT.replace("pg_postmaster_start_time()", UP_SINCE))


UP_SINCE = "(now() - interval '1 hour')"


def worker(*, silent_for: int = 0, ended: str = "") -> WorkerRow:
    row = WorkerRow.objects.create(host="here", pid=1, tier="all", ended=ended, active=not ended)
    execute(f"UPDATE workers SET heartbeat_at = now() - interval '{silent_for} seconds' WHERE id = %s", [row.pk])
    return row


def taken(unit: Unit, by: WorkerRow | None = None) -> Lease:
    identity.assume(by.pk if by else None)
    lease = units.take(type(unit), [unit.pk])
    identity.assume(None)
    assert lease is not None
    unit.refresh_from_db()
    return lease


def expire(unit: Unit) -> None:
    change(unit, "lease_until = now() - interval '1 second'")


def test_a_unit_says_which_worker_took_it_last() -> None:
    unit, row = checkpoint(a_run()), worker()

    taken(unit, row)

    assert unit.worker_id == row.pk
    expire(unit)
    recovery.take_back(ExtractionCheckpoint)
    unit.refresh_from_db()
    assert unit.worker_id == row.pk


def test_a_unit_whose_lease_ran_out_waits_again() -> None:
    run = a_run()
    unit, held = checkpoint(run), checkpoint(run)
    taken(unit)
    taken(held)
    expire(unit)

    assert recovery.take_back(ExtractionCheckpoint) == [TakenBack(unit.pk, run.pk, given_up=False)]

    unit.refresh_from_db()
    assert (unit.status, unit.takes, unit.lease_token, unit.published_at) == (UnitState.PENDING, 1, None, None)
    assert units.take(ExtractionCheckpoint, [unit.pk]) is not None


@pytest.mark.parametrize(
    ("silent_for", "ended", "back"),
    [
        (0, "", False),
        (19, "", False),
        (21, "", True),
        (0, "died", True),
        (0, "stopped", True),
        (0, "memory", True),
        # It was taken for dead, and is heard of again.
        (0, "silent", False),
        (21, "silent", True),
    ],
)
def test_what_a_worker_holds_that_is_gone_is_taken_back_before_its_lease_runs_out(
    silent_for: int, ended: str, back: bool
) -> None:
    unit = raw_row(a_run())
    taken(unit, worker(silent_for=silent_for, ended=ended))

    assert bool(recovery.take_back(RawExtractionData)) == back

    unit.refresh_from_db()
    assert (unit.status == UnitState.PENDING) == back


def test_a_unit_that_waits_stays_as_it_is_whoever_had_it_last() -> None:
    unit = raw_row(a_run(), worker=worker(ended="died"))

    assert recovery.take_back(RawExtractionData) == []

    unit.refresh_from_db()
    assert unit.status == UnitState.PENDING


def test_who_looks_is_not_taken_for_silent() -> None:
    unit, row = raw_row(a_run()), worker(silent_for=100)
    taken(unit, row)
    identity.assume(row.pk)

    assert recovery.end_silent_workers() == 0
    assert recovery.take_back(RawExtractionData) == []


def test_a_worker_is_marked_as_silent_once() -> None:
    silent, alive = worker(silent_for=21), worker(silent_for=1)
    died = worker(silent_for=21, ended="died")

    assert recovery.end_silent_workers() == 1
    assert recovery.end_silent_workers() == 0

    for row, ended in ((silent, "silent"), (alive, ""), (died, "died")):
        row.refresh_from_db()
        assert (row.ended, row.active) == (ended, not ended)
    silent.refresh_from_db()
    assert silent.stopped_at is not None


def test_nobody_is_silent_just_after_the_database_came_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "_SILENT", recovery._SILENT.replace(UP_SINCE, "(now() - interval '1 second')"))
    unit = raw_row(a_run())
    taken(unit, worker(silent_for=100))

    assert (recovery.end_silent_workers(), recovery.take_back(RawExtractionData)) == (0, [])


def test_a_worker_that_is_heard_of_again_ends_nothing_that_was_taken_back_and_what_it_takes_now() -> None:
    run = a_run()
    lost, kept = checkpoint(run), checkpoint(run)
    row = worker(silent_for=21)
    late = taken(lost, row)
    recovery.end_silent_workers()
    recovery.take_back(ExtractionCheckpoint)

    execute("UPDATE workers SET heartbeat_at = now() WHERE id = %s", [row.pk])
    current = taken(kept, row)

    with pytest.raises(LeaseLost), units.ending(late):
        pass
    assert recovery.take_back(ExtractionCheckpoint) == []
    with units.ending(current):
        pass


@pytest.mark.django_db(transaction=True)
def test_of_several_sweeps_at_once_one_takes_a_unit_back() -> None:
    run = a_run()
    for unit in [checkpoint(run) for _ in range(5)]:
        taken(unit)
        expire(unit)

    back = at_once(*[lambda: recovery.take_back(ExtractionCheckpoint)] * 4)

    assert sum(map(len, back)) == 5


def test_a_unit_taken_five_times_without_an_end_has_failed() -> None:
    run = a_run()
    unit = checkpoint(run)
    given_up = []
    for _ in range(5):
        change(unit, "published_at = now(), not_before = NULL")
        taken(unit)
        expire(unit)
        given_up += [one.given_up for one in recovery.take_back(ExtractionCheckpoint)]

    unit.refresh_from_db()
    assert given_up == [False, False, False, False, True]
    assert unit.error_details == {"error": "the worker died on it"}
    assert unit.status == UnitState.FAILED


@pytest.mark.parametrize(("takes", "pause"), [(1, None), (2, None), (3, 15), (4, 30)])
def test_a_suspect_waits_longer_each_time_a_worker_died_on_it(takes: int, pause: int | None) -> None:
    unit = checkpoint(a_run(), takes=takes - 1)
    change(unit, "published_at = now()")
    taken(unit)
    expire(unit)

    recovery.take_back(ExtractionCheckpoint)

    # Of one transaction: its now() is always the same.
    ((waits,),) = fetch("SELECT extract(epoch FROM not_before - now()) FROM extraction_checkpoints", [])
    assert waits == pause


def test_a_unit_that_workers_died_on_twice_is_not_taken_for_a_message_that_the_queue_delivers_again() -> None:
    unit = checkpoint(a_run(), takes=2)
    assert units.take(ExtractionCheckpoint, [unit.pk]) is None

    change(unit, "published_at = now()")

    assert units.take(ExtractionCheckpoint, [unit.pk]) is not None


def test_vectors_that_workers_died_on_twice_are_tried_alone() -> None:
    run = a_run()
    once, twice = vector(run), vector(run, takes=1)
    for unit in (once, twice):
        taken(unit)
        expire(unit)

    recovery.take_back(QdrantVector)

    for unit, alone in ((once, False), (twice, True)):
        unit.refresh_from_db()
        assert unit.alone == alone


def test_what_slipped_past_a_stop_is_cancelled_and_nothing_else() -> None:
    stopped = a_run()
    slipped, done = checkpoint(stopped), checkpoint(stopped, status=UnitState.COMPLETED)
    EtlJobRun.objects.filter(pk=stopped.pk).update(status="STOPPED")
    running = checkpoint(EtlJobRun.objects.get(pk=a_run(stopped.integration).pk))

    assert recovery.cancel_stopped(ExtractionCheckpoint) == 1

    for unit, state in ((slipped, "cancelled"), (done, "completed"), (running, "pending")):
        unit.refresh_from_db()
        assert unit.status == state
