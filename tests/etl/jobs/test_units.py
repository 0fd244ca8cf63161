"""The life of a unit: one winner takes it, only the holder ends it, and it always comes to an end."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from etl.jobs import units
from etl.jobs.units import Lease, LeaseLost, UnitInvisible
from etl.models import EtlJobEvent, EtlJobRun, ExtractionCheckpoint, Overall, QdrantVector, RawExtractionData, RunKind
from etl.models.unit import Unit, UnitState
from tests.support.making import a_run, change, checkpoint, raw_row, vector
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db
NOWHERE_ID = 10**9


def taken(unit: Unit) -> Lease:
    lease = units.take(type(unit), [unit.pk])
    assert lease is not None
    unit.refresh_from_db()
    return lease


def expire(unit: Unit) -> None:
    change(unit, "lease_until = now() - interval '1 second'")


def reason_of(unit: Unit) -> str:
    unit.refresh_from_db()
    assert unit.error_details is not None
    return str(unit.error_details["error"])


@pytest.mark.django_db(transaction=True)
def test_of_many_takers_at_once_one_wins() -> None:
    unit = checkpoint(a_run())

    leases = at_once(*[lambda: units.take(ExtractionCheckpoint, [unit.pk])] * 4)

    assert sum(lease is not None for lease in leases) == 1
    unit.refresh_from_db()
    assert (unit.status, unit.takes) == (UnitState.PROCESSING, 1)


def test_a_lease_says_whose_unit_it_is() -> None:
    run = a_run()
    unit = checkpoint(run)

    lease = taken(unit)

    assert (lease.id, lease.run_id, lease.tenant_id, lease.integration_id, lease.step) == (
        unit.pk,
        run.pk,
        run.tenant_id,
        run.integration_id,
        unit.step,
    )
    assert unit.lease_token == lease.token


def test_a_unit_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(UnitInvisible, match=f"{NOWHERE_ID}.*extraction_checkpoints"):
        units.take(ExtractionCheckpoint, [NOWHERE_ID])


@pytest.mark.parametrize("state", [UnitState.COMPLETED, UnitState.FAILED, UnitState.CANCELLED, UnitState.PROCESSING])
def test_a_unit_that_does_not_wait_is_not_taken(state: UnitState) -> None:
    assert units.take(RawExtractionData, [raw_row(a_run(), status=state).pk]) is None


@pytest.mark.parametrize("status", ["PAUSED", "STOPPED", "FINISHED", "FAILED"])
def test_no_unit_of_a_run_that_does_not_run_is_taken(status: str) -> None:
    run = a_run()
    unit = checkpoint(run)
    EtlJobRun.objects.filter(pk=run.pk).update(status=status)

    assert units.take(ExtractionCheckpoint, [unit.pk]) is None


def test_of_a_batch_those_that_wait_are_taken() -> None:
    run = a_run()
    waiting, done = vector(run), vector(run, status=UnitState.COMPLETED)

    lease = units.take(QdrantVector, [waiting.pk, done.pk, NOWHERE_ID])

    assert lease is not None
    assert lease.ids == (waiting.pk,)


def test_what_is_written_with_an_end_that_is_no_longer_ours_is_rolled_back() -> None:
    run = a_run()
    unit = checkpoint(run)
    late = taken(unit)
    expire(unit)
    units.take_back_expired(ExtractionCheckpoint)
    current = taken(unit)

    with pytest.raises(LeaseLost), units.ending(late):
        EtlJobEvent.objects.create(tenant_id=run.tenant_id, run=run, message="late")
    with units.ending(current):
        EtlJobEvent.objects.create(tenant_id=run.tenant_id, run=run, message="current")

    assert list(EtlJobEvent.objects.values_list("message", flat=True)) == ["current"]
    unit.refresh_from_db()
    assert (unit.status, unit.lease_token, unit.takes) == (UnitState.COMPLETED, None, 0)


def test_a_unit_ends_once_only() -> None:
    lease = taken(checkpoint(a_run()))
    with units.ending(lease):
        pass

    with pytest.raises(LeaseLost), units.ending(lease):
        pass
    with pytest.raises(LeaseLost), units.continuing(lease, {}, "", [], kept=False):
        pass
    assert units.fail(lease, "late") == []


def test_a_batch_ends_only_as_a_whole() -> None:
    run = a_run()
    mine, lost = vector(run), vector(run)
    lease = units.take(QdrantVector, [mine.pk, lost.pk])
    assert lease is not None
    change(lost, "lease_token = gen_random_uuid()")

    with pytest.raises(LeaseLost), units.ending(lease):
        pass

    mine.refresh_from_db()
    assert mine.status == UnitState.PROCESSING


@pytest.mark.django_db(transaction=True)
def test_of_two_ends_of_one_lease_at_once_one_commits() -> None:
    run = a_run()
    lease = taken(checkpoint(run))

    def end() -> bool:
        try:
            with units.ending(lease):
                EtlJobEvent.objects.create(tenant_id=run.tenant_id, run=run, message="done")
        except LeaseLost:
            return False
        return True

    assert sorted(at_once(end, end)) == [False, True]
    assert EtlJobEvent.objects.count() == 1


def test_an_error_in_the_end_leaves_the_unit_in_hand() -> None:
    unit = checkpoint(a_run())
    lease = taken(unit)

    with pytest.raises(ZeroDivisionError), units.ending(lease):
        raise ZeroDivisionError

    unit.refresh_from_db()
    assert (unit.status, unit.lease_token) == (UnitState.PROCESSING, lease.token)


def test_a_partition_with_more_pages_waits_again_further_on() -> None:
    unit = checkpoint(a_run(), cursor={"page": 1}, tries=2)

    with units.continuing(taken(unit), {"page": 2}, ", pages = %s", [1], kept=False):
        pass

    unit.refresh_from_db()
    assert (unit.status, unit.cursor, unit.pages) == (UnitState.PENDING, {"page": 2}, 1)
    assert (unit.tries, unit.takes, unit.published_at, unit.lease_token) == (0, 0, None, None)


def test_a_partition_that_its_worker_keeps_is_further_on_and_still_in_its_hands() -> None:
    unit = checkpoint(a_run(), cursor={"page": 1}, tries=2, takes=3)
    lease = taken(unit)

    with units.continuing(lease, {"page": 2}, ", pages = %s", [1], kept=True):
        pass

    unit.refresh_from_db()
    assert (unit.status, unit.cursor, unit.pages) == (UnitState.PROCESSING, {"page": 2}, 1)
    assert (unit.tries, unit.takes, unit.lease_token) == (0, 1, lease.token)


def test_a_partition_that_was_taken_from_its_worker_is_not_kept() -> None:
    unit = checkpoint(a_run(), cursor={"page": 1})
    lease = taken(unit)
    change(unit, "lease_token = gen_random_uuid()")

    with pytest.raises(LeaseLost), units.continuing(lease, {"page": 2}, "", [], kept=True):
        pass

    unit.refresh_from_db()
    assert unit.cursor == {"page": 1}


def test_a_renewed_lease_lasts_longer_and_a_lost_one_is_not_renewed() -> None:
    unit = checkpoint(a_run())
    lease = taken(unit)
    expire(unit)

    assert units.renew(lease)
    unit.refresh_from_db()
    assert unit.lease_until is not None
    assert unit.lease_until > timezone.now()
    units.fail(lease, "over")
    assert not units.renew(lease)


def test_a_parked_unit_uses_no_try_and_frees_its_place_in_the_window() -> None:
    unit = checkpoint(a_run(), tries=1)
    until = timezone.now() + timedelta(hours=1)

    units.park(taken(unit), until, "slow down")

    assert reason_of(unit) == "slow down"
    assert (unit.status, unit.tries, unit.not_before, unit.published_at) == (UnitState.PENDING, 1, until, None)
    assert units.take(ExtractionCheckpoint, [unit.pk]) is None


def test_a_parked_unit_is_taken_once_its_time_has_come() -> None:
    unit = checkpoint(a_run())

    units.park(taken(unit), timezone.now() - timedelta(seconds=1), "slow down")

    assert units.take(ExtractionCheckpoint, [unit.pk]) is not None


def test_a_retried_unit_uses_a_try_waits_and_keeps_its_place_in_the_window() -> None:
    unit = checkpoint(a_run())
    lease = taken(unit)

    units.retry(lease, 100, "503")

    assert reason_of(unit) == "503"
    assert (unit.status, unit.tries, units.tries(lease)) == (UnitState.PENDING, 1, 1)
    assert unit.published_at is not None
    assert units.take(ExtractionCheckpoint, [unit.pk]) is None


def test_a_retried_unit_may_be_taken_when_its_delayed_message_comes() -> None:
    unit = checkpoint(a_run())

    units.retry(taken(unit), 100, "503")

    unit.refresh_from_db()
    assert unit.not_before is not None
    assert unit.not_before <= timezone.now() + timedelta(seconds=100)


def test_a_failed_unit_keeps_the_reason() -> None:
    unit = raw_row(a_run())

    assert units.fail(taken(unit), "no such field") == [unit.pk]

    assert reason_of(unit) == "no such field"
    assert (unit.status, unit.lease_token) == (UnitState.FAILED, None)


def test_a_failed_batch_is_put_back_to_be_tried_one_by_one() -> None:
    run = a_run()
    both = [vector(run), vector(run)]
    lease = units.take(QdrantVector, [unit.pk for unit in both])
    assert lease is not None

    units.split(lease, "one of them is too long")

    assert set(QdrantVector.objects.values_list("status", "alone", "published_at")) == {("pending", True, None)}


def test_an_answer_that_fails_takes_along_what_was_to_complete_it() -> None:
    run = a_run()
    page = raw_row(run)
    followed, other = raw_row(run, parent=page), raw_row(run, parent=raw_row(run))

    units.fail(taken(page), "no such field")

    assert (reason_of(page), reason_of(followed)) == ("no such field", "not complete: no such field")
    other.refresh_from_db()
    assert (followed.status, other.status) == (UnitState.FAILED, UnitState.PENDING)


def test_a_unit_whose_lease_ran_out_waits_again() -> None:
    run = a_run()
    unit, held = checkpoint(run), checkpoint(run)
    taken(unit)
    taken(held)
    expire(unit)

    assert units.take_back_expired(ExtractionCheckpoint) == [(unit.pk, run.pk, False)]

    unit.refresh_from_db()
    assert (unit.status, unit.takes, unit.lease_token, unit.published_at) == (UnitState.PENDING, 1, None, None)
    assert units.take(ExtractionCheckpoint, [unit.pk]) is not None


def test_a_unit_taken_five_times_without_an_end_has_failed() -> None:
    run = a_run()
    unit = checkpoint(run)
    given_up = []
    for _ in range(5):
        taken(unit)
        expire(unit)
        given_up += [row[2] for row in units.take_back_expired(ExtractionCheckpoint)]

    assert given_up == [False, False, False, False, True]
    assert reason_of(unit) == "the worker died on it"
    assert unit.status == UnitState.FAILED


def test_cancelling_leaves_a_unit_in_hand_alone() -> None:
    run = a_run()
    waiting, in_hand, done = checkpoint(run), checkpoint(run), checkpoint(run, status=UnitState.COMPLETED)
    lease = taken(in_hand)

    assert units.cancel_open(ExtractionCheckpoint, run.pk) == 1

    with units.ending(lease):
        pass
    for unit, state in ((waiting, "cancelled"), (in_hand, "completed"), (done, "completed")):
        unit.refresh_from_db()
        assert unit.status == state


def test_what_slipped_past_a_stop_is_cancelled_and_nothing_else() -> None:
    stopped = a_run()
    slipped, done = checkpoint(stopped), checkpoint(stopped, status=UnitState.COMPLETED)
    EtlJobRun.objects.filter(pk=stopped.pk).update(status="STOPPED")
    running = checkpoint(EtlJobRun.objects.get(pk=a_run(stopped.integration).pk))

    assert units.cancel_stopped(ExtractionCheckpoint) == 1

    for unit, state in ((slipped, "cancelled"), (done, "completed"), (running, "pending")):
        unit.refresh_from_db()
        assert unit.status == state


def over(run: EtlJobRun) -> EtlJobRun:
    """The run, ended as failed."""
    EtlJobRun.objects.filter(pk=run.pk).update(status=Overall.FAILED)
    return run


@pytest.mark.parametrize("state", [UnitState.FAILED, UnitState.CANCELLED])
def test_an_answer_whose_transform_failed_or_was_cancelled_waits_in_the_next_run(state: UnitState) -> None:
    old = over(a_run())
    failed = raw_row(old, external_id="page:1", status=state, tries=3)
    done = raw_row(old, external_id="page:2", status=UnitState.COMPLETED)
    new = a_run(old.integration)

    assert units.adopt_answers(new.integration_id, new.pk) == 1

    failed.refresh_from_db()
    done.refresh_from_db()
    assert (failed.run_id, failed.status, failed.tries) == (new.pk, UnitState.PENDING, 0)
    assert (done.run_id, done.status) == (old.pk, UnitState.COMPLETED)


def test_a_failed_answer_is_left_where_a_newer_one_answers_the_same_or_its_run_is_open() -> None:
    old = over(a_run())
    raw_row(old, external_id="page:1", status=UnitState.FAILED)
    raw_row(old, external_id="page:1", status=UnitState.COMPLETED)
    raw_row(a_run(old.integration, RunKind.IMPORT), external_id="page:3", status=UnitState.FAILED)
    new = a_run(old.integration)

    assert units.adopt_answers(new.integration_id, new.pk) == 0


def test_what_was_to_complete_a_failed_page_fails_with_it() -> None:
    run = a_run()
    page = raw_row(run)
    followup = raw_row(run, parent=page)
    lease = units.take(RawExtractionData, [page.pk])
    assert lease is not None

    units.fail(lease, "no way")

    followup.refresh_from_db()
    assert followup.status == UnitState.FAILED


@pytest.mark.django_db(transaction=True)
def test_renewing_does_not_wait_for_a_unit_that_is_being_ended() -> None:
    run = a_run()
    lease = units.take(RawExtractionData, [raw_row(run).pk])
    assert lease is not None

    def renew_elsewhere() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout TO '2s'")
        renewed.append(units.renew(lease))
        connection.close()

    renewed: list[bool] = []
    with units.ending(lease):
        other = threading.Thread(target=renew_elsewhere)
        other.start()
        other.join(10)

    assert renewed == [False]


def test_a_wakeup_published_long_ago_is_forgotten_unless_the_unit_waits_for_another_try() -> None:
    run = a_run()
    lost, recent, retried = checkpoint(run), checkpoint(run), checkpoint(run)
    change(lost, "published_at = now() - interval '1 day'")
    change(recent, "published_at = now()")
    change(retried, "published_at = now() - interval '1 day', not_before = now() + interval '5 seconds'")

    assert units.forget_lost_wakeups(ExtractionCheckpoint) == 1

    lost.refresh_from_db()
    assert lost.published_at is None


def test_a_new_run_adopts_the_vectors_that_an_earlier_one_left() -> None:
    old = a_run()
    left = [vector(old, status="cancelled"), vector(old, status="failed", tries=3, error_details={"error": "x"})]
    done = vector(old, status="completed")
    EtlJobRun.objects.filter(pk=old.pk).update(status="STOPPED")
    new = a_run(old.integration)

    assert units.adopt_vectors(new.integration_id, new.pk) == 2

    for unit in left:
        unit.refresh_from_db()
        assert (unit.status, unit.run_id, unit.tries, unit.error_details) == ("pending", new.pk, 0, None)
    done.refresh_from_db()
    assert done.run_id == old.pk
