"""The sweep: lost messages, dead workers and lost last events do no harm."""

import pytest
from django.utils import timezone

from etl.jobs import lifecycle, units
from etl.jobs.sweep import sweep
from etl.models import DeadLetter, EtlJobEvent, EtlJobRun, ExtractionCheckpoint, Overall
from etl.models.unit import Unit
from etl.queue.broker import BrokerUnavailable, Outgoing, QueueCounts
from integrations.provider import PlanContext
from integrations.providers.jira.provider import JiraProvider
from tests.support.brokers import RecordingBroker
from tests.support.making import ISSUES, a_run, all_planned, an_integration, change, checkpoint, job_of, raw_row

pytestmark = pytest.mark.django_db
EXTRACTION_QUEUE = "extraction_queue_free"


def die_on(unit: Unit) -> None:
    """A worker takes the unit, and its lease runs out."""
    assert units.take(type(unit), [unit.pk]) is not None
    change(unit, "lease_until = now() - interval '1 second'")


def woken_long_ago(run: EtlJobRun, seconds: int) -> ExtractionCheckpoint:
    """A unit whose message went out so many seconds ago."""
    unit = checkpoint(run)
    assert sweep().woken == 1
    change(unit, f"published_at = now() - interval '{seconds} seconds'")
    return unit


def test_a_message_that_is_in_no_queue_and_in_nobodys_hands_is_lost_and_published_again(
    recording: RecordingBroker,
) -> None:
    run = all_planned(a_run())
    unit = woken_long_ago(run, 31)
    recording.purge(EXTRACTION_QUEUE)

    swept = sweep()

    assert (swept.lost_wakeups, swept.woken) == (1, 1)
    assert [body["unit_id"] for body in recording.bodies()] == [unit.pk]
    event = EtlJobEvent.objects.get(run=run, message__contains="lost")
    assert event.message == "1 extraction unit woken again: the messages were lost"
    assert event.context == {"count": 1, "unit_ids": [unit.pk]}


def test_a_message_that_went_out_just_now_is_not_lost(recording: RecordingBroker) -> None:
    woken_long_ago(all_planned(a_run()), 20)
    recording.purge(EXTRACTION_QUEUE)

    assert sweep().lost_wakeups == 0


@pytest.mark.parametrize(("seconds", "consumers", "lost"), [(299, 1, 0), (301, 1, 1), (301, 0, 0)])
def test_while_messages_wait_those_are_lost_that_a_consumer_should_have_had_long_ago(
    recording: RecordingBroker, seconds: int, consumers: int, lost: int
) -> None:
    recording.consumers = consumers
    woken_long_ago(all_planned(a_run()), seconds)

    assert sweep().lost_wakeups == lost


def test_a_queue_of_another_tier_says_nothing_of_a_message(recording: RecordingBroker) -> None:
    woken_long_ago(all_planned(a_run(an_integration(tenant="Premium", tier="premium"))), 31)
    recording.published.append(Outgoing(EXTRACTION_QUEUE, b"{}"))
    assert sweep().lost_wakeups == 0

    recording.purge("extraction_queue_premium")

    assert sweep().lost_wakeups == 1


