"""The life of a unit: one winner takes it, only the holder ends it, and it always comes to an end."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from etl.jobs import recovery, units
from etl.jobs.units import Lease, LeaseLost, UnitInvisible
from etl.models import EtlJobEvent, EtlJobRun, ExtractionCheckpoint, QdrantVector, RawExtractionData
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
    recovery.take_back(ExtractionCheckpoint)
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
    unit = checkpoint(a_run(), cursor={"page": 1}, tries=2, takes=1)
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


def test_a_retried_unit_uses_a_try_waits_and_frees_its_place_in_the_window() -> None:
    unit = checkpoint(a_run())
    lease = taken(unit)

    units.retry(lease, 100, "503")

    assert reason_of(unit) == "503"
    assert (unit.status, unit.tries, units.tries(lease), unit.takes) == (UnitState.PENDING, 1, 1, 0)
    assert unit.published_at is None
    assert unit.not_before is not None
    assert timedelta(seconds=90) < unit.not_before - timezone.now() <= timedelta(seconds=100)
    assert units.take(ExtractionCheckpoint, [unit.pk]) is None


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
