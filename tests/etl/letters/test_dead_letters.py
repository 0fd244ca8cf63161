"""Dead letters: kept once each, sent back or discarded one by one, and settled by themselves where all is well."""

import orjson
import pytest

from etl import pipeline
from etl.jobs import lifecycle
from etl.jobs.advance import advance
from etl.letters import dead_letters
from etl.letters.dead_letters import Group
from etl.models import (
    DeadLetter,
    EtlJob,
    EtlJobEvent,
    EtlJobRun,
    ExtractionCheckpoint,
    Overall,
    QdrantVector,
    RawExtractionData,
)
from etl.models.unit import Unit
from etl.queue.broker import Dead, Delivery
from etl.queue.topology import FAILED_QUEUE, JOBS_QUEUE, Stage
from integrations.models import Integration
from pulse.tenancy.models import Tenant, User
from tests.support.brokers import RecordingBroker
from tests.support.driving import run_to_end, waiting, worked_off
from tests.support.making import a_run, all_planned, checkpoint, raw_row, vector
from tests.support.scripted import ITEMS, Scripted
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db
OPEN, REPLAYED, DISCARDED = DeadLetter.State.OPEN, DeadLetter.State.REPLAYED, DeadLetter.State.DISCARDED
QUEUES: dict[type[Unit], str] = {
    ExtractionCheckpoint: "extraction_queue_free",
    RawExtractionData: "transform_queue_free",
    QdrantVector: "embedding_queue_free",
}


def bury(body: dict[str, object], queue: str, error: str = "Jira: 403") -> DeadLetter:
    """A message that was given up, as its worker finds it."""
    dead_letters.keep(Delivery(FAILED_QUEUE, orjson.dumps(body), attempt=3, error=error, origin=queue))
    return DeadLetter.objects.latest("pk")


def letter_of(unit: Unit, error: str = "Jira: 403") -> DeadLetter:
    key = "raw_data_id" if isinstance(unit, RawExtractionData) else "unit_id"
    return bury({"tenant_id": unit.tenant_id, key: unit.pk}, QUEUES[type(unit)], error)


def failed_run(scripted: Scripted, *refused: str) -> EtlJobRun:
    """A sync in which the site refused those calls, with the letters of it; now it does not any more."""
    scripted.world.refuses = set(refused)
    run = lifecycle.start(scripted.job.pk, trigger="test")
    while units_that_wait := waiting(run.pk, Stage.EXTRACTION) or waiting(run.pk, Stage.TRANSFORM):
        stage = Stage.EXTRACTION if waiting(run.pk, Stage.EXTRACTION) else Stage.TRANSFORM
        outcome = pipeline.handle(stage, units_that_wait[:1])
        if isinstance(outcome, Dead):
            unit = ExtractionCheckpoint.objects.get(pk=units_that_wait[0])
            letter_of(unit, outcome.reason)
    worked_off(run)
    assert run.status == Overall.FAILED
    scripted.world.refuses = set()
    return run


def fresh(letter: DeadLetter) -> DeadLetter:
    return DeadLetter.objects.get(pk=letter.pk)


def somebody(run: EtlJobRun) -> User:
    return User.objects.create(username="ann", tenant_id=run.tenant_id)


# Keeping them


def test_a_letter_knows_its_unit_its_run_and_its_cause() -> None:
    run = a_run()
    for made, stage in ((checkpoint, "extraction"), (raw_row, "transform"), (vector, "embedding")):
        unit = made(run, status="failed")

        letter = letter_of(unit, "Jira: 403 of 'x'")

        assert (letter.stage, letter.unit_id, letter.run_id, letter.tenant_id) == (
            stage,
            unit.pk,
            run.pk,
            run.tenant_id,
        )
        assert (letter.cause, letter.state, letter.attempt) == ("Jira: # of *", OPEN, 3)


def test_of_a_batch_the_letter_is_the_one_units_that_failed() -> None:
    run = a_run()
    fine, bad, other = (vector(run, status=status) for status in ("completed", "failed", "failed"))
    QdrantVector.objects.filter(pk=bad.pk).update(error_details={"error": "it is too long"})
    ids = [fine.pk, other.pk, bad.pk]

    letter = bury({"tenant_id": run.tenant_id, "unit_ids": ids}, "embedding_queue_free", "it is too long")

    assert letter.unit_id == bad.pk