def test_while_nobody_can_say_what_waits_nothing_is_lost(
    recording: RecordingBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(queue: str) -> QueueCounts:
        raise BrokerUnavailable("away")

    woken_long_ago(all_planned(a_run()), 301)
    monkeypatch.setattr(recording, "counts", away)

    assert sweep().lost_wakeups == 0


def test_dead_workers_units_are_taken_back_woken_and_mentioned_once_a_run(recording: RecordingBroker) -> None:
    run, other = a_run(), a_run(an_integration("Other"))
    found = [raw_row(run) for _ in range(3)]
    for unit in (*found, raw_row(other)):
        die_on(unit)

    swept = sweep()

    assert (swept.taken_back, swept.given_up, swept.woken) == (4, 0, 4)
    event = EtlJobEvent.objects.get(run=run, message__contains="taken back")
    assert (event.level, event.stage) == ("info", "transform")
    assert event.context == {"count": 3, "unit_ids": [unit.pk for unit in found]}
    assert event.message == "3 transform units taken back from a dead worker"
    message = "1 transform unit taken back from a dead worker"
    assert EtlJobEvent.objects.filter(run=other, message=message).count() == 1


def test_of_very_many_units_an_event_says_how_many_they_are(
    recording: RecordingBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etl.jobs.sweep.IDS_SAID", 2)
    run = a_run()
    for _ in range(3):
        die_on(raw_row(run))

    sweep()

    context = EtlJobEvent.objects.get(run=run, message__contains="taken back").context
    assert (context["count"], len(context["unit_ids"])) == (3, 2)


def test_a_unit_on_which_workers_die_fails_and_ends_its_run(recording: RecordingBroker) -> None:
    run = all_planned(a_run())
    unit = checkpoint(run, takes=units.MAX_TAKES - 1, published_at=timezone.now())
    die_on(unit)

    swept = sweep()

    run.refresh_from_db()
    assert (swept.given_up, swept.advanced) == (1, 1)
    assert (run.status, run.error_message) == (Overall.FAILED, "the worker died on it")
    event = EtlJobEvent.objects.get(run=run, context={"count": 1, "unit_ids": [unit.pk]})
    assert (event.level, event.message) == ("error", "1 extraction unit given up: the worker died on it")
    assert not EtlJobEvent.objects.filter(run=run, message__contains="ended by the sweep").exists()
    letter = DeadLetter.objects.get()
    assert (letter.stage, letter.unit_id, letter.error) == ("extraction", unit.pk, "the worker died on it")


def test_a_unit_that_is_held_is_left_with_its_worker(recording: RecordingBroker) -> None:
    unit = checkpoint(a_run())
    lease = units.take(ExtractionCheckpoint, [unit.pk])

    assert sweep().taken_back == 0

    unit.refresh_from_db()
    assert lease is not None
    assert unit.lease_token == lease.token


def test_what_slipped_past_a_stop_is_cancelled(recording: RecordingBroker) -> None:
    job = job_of(an_integration())
    run = lifecycle.start(job.pk, trigger="test")
    lifecycle.stop(job.pk)
    slipped = raw_row(run)

    assert sweep().cancelled == 1

    slipped.refresh_from_db()
    assert slipped.status == "cancelled"


def test_a_dead_workers_unit_of_a_stopped_run_is_cancelled(recording: RecordingBroker) -> None:
    run = a_run()
    unit = raw_row(run)
    die_on(unit)
    EtlJobRun.objects.filter(pk=run.pk).update(status="STOPPED")

    swept = sweep()

    unit.refresh_from_db()
    assert (swept.taken_back, swept.cancelled, unit.status) == (1, 1, "cancelled")


def test_a_run_whose_last_event_was_lost_is_ended(recording: RecordingBroker) -> None:
    run = all_planned(a_run())
    raw_row(run, status="completed")

    assert sweep().advanced == 1

    run.refresh_from_db()
    assert run.status == Overall.FINISHED
    assert EtlJobEvent.objects.filter(run=run, message__startswith="ended by the sweep").count() == 1
    assert sweep().advanced == 0


def test_a_parked_unit_is_woken_once_its_time_has_come(recording: RecordingBroker) -> None:
    unit = raw_row(all_planned(a_run()))
    change(unit, "not_before = now() + interval '1 minute'")
    assert sweep().woken == 0

    change(unit, "not_before = now() - interval '1 second'")

    assert sweep().woken == 1


def test_a_queue_that_is_away_stops_neither_recovery_nor_the_end_of_runs(recording: RecordingBroker) -> None:
    recording.refuses = True
    checkpoint(a_run(an_integration("Waiting")))
    run = all_planned(a_run(an_integration("Done")))

    swept = sweep()

    run.refresh_from_db()
    assert (swept.woken, run.status) == (0, Overall.FINISHED)


def test_a_run_that_cannot_be_planned_fails_and_does_not_hold_up_the_others(
    recording: RecordingBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, other = a_run(an_integration("Broken")), all_planned(a_run(an_integration("Good")))

    def refuse(self: JiraProvider, step: str, connection: object, context: PlanContext) -> list[object]:
        raise ValueError("not a setting")

    monkeypatch.setattr(JiraProvider, "plan", refuse)
    assert sweep().advanced == 1

    other.refresh_from_db()
    broken.refresh_from_db()
    assert (other.status, broken.status) == (Overall.FINISHED, Overall.FAILED)
    assert (broken.error_message, broken.job.overall) == ("ValueError: not a setting", Overall.FAILED)
    assert EtlJobEvent.objects.filter(run=broken, level="error", message__contains="cannot go on").exists()


def test_a_paused_run_is_neither_woken_nor_ended(recording: RecordingBroker) -> None:
    waiting = a_run(an_integration("Waiting"))
    checkpoint(waiting, ISSUES)
    done = all_planned(a_run(an_integration("Done")))
    EtlJobRun.objects.update(status="PAUSED")

    swept = sweep()

    done.refresh_from_db()
    assert (swept.woken, swept.advanced, done.status) == (0, 0, Overall.PAUSED)
    assert recording.published == []
