"""Syncs that are over as they begin: of a job that cannot run, and of one whose integration is inactive."""

from datetime import timedelta

import pytest
from django.utils import timezone

from etl.alerts.jobs import failed_runs
from etl.alerts.raising import look_at_all
from etl.jobs import lifecycle
from etl.jobs.lifecycle import IllegalTransition
from etl.models import Alert, Cause, EtlJob, EtlJobEvent, EtlJobRun, Overall, RunKind, WorkItem
from etl.queue.broker import Delivery, Done, Outgoing
from etl.schedule.schedule import queue_due_jobs
from etl.sql import execute
from etl.workers.jobs import JobsWorker
from integrations.models import Integration
from tests.support.brokers import RecordingBroker
from tests.support.driving import run_to_end, work_off
from tests.support.making import an_integration, job_of
from tests.support.scripted import Scripted

pytestmark = pytest.mark.django_db
WRONG_CRON = "setting cron is 'at noon': expected minute, hour"


def fresh(job: EtlJob) -> EtlJob:
    return EtlJob.objects.get(pk=job.pk)


def newest(job: EtlJob) -> EtlJobRun:
    return EtlJobRun.objects.filter(job=job).latest("pk")


def stored(job: EtlJob, settings: str) -> None:
    """Settings that somebody wrote into the table, past all checks."""
    execute("UPDATE etl_jobs SET settings = %s WHERE id = %s", [settings, job.pk])


def deliver(message: Outgoing) -> None:
    assert JobsWorker()(Delivery(message.queue, message.body)) == Done()


# A job that cannot run


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ('{"cron": "at noon"}', WRONG_CRON),
        ('{"cron": "0 3 * * *", "timezone": "Berlin"}', "setting timezone is 'Berlin', not one like Europe/Berlin"),
        ('{"config": {"batch_size": 999}}', "setting config: batch_size is 999, not a whole number within 1..100"),
        ('{"config": {"steps": ["jira_gone"]}}', "setting config has 'steps'; a job's runs may have: full_sync"),
        ('{"interval_minutes": 5, "pace": 1}', "setting 'pace' is unknown; known are: cron"),
        ("[1]", "settings is '[1]', not an object"),
    ],
)
def test_a_job_whose_stored_settings_are_none_fails_and_says_which_and_is_an_alert(
    recording: RecordingBroker, settings: str, told: str
) -> None:
    job = job_of(an_integration())
    stored(job, settings)
    lifecycle.reset(job.pk)

    assert queue_due_jobs() == 1
    deliver(recording.published[0])

    run, job = newest(job), fresh(job)
    assert (run.status, run.kind, run.trigger) == (Overall.FAILED, RunKind.SYNC, "request")
    assert (job.overall, job.next_run, job.retry_count) == (Overall.FAILED, None, 1)
    assert (job.last_run_started_at, job.last_run_finished_at) == (run.started_at, run.finished_at)
    assert run.error_message.startswith(told)
    assert job.error_message == run.error_message
    event = EtlJobEvent.objects.get(run=run)
    assert (event.level, event.message, event.context) == ("error", run.error_message, {"status": "FAILED"})
    look_at_all({Cause.RUN_FAILED: failed_runs})
    assert told in Alert.objects.get().message


def test_the_turn_of_a_job_that_cannot_run_passes_on_and_comes_again(recording: RecordingBroker) -> None:
    jobs = [job_of(an_integration(name)) for name in ("Jira", "Other")]
    a_cycle_ago = timezone.now() - timedelta(hours=2)
    for job in jobs:
        run = lifecycle.new_run(job, RunKind.SYNC, "schedule", {}, [], status=Overall.FINISHED)
        EtlJobRun.objects.filter(pk=run.pk).update(started_at=a_cycle_ago, finished_at=a_cycle_ago)
        EtlJob.objects.filter(pk=job.pk).update(status={"overall": "FINISHED"})
    wrong, other = jobs
    stored(wrong, '{"cron": "at noon"}')

    assert [queue_due_jobs(), queue_due_jobs()] == [1, 0]
    deliver(recording.published.pop())
    queue_due_jobs()

    first = newest(wrong)
    assert (first.status, first.trigger, fresh(wrong).overall) == (Overall.FAILED, "schedule", Overall.FAILED)
    assert first.finished_at is not None
    assert (fresh(wrong).next_run, fresh(other).next_run) == (None, first.finished_at + timedelta(minutes=15))

    EtlJobRun.objects.filter(pk=first.pk).update(finished_at=a_cycle_ago, started_at=a_cycle_ago)
    second = lifecycle.new_run(other, RunKind.SYNC, "schedule", {}, [], status=Overall.FINISHED)
    EtlJobRun.objects.filter(pk=second.pk).update(finished_at=timezone.now() - timedelta(minutes=61))
    stored(wrong, "{}")
    assert queue_due_jobs() == 1
    deliver(recording.published.pop())
    assert (fresh(wrong).overall, newest(wrong).status) == (Overall.RUNNING, Overall.RUNNING)


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ("provider = 'gone'", "UnknownProvider: provider 'gone' is unknown; known are: "),
        ("secrets = 'nonsense'", "ImproperlyConfigured: PULSE_ENCRYPTION_KEYS holds no key that can read"),
    ],
)
def test_whatever_else_keeps_a_job_from_beginning_is_said_by_its_run(
    recording: RecordingBroker, broken: str, told: str
) -> None:
    wrong, other = job_of(an_integration()), job_of(an_integration("Other", tenant="Other"))
    execute(f"UPDATE integrations SET {broken} WHERE id = %s", [wrong.integration_id])
    for job in (wrong, other):
        EtlJob.objects.filter(pk=job.pk).update(next_run=timezone.now())

    assert queue_due_jobs() == 2
    for message in recording.published[:2]:
        deliver(message)

    assert (fresh(wrong).overall, fresh(other).overall) == (Overall.FAILED, Overall.RUNNING)
    assert newest(wrong).error_message.startswith(told)