def test_a_message_that_names_a_unit_of_another_tenant_is_no_letter_of_that_unit() -> None:
    run, stranger = a_run(), Tenant.objects.create(name="Stranger")
    unit = checkpoint(run, status="failed")

    letter = bury({"tenant_id": stranger.pk, "unit_id": unit.pk}, "extraction_queue_free")

    assert (letter.tenant, letter.stage, letter.unit_id, letter.run_id) == (stranger, "", None, None)


@pytest.mark.parametrize("named", [{"unit_id": 10**15}, {"unit_id": "one"}, {"unit_ids": "all"}, {}])
def test_a_message_whose_unit_cannot_be_found_is_kept_without_one(named: dict[str, object]) -> None:
    run = a_run()

    letter = bury({"tenant_id": run.tenant_id, **named}, "extraction_queue_free")

    assert (letter.tenant_id, letter.stage, letter.unit_id) == (run.tenant_id, "", None)


def test_a_letter_that_is_delivered_twice_is_kept_once_and_one_that_was_settled_again() -> None:
    unit = checkpoint(a_run(), status="failed")
    body: dict[str, object] = {"tenant_id": 10**9}
    for _ in range(2):
        letter_of(unit)
        other = bury(body, JOBS_QUEUE)
    assert DeadLetter.objects.count() == 2

    dead_letters.discard([other.pk], by=None)
    bury(body, JOBS_QUEUE)

    assert DeadLetter.objects.filter(state=OPEN).count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_letter_that_is_delivered_to_two_workers_at_once_is_kept_once() -> None:
    unit = checkpoint(a_run(), status="failed")

    at_once(*[lambda: letter_of(unit)] * 4)

    assert DeadLetter.objects.count() == 1


def test_a_unit_that_failed_in_nobodys_hands_gets_a_letter_too() -> None:
    run = a_run()
    for made, stage in ((checkpoint, Stage.EXTRACTION), (raw_row, Stage.TRANSFORM), (vector, Stage.EMBEDDING)):
        unit = made(run, status="failed", error_details={"error": "the worker died on it"}, takes=5)

        dead_letters.leave(stage, unit.pk)

        letter = DeadLetter.objects.latest("pk")
        assert (letter.stage, letter.unit_id, letter.run_id) == (stage, unit.pk, run.pk)
        assert (letter.queue, letter.error) == (f"{stage}_queue_free", "the worker died on it")
    waits = checkpoint(run)
    dead_letters.leave(Stage.EXTRACTION, waits.pk)
    assert DeadLetter.objects.count() == 3


def test_letters_are_grouped_by_cause_the_largest_group_first() -> None:
    for number in range(3):
        bury({"tenant_id": None, "number": number}, JOBS_QUEUE, f"job {number} is gone")
    last = bury({}, JOBS_QUEUE, "nonsense")

    few, many = sorted(dead_letters.groups(DeadLetter.objects.all()), key=lambda group: group.count)

    assert (many.cause, many.count) == ("job # is gone", 3)
    assert few == Group("nonsense", 1, last.created_at, last.created_at, last.pk)
    assert dead_letters.groups(DeadLetter.objects.all())[0] == many


# Sending units back


def test_a_unit_waits_again_in_its_run_which_is_open_again(scripted: Scripted) -> None:
    scripted.project("1", 2)
    run = failed_run(scripted, "items:1:0")
    (letter,) = DeadLetter.objects.all()
    ann = somebody(run)

    settled = dead_letters.replay([letter.pk], by=ann)

    assert (settled.done, settled.refused) == ([letter.pk], {})
    letter = fresh(letter)
    assert (letter.state, letter.settled_by) == (REPLAYED, ann)
    assert letter.settled_at is not None
    run.refresh_from_db()
    assert (run.status, EtlJob.objects.get().overall) == (Overall.RUNNING, Overall.RUNNING)
    said = EtlJobEvent.objects.filter(run=run, message__contains="dead letters sent back by ann")
    assert said.count() == 1
    assert worked_off(run).status == Overall.FINISHED


