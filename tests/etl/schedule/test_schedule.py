"""Due jobs and repairs are begun once, however many schedulers there are."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from etl.jobs import lifecycle
from etl.models import EtlJob, EtlJobRun, Overall, RunKind
from etl.queue.broker import Delivery, Outgoing, PublishFailed
from etl.queue.messages import JobMessage
from etl.schedule import schedule, timetable
from etl.schedule.schedule import QUEUED_FOR, queue_due_jobs, start_due_repairs
from etl.workers.jobs import JobsWorker
from integrations.models import Integration
from pulse.tenancy.models import Tenant
from tests.support.brokers import RecordingBroker
from tests.support.making import a_run, an_integration, job_of
from tests.support.threads import at_once, meeting

pytestmark = pytest.mark.django_db
JOB_KEYS = {
    *("job_id", "tenant_id", "integration_id", "job_type", "config", "scheduled_at", "priority"),
    *("retry_count", "max_retries", "run_id", "unit_id", "version", "trigger"),
}


def a_due_job(**settings: Any) -> EtlJob:
    """A job whose time came a minute ago, by what its settings say."""
    job, due = job_of(an_integration()), timezone.now() - timedelta(minutes=1)
    EtlJob.objects.filter(pk=job.pk).update(
        next_run=due, scheduled_run=due, settings=settings, status={**job.status, "overall": "FINISHED"}
    )
    synced(job, due - timedelta(minutes=job.tenant.cycle_minutes))
    job.refresh_from_db()
    return job


def synced(job: EtlJob, finished_at: datetime) -> None:
    EtlJobRun.objects.create(
        tenant_id=job.tenant_id,
        job=job,
        integration_id=job.integration_id,
        status="FINISHED",
        trigger="schedule",
        finished_at=finished_at,
    )


def deliver(message: Outgoing) -> None:
    """The message as a worker gets it."""
    JobsWorker()(Delivery(message.queue, message.body))


def test_a_due_job_is_queued_with_the_keys_of_the_contract(recording: RecordingBroker) -> None:
    job = a_due_job()

    assert queue_due_jobs() == 1

    (message,), (body,) = recording.published, recording.bodies()
    assert message.queue == "etl.jobs"
    assert set(body) == JOB_KEYS
    assert (body["job_id"], body["tenant_id"], body["integration_id"]) == (job.pk, job.tenant_id, job.integration_id)
    assert (body["job_type"], body["trigger"]) == ("jira_sync", "schedule")


def test_a_due_job_is_ready_and_then_runs(recording: RecordingBroker) -> None:
    job = a_due_job()
    due = job.next_run

    queue_due_jobs()

    job.refresh_from_db()
    assert (job.overall, job.next_run) == (Overall.READY, due)
    deliver(recording.published[0])
    job.refresh_from_db()
    assert (job.overall, job.next_run) == (Overall.RUNNING, None)
    assert job.runs.latest("id").trigger == "schedule"


@pytest.mark.parametrize(
    ("settings", "trigger"), [({}, "schedule"), ({"cron": "* * * * *"}, "cron"), ({"interval_minutes": 60}, "interval")]
)
def test_a_run_says_why_it_was_due(recording: RecordingBroker, settings: dict[str, Any], trigger: str) -> None:
    job = a_due_job(**settings)
    at = timezone.now().replace(second=0, microsecond=0)
    due = at if "cron" in settings else job.next_run
    EtlJob.objects.update(next_run=due, scheduled_run=due)

    queue_due_jobs()

    assert [body["trigger"] for body in recording.bodies()] == [trigger]


def test_a_time_that_a_person_gave_is_no_turn(recording: RecordingBroker) -> None:
    a_due_job()
    EtlJob.objects.update(next_run=timezone.now() - timedelta(seconds=1), status={"overall": "NOT_STARTED"})

    queue_due_jobs()

    assert [body["trigger"] for body in recording.bodies()] == ["request"]


def test_a_job_that_is_reset_runs_at_once(recording: RecordingBroker) -> None:
    job = a_due_job()
    lifecycle.reset(job.pk)

    assert queue_due_jobs() == 1
    deliver(recording.published[0])

    job.refresh_from_db()
    assert job.overall == Overall.RUNNING


@pytest.mark.django_db(transaction=True)
def test_of_schedulers_that_all_saw_it_due_one_queues_it(
    recording: RecordingBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_due_job()
    wait_for_the_others, claimed = meeting(4), schedule._claimed

    def claimed_together(job_id: int, tenant_id: int) -> JobMessage | None:
        wait_for_the_others()
        return claimed(job_id, tenant_id)

    monkeypatch.setattr(schedule, "_claimed", claimed_together)

    assert sorted(at_once(*[queue_due_jobs] * 4)) == [0, 0, 0, 1]
    assert len(recording.published) == 1


def test_workers_are_told_again_of_a_job_whose_message_is_lost(recording: RecordingBroker) -> None:
    job = a_due_job()
    assert [queue_due_jobs(), queue_due_jobs()] == [1, 0]

    EtlJob.objects.update(queued_at=timezone.now() - QUEUED_FOR)

    assert queue_due_jobs() == 1
    for message in recording.published:
        deliver(message)
    assert job.runs.count() == 2


def test_a_job_whose_message_is_refused_is_queued_as_soon_as_it_is_taken(recording: RecordingBroker) -> None:
    a_due_job()
    recording.refuses = True
    with pytest.raises(PublishFailed):
        queue_due_jobs()
    recording.refuses = False

    assert queue_due_jobs() == 1


def test_a_message_starts_nothing_once_its_job_is_ready_no_more(recording: RecordingBroker) -> None:
    job = a_due_job()
    queue_due_jobs()
    EtlJob.objects.update(status={"overall": "STOPPED"})

    deliver(recording.published[0])

    job.refresh_from_db()
    assert job.overall == Overall.STOPPED


def test_a_job_that_is_not_due_yet_is_not_queued(recording: RecordingBroker) -> None:
    a_due_job()
    EtlJob.objects.update(next_run=timezone.now() + timedelta(minutes=1))

    assert queue_due_jobs() == 0


@pytest.mark.parametrize("inactive", [EtlJob, Tenant])
def test_what_is_inactive_is_skipped(recording: RecordingBroker, inactive: type[EtlJob] | type[Tenant]) -> None:
    job = a_due_job()
    inactive._default_manager.update(active=False)

    assert queue_due_jobs() == 0
    assert job.runs.count() == 1


def test_the_turn_of_a_job_whose_integration_is_inactive_goes_by_with_a_warning(recording: RecordingBroker) -> None:
    job, other = a_due_job(), job_of(an_integration("Other"))
    EtlJob.objects.filter(pk=other.pk).update(status={"overall": "FINISHED"})
    synced(other, timezone.now() - timedelta(minutes=70))
    Integration.objects.filter(pk=job.integration_id).update(active=False)

    assert [queue_due_jobs(), queue_due_jobs()] == [0, 0]

    run = job.runs.latest("id")
    assert (run.status, run.warning) == (Overall.FINISHED, "integration Jira is inactive")
    job.refresh_from_db()
    other.refresh_from_db()
    assert run.finished_at is not None
    assert (job.overall, job.next_run) == (Overall.FINISHED, None)
    assert other.next_run == run.finished_at + timedelta(minutes=15)


def test_a_time_that_a_person_gave_is_no_turn_either_where_the_integration_is_inactive(
    recording: RecordingBroker,
) -> None:
    job = a_due_job()
    Integration.objects.update(active=False)
    EtlJob.objects.update(next_run=timezone.now())

    queue_due_jobs()

    assert job.runs.latest("id").trigger == "request"


def test_a_scheduler_that_looked_before_a_turn_went_by_does_not_repeat_it(
    recording: RecordingBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, look = a_due_job(), timetable.read_jobs
    Integration.objects.update(active=False)
    EtlJob.objects.update(next_run=None, scheduled_run=None)
    seen = look()
    queue_due_jobs()
    assert job.runs.count() == 2
    monkeypatch.setattr(timetable, "read_jobs", lambda tenant_id=None: look(tenant_id) if tenant_id else seen)

    queue_due_jobs()

    assert job.runs.count() == 2


def test_one_that_a_run_kept_from_its_turn_waits_while_another_has_it(recording: RecordingBroker) -> None:
    job, other = a_due_job(), job_of(an_integration("Other"))
    queue_due_jobs()
    EtlJob.objects.filter(pk=job.pk).update(queued_at=timezone.now() - QUEUED_FOR)
    turn = lifecycle.start(other.pk, trigger="schedule")
    assert queue_due_jobs() == 0

    lifecycle.stop_run(turn.pk)

    assert queue_due_jobs() == 1


def test_two_jobs_of_which_one_is_skipped_have_their_turns_in_order(recording: RecordingBroker) -> None:
    job = a_due_job()
    Integration.objects.update(active=False)
    Tenant.objects.update(job_gap_minutes=0, cycle_minutes=0)
    other = job_of(an_integration("Other"))
    lifecycle.start(other.pk, trigger="test")
    EtlJobRun.objects.filter(job=other).update(status="FINISHED", finished_at=timezone.now())
    EtlJob.objects.filter(pk=other.pk).update(status={"overall": "FINISHED"})
    told = []
    for _ in range(6):
        recording.published.clear()
        queue_due_jobs()
        for body in recording.bodies():
            deliver(recording.published[0])
            EtlJobRun.objects.filter(job=other).update(status="FINISHED", finished_at=timezone.now())
            EtlJob.objects.filter(pk=other.pk).update(status={"overall": "FINISHED"})
            told.append(body["job_id"])

    assert told == [other.pk] * 3
    assert job.runs.filter(warning__contains="inactive").exists()


def test_a_job_that_runs_or_is_paused_is_not_queued(recording: RecordingBroker) -> None:
    job = a_due_job()
    lifecycle.start(job.pk, trigger="test")
    EtlJob.objects.update(next_run=timezone.now())
    assert queue_due_jobs() == 0

    lifecycle.pause(job.pk)

    assert queue_due_jobs() == 0


def test_a_due_job_waits_for_the_end_of_an_open_run_of_its_integration(recording: RecordingBroker) -> None:
    job = a_due_job(interval_minutes=60)
    beside = lifecycle.create_job(job.integration, name="Nightly")
    run = lifecycle.start(beside.pk, trigger="test")
    assert queue_due_jobs() == 0

    lifecycle.stop_run(run.pk)

    assert queue_due_jobs() == 1


@pytest.mark.parametrize("error", [lifecycle.IllegalTransition, RuntimeError])
def test_a_job_that_cannot_be_queued_holds_up_no_other(
    recording: RecordingBroker, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def failing(job: EtlJob, *, trigger: str) -> None:
        raise error(f"job {job.pk} is not what it was")

    a_due_job(interval_minutes=1)
    other = job_of(an_integration("Other"))
    EtlJob.objects.filter(pk=other.pk).update(next_run=timezone.now())
    Integration.objects.filter(name="Jira").update(active=False)
    monkeypatch.setattr(lifecycle, "skip_inactive", failing)

    assert queue_due_jobs() == 1


def test_jobs_whose_times_cannot_be_told_hold_up_no_other_tenants(
    recording: RecordingBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, told = job_of(an_integration(tenant="Broken")), timetable.due_times
    a_due_job()

    def due_times(jobs: list[timetable.Seen]) -> object:
        if jobs[0].tenant_id == broken.tenant_id:
            raise RuntimeError("there is no such time")
        return told(jobs)

    monkeypatch.setattr(timetable, "due_times", due_times)

    assert queue_due_jobs() == 1


def test_a_scheduler_whose_messages_nobody_gets_leaves_the_job_due(recording: RecordingBroker) -> None:
    job = a_due_job()
    recording.delivers = False

    assert queue_due_jobs() == 0

    job.refresh_from_db()
    assert job.next_run is not None
    assert job.next_run < timezone.now()


def a_due_repair(hours_ago: float = 25, **settings: str) -> EtlJob:
    """A job whose first sync ended so long ago."""
    job = job_of(an_integration())
    Integration.objects.update(settings={**job.integration.settings, **settings})
    run = a_run(job.integration)
    EtlJobRun.objects.filter(pk=run.pk).update(
        status="FINISHED", finished_at=timezone.now() - timedelta(hours=hours_ago)
    )
    return job


def repairs() -> int:
    return EtlJobRun.objects.filter(kind=RunKind.REPAIR).count()


def test_a_repair_begins_a_day_after_the_first_sync_and_then_a_day_after_the_last_repair(
    recording: RecordingBroker,
) -> None:
    a_due_repair()

    assert (start_due_repairs(), start_due_repairs(), repairs()) == (1, 0, 1)

    run = EtlJobRun.objects.filter(kind=RunKind.REPAIR)
    assert run.get().trigger == "schedule"
    run.update(status="FAILED")
    assert start_due_repairs() == 0
    run.update(started_at=timezone.now() - timedelta(hours=25))
    assert (start_due_repairs(), repairs()) == (1, 2)


@pytest.mark.parametrize(("hours", "due"), [("", 1), ("30", 0), ("0.5", 1), ("0", 0)])
def test_the_setting_says_how_often(recording: RecordingBroker, hours: str, due: int) -> None:
    a_due_repair(repair_hours=hours)

    assert start_due_repairs() == due


def test_before_a_sync_has_finished_there_is_nothing_to_repair(recording: RecordingBroker) -> None:
    a_due_repair()
    EtlJobRun.objects.update(status="FAILED")

    assert start_due_repairs() == 0


def test_a_due_repair_waits_for_the_end_of_an_open_run(recording: RecordingBroker) -> None:
    job = a_due_repair()
    run = a_run(job.integration)
    assert start_due_repairs() == 0

    EtlJobRun.objects.filter(pk=run.pk).update(status="FINISHED")

    assert start_due_repairs() == 1


def test_a_run_of_webhooks_holds_no_repair_back(recording: RecordingBroker) -> None:
    job = a_due_repair()
    a_run(job.integration, RunKind.WEBHOOK)

    assert start_due_repairs() == 1


@pytest.mark.parametrize("inactive", [EtlJob, Integration, Tenant])
def test_what_is_inactive_is_not_repaired(
    recording: RecordingBroker, inactive: type[EtlJob] | type[Integration] | type[Tenant]
) -> None:
    a_due_repair()
    inactive._default_manager.update(active=False)

    assert start_due_repairs() == 0


def test_an_integration_that_cannot_be_repaired_does_not_hold_up_others(recording: RecordingBroker) -> None:
    a_due_repair(repair_hours="often")
    other = a_run(an_integration("Other"))
    EtlJobRun.objects.filter(pk=other.pk).update(status="FINISHED", finished_at=timezone.now() - timedelta(days=2))

    assert start_due_repairs() == 1
    assert EtlJobRun.objects.get(kind=RunKind.REPAIR).integration_id == other.integration_id


@pytest.mark.django_db(transaction=True)
def test_of_schedulers_that_look_at_once_one_starts_the_repair(recording: RecordingBroker) -> None:
    a_due_repair()

    assert sorted(at_once(start_due_repairs, start_due_repairs, start_due_repairs)) == [0, 0, 1]
    assert repairs() == 1


def test_a_scheduler_whose_messages_nobody_gets_starts_no_repair(recording: RecordingBroker) -> None:
    a_due_repair()
    recording.delivers = False

    assert start_due_repairs() == 0