def test_a_job_that_does_not_wait_any_more_is_left_alone_whatever_its_settings(recording: RecordingBroker) -> None:
    job = job_of(an_integration())
    lifecycle.reset(job.pk)
    queue_due_jobs()
    stored(job, '{"cron": "at noon"}')
    EtlJob.objects.update(status={"overall": "STOPPED"})

    deliver(recording.published[0])

    assert (fresh(job).overall, EtlJobRun.objects.count()) == (Overall.STOPPED, 0)


def test_a_person_who_starts_or_retries_a_job_that_cannot_run_is_told_why_and_nothing_is_written() -> None:
    job = job_of(an_integration())
    stored(job, '{"cron": "at noon"}')
    with pytest.raises(IllegalTransition, match=rf"^job {job.pk} \(Jira\) cannot run: {WRONG_CRON}"):
        lifecycle.start(job.pk, trigger="test")
    assert not EtlJobRun.objects.exists()

    run = lifecycle.start_or_fail(job.pk, trigger="queue", config={"full_sync": True})

    assert (run.status, run.config) == (Overall.FAILED, {"full_sync": True})
    with pytest.raises(IllegalTransition, match=f"run {run.pk} failed before it began, so start the job again"):
        lifecycle.retry(job.pk, trigger="test")


def test_what_failed_before_is_taken_up_once_the_settings_are_right_again(scripted: Scripted) -> None:
    scripted.project("1", 4)
    scripted.world.refuses = {"items:1:1"}
    run_to_end(scripted.job)
    stored(scripted.job, '{"cron": "at noon"}')
    for _ in range(30):
        lifecycle.start_or_fail(scripted.job.pk, trigger="schedule")
    assert fresh(scripted.job).retry_count == 31
    stored(scripted.job, "{}")
    scripted.world.refuses = set()
    scripted.world.calls.clear()

    run = run_to_end(scripted.job)

    assert scripted.world.calls == ["items:1:1"]
    assert (run.status, WorkItem.objects.count()) == (Overall.FINISHED, 4)
    assert (fresh(scripted.job).retry_count, fresh(scripted.job).error_message) == (0, "")


# A job whose integration is inactive

WARNING = "integration Scripted is inactive"


def switch(*, active: bool) -> None:
    Integration.objects.update(active=active)


def test_a_due_job_goes_by_with_a_run_that_did_nothing(scripted: Scripted) -> None:
    switch(active=False)

    run = lifecycle.skip_inactive(scripted.job, trigger="schedule")

    assert (run.kind, run.status, run.warning, run.api_calls_made) == (RunKind.SYNC, Overall.FINISHED, WARNING, 0)
    assert not run.steps.exists()
    job = fresh(scripted.job)
    assert (job.overall, job.last_run_finished_at, job.last_sync_date) == (Overall.FINISHED, run.finished_at, None)
    assert scripted.world.calls == []


def test_what_is_active_or_runs_does_not_go_by(scripted: Scripted) -> None:
    with pytest.raises(IllegalTransition, match="is active: start it"):
        lifecycle.skip_inactive(scripted.job, trigger="schedule")
    scripted.project("1", 2)
    lifecycle.start(scripted.job.pk, trigger="test")
    switch(active=False)
    with pytest.raises(IllegalTransition, match="is RUNNING: it cannot be started"):
        lifecycle.skip_inactive(scripted.job, trigger="schedule")


def test_a_run_that_failed_before_jobs_went_by_is_taken_up_and_a_repair_goes_by_the_last_real_sync(
    scripted: Scripted,
) -> None:
    scripted.project("1", 4)
    scripted.world.refuses = {"items:1:1"}
    failed = run_to_end(scripted.job)
    switch(active=False)
    lifecycle.skip_inactive(scripted.job, trigger="schedule")
    switch(active=True)
    scripted.world.refuses = set()
    scripted.world.calls.clear()

    # It may still be retried: nothing has taken its place.
    assert work_off(lifecycle.retry_run(failed.pk, trigger="test"))

    assert scripted.world.calls == ["items:1:1"]
    assert WorkItem.objects.count() == 4