def test_letters_of_one_run_reopen_it_once_and_what_was_not_sent_back_stays_failed(scripted: Scripted) -> None:
    for number in ("1", "2", "3"):
        scripted.project(number, 2)
    run = failed_run(scripted, *(f"items:{number}:0" for number in ("1", "2", "3")))
    first, second, third = DeadLetter.objects.order_by("pk")

    settled = dead_letters.replay([first.pk, third.pk], by=None)

    assert sorted(settled.done) == [first.pk, third.pk]
    assert EtlJobEvent.objects.filter(run=run, message__startswith="2 units that failed wait again").count() == 1
    assert worked_off(run).status == Overall.FAILED
    assert fresh(second).state == OPEN
    states = ExtractionCheckpoint.objects.filter(run=run, step=ITEMS).order_by("pk").values_list("status", flat=True)
    assert list(states) == ["completed", "failed", "completed"]


@pytest.mark.parametrize("paused", [True, False])
def test_a_unit_of_an_open_run_waits_again_in_it(scripted: Scripted, paused: bool) -> None:
    run = a_run(scripted.integration)
    unit, other = checkpoint(run, ITEMS, status="failed"), checkpoint(run, ITEMS)
    lifecycle.write_overall(scripted.job, Overall.RUNNING)
    advance(all_planned(run).pk)
    letter = letter_of(unit)
    if paused:
        lifecycle.pause(scripted.job.pk)

    settled = dead_letters.replay([letter.pk], by=None)

    assert settled.refused == {}
    unit.refresh_from_db()
    other.refresh_from_db()
    run.refresh_from_db()
    assert (unit.status, other.status, run.status) == ("pending", "pending", "PAUSED" if paused else "RUNNING")


def test_a_letter_that_cannot_be_sent_back_says_why_and_does_not_hold_up_others(scripted: Scripted) -> None:
    scripted.project("1", 2)
    run = failed_run(scripted, "items:1:0")
    (good,) = DeadLetter.objects.all()
    gone = letter_of(unit := checkpoint(run, status="failed"))
    unit.delete()
    settled_before = letter_of(checkpoint(run, status="failed"))
    dead_letters.discard([settled_before.pk], by=None)
    lost = bury({}, "no_such_queue")

    settled = dead_letters.replay([10**9, gone.pk, settled_before.pk, lost.pk, good.pk], by=None)

    assert settled.done == [good.pk]
    assert settled.refused == {
        10**9: f"there is no dead letter {10**9}",
        gone.pk: f"its extraction unit {gone.unit_id} is gone: discard it",
        settled_before.pk: "it is discarded already",
        lost.pk: "there is no queue 'no_such_queue' to send it back to: discard it",
    }
    assert fresh(gone).state == OPEN


def test_units_of_runs_that_cannot_go_on_are_told_why(scripted: Scripted) -> None:
    scripted.project("1", 2)
    stopped = a_run(scripted.integration)
    letter = letter_of(checkpoint(stopped, ITEMS, status="failed"))
    EtlJobRun.objects.update(status="STOPPED")
    old = failed_run(scripted, "items:1:0")
    superseded = DeadLetter.objects.latest("pk")
    ExtractionCheckpoint.objects.filter(run=old).update(step="another")
    later = run_to_end(scripted.job)

    settled = dead_letters.replay([letter.pk, superseded.pk], by=None)

    assert settled.done == []
    assert settled.refused[letter.pk] == f"run {stopped.pk} was stopped: the next start takes up what is left of it"
    assert f"{later} (FINISHED) has taken the place of run {old.pk}" in settled.refused[superseded.pk]
    assert set(DeadLetter.objects.values_list("state", flat=True)) == {OPEN}


def test_a_letter_whose_unit_does_not_fail_any_more_needs_nothing() -> None:
    run = a_run()
    letter, other = letter_of(checkpoint(run, status="completed")), letter_of(checkpoint(run, status="failed"))
    EtlJobRun.objects.update(status="STOPPED")

    settled = dead_letters.replay([letter.pk, other.pk], by=None)

    assert (settled.done, list(settled.refused)) == ([letter.pk], [other.pk])
    assert not EtlJobEvent.objects.filter(message__contains="wait again").exists()


@pytest.mark.django_db(transaction=True)
def test_of_several_that_send_a_letter_back_at_once_one_does(scripted: Scripted) -> None:
    scripted.project("1", 2)
    run = failed_run(scripted, "items:1:0")
    (letter,) = DeadLetter.objects.all()

    settled = at_once(*[lambda: dead_letters.replay([letter.pk], by=None)] * 3)

    assert [pk for one in settled for pk in one.done] == [letter.pk]
    reasons = {reason for one in settled for reason in one.refused.values()}
    assert reasons <= {"it was settled at the same moment", "it is replayed already"}
    assert EtlJobEvent.objects.filter(run=run, message__contains="wait again").count() == 1


