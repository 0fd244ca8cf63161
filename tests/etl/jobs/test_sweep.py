"""The sweep: lost messages, dead workers and lost last events do no harm."""

import pytest
from pytest_django import Settings

from etl.jobs import lifecycle, units
from etl.jobs.sweep import sweep
from etl.models import EtlJobEvent, EtlJobRun, ExtractionCheckpoint, Overall, RawExtractionData
from etl.models.unit import Unit
from integrations.provider import PlanContext
from integrations.providers.jira.provider import JiraProvider
from tests.support.brokers import RecordingBroker
from tests.support.making import ISSUES, a_run, all_planned, an_integration, change, checkpoint, job_of, raw_row

pytestmark = pytest.mark.django_db


def die_on(unit: Unit) -> None:
    """A worker takes the unit, and its lease runs out."""
    assert units.take(type(unit), [unit.pk]) is not None
    change(unit, "lease_until = now() - interval '1 second'")


def test_a_wakeup_that_was_lost_is_published_again(recording: RecordingBroker, settings: Settings) -> None:
    settings.UNIT_REPUBLISH_SECONDS = 60
    unit = checkpoint(all_planned(a_run()))
    assert sweep().woken == 1
    assert sweep().woken == 0

    change(unit, "published_at = now() - interval '61 seconds'")
    swept = sweep()

    assert (swept.lost_wakeups, swept.woken) == (1, 1)
    assert [body["unit_id"] for body in recording.bodies()] == [unit.pk, unit.pk]


def test_a_dead_workers_unit_is_taken_back_woken_and_mentioned(recording: RecordingBroker) -> None:
    run = a_run()
    unit = raw_row(run)
    die_on(unit)

    swept = sweep()

    assert (swept.taken_back, swept.given_up, swept.woken) == (1, 0, 1)
    event = EtlJobEvent.objects.get(run=run)
    assert (event.level, event.stage, event.context) == ("info", "transform", {"unit_id": unit.pk})
    assert event.message == f"transform unit {unit.pk}: taken back from a dead worker"


def test_a_unit_on_which_workers_die_fails_and_ends_its_run(recording: RecordingBroker) -> None:
    run = all_planned(a_run())
    unit = checkpoint(run, takes=units.MAX_TAKES - 1)
    die_on(unit)

    swept = sweep()

    run.refresh_from_db()
    assert (swept.given_up, swept.advanced) == (1, 1)
    assert (run.status, run.error_message) == (Overall.FAILED, "the worker died on it")
    event = EtlJobEvent.objects.get(run=run, level="error")
    assert event.message == f"extraction unit {unit.pk}: the worker died on it"


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


def test_a_run_that_cannot_be_planned_does_not_hold_up_the_others(
    recording: RecordingBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, other = a_run(an_integration("Broken")), all_planned(a_run(an_integration("Good")))

    def refuse(self: JiraProvider, step: str, connection: object, context: PlanContext) -> list[object]:
        raise ValueError("not a setting")

    monkeypatch.setattr(JiraProvider, "plan", refuse)
    assert sweep().advanced == 1

    other.refresh_from_db()
    broken.refresh_from_db()
    assert (other.status, broken.status) == (Overall.FINISHED, Overall.RUNNING)


def test_a_paused_run_is_neither_woken_nor_ended(recording: RecordingBroker) -> None:
    waiting = a_run(an_integration("Waiting"))
    checkpoint(waiting, ISSUES)
    done = all_planned(a_run(an_integration("Done")))
    EtlJobRun.objects.update(status="PAUSED")

    swept = sweep()

    done.refresh_from_db()
    assert (swept.woken, swept.advanced, done.status) == (0, 0, Overall.PAUSED)
    assert not RawExtractionData.objects.exists()