# Sending other messages back


def test_a_message_without_a_unit_is_published_again_to_its_queue(recording: RecordingBroker) -> None:
    letter = bury({"tenant_id": 10**9, "job_id": 1}, JOBS_QUEUE)

    assert dead_letters.replay([letter.pk], by=None).done == [letter.pk]

    (message,) = recording.published
    assert (message.queue, message.body) == (JOBS_QUEUE, letter.body.encode())
    assert fresh(letter).state == REPLAYED


def test_a_message_that_the_queue_does_not_take_stays_open_and_says_so(recording: RecordingBroker) -> None:
    letter = bury({}, JOBS_QUEUE)
    recording.refuses = True

    settled = dead_letters.replay([letter.pk], by=None)

    assert settled.done == []
    assert settled.refused[letter.pk].startswith("the queue did not take it: 1 of 1 messages not published")
    assert fresh(letter).state == OPEN


def test_where_this_process_has_no_queue_a_message_stays_open(recording: RecordingBroker) -> None:
    letter = bury({}, JOBS_QUEUE)
    recording.delivers = False

    assert "this process has no queue" in dead_letters.replay([letter.pk], by=None).refused[letter.pk]
    assert (recording.published, fresh(letter).state) == ([], OPEN)


# Discarding, and what settles itself


def test_a_discarded_letter_leaves_its_unit_failed() -> None:
    run = a_run()
    unit = checkpoint(run, status="failed")
    letter, ann = letter_of(unit), somebody(run)

    settled = dead_letters.discard([letter.pk, letter.pk, 10**9], by=ann)

    unit.refresh_from_db()
    letter = fresh(letter)
    assert (unit.status, letter.state, letter.settled_by) == ("failed", DISCARDED, ann)
    assert (settled.done, list(settled.refused)) == ([letter.pk], [10**9])
    assert dead_letters.discard([letter.pk], by=ann).refused == {letter.pk: "it is discarded already"}


def test_a_retry_settles_the_letters_of_what_waits_again(scripted: Scripted) -> None:
    scripted.project("1", 2)
    failed_run(scripted, "items:1:0")
    (letter,) = DeadLetter.objects.all()

    lifecycle.retry(scripted.job.pk, trigger="test")

    assert (fresh(letter).state, fresh(letter).settled_by) == (REPLAYED, None)


def test_a_sync_that_takes_over_what_failed_settles_its_letters(scripted: Scripted) -> None:
    scripted.project("1", 4)
    failed_run(scripted, "items:1:1")
    (letter,) = DeadLetter.objects.all()
    assert dead_letters.settle_mended() == 0

    run_to_end(scripted.job)

    assert dead_letters.settle_mended() == 1
    assert fresh(letter).state == REPLAYED


def test_a_scope_that_was_read_anew_settles_the_letter_of_its_old_partition(scripted: Scripted) -> None:
    scripted.project("1", 2)
    run = failed_run(scripted, "items:1:0")
    (letter,) = DeadLetter.objects.all()

    run_to_end(scripted.job)

    unit = ExtractionCheckpoint.objects.get(run=run, step=ITEMS)
    assert (unit.pk, unit.status) == (letter.unit_id, "failed")
    assert dead_letters.settle_mended() == 1


def test_a_newer_answer_to_the_same_question_settles_the_letter_of_the_old_one() -> None:
    run = a_run()
    old = raw_row(run, status="failed", external_id="projects")
    letter, other = letter_of(old), letter_of(raw_row(run, status="failed", external_id="statuses"))

    raw_row(run, status="failed", external_id="projects")
    assert dead_letters.settle_mended() == 0
    raw_row(run, status="completed", external_id="projects")

    assert dead_letters.settle_mended() == 1
    assert (fresh(letter).state, fresh(other).state) == (REPLAYED, OPEN)


def test_an_inactive_integration_keeps_its_letters(scripted: Scripted) -> None:
    scripted.project("1", 2)
    failed_run(scripted, "items:1:0")
    (letter,) = DeadLetter.objects.all()
    Integration.objects.update(active=False)

    assert "is inactive" in dead_letters.replay([letter.pk], by=None).refused[letter.pk]
    assert fresh(letter).state == OPEN
