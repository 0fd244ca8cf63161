"""Due jobs and repairs are begun once, however many schedulers there are."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import QuerySet
from django.utils import timezone

from etl.jobs import lifecycle
from etl.jobs.schedule import QUEUED_FOR, queue_due_jobs, start_due_repairs
from etl.models import EtlJob, EtlJobRun, RunKind
from etl.queue.broker import PublishFailed
from integrations.models import Integration
from pulse.tenancy.models import Tenant
from tests.support.brokers import RecordingBroker
from tests.support.making import a_run, an_integration, job_of
from tests.support.threads import at_once, meeting

pytestmark = pytest.mark.django_db
JOB_KEYS = {
    *("job_id", "tenant_id", "integration_id", "job_type", "config", "scheduled_at", "priority"),
    *("retry_count", "max_retries", "run_id", "unit_id", "version"),
}


def a_due_job() -> EtlJob:
    job = job_of(an_integration())
    EtlJob.objects.filter(pk=job.pk).update(next_run=timezone.now() - timedelta(minutes=1))
    return job


def test_a_due_job_is_queued_with_the_keys_of_the_contract(recording: RecordingBroker) -> None:
    job = a_due_job()

    assert queue_due_jobs() == 1

    (message,), (body,) = recording.published, recording.bodies()
    assert message.queue == "etl.jobs"
    assert set(body) == JOB_KEYS
    assert (body["job_id"], body["tenant_id"], body["integration_id"]) == (job.pk, job.tenant_id, job.integration_id)
    assert body["job_type"] == "jira_sync"


@pytest.mark.django_db(transaction=True)
def test_of_two_schedulers_that_both_saw_it_due_one_queues_it(
    recording: RecordingBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_due_job()
    wait_for_the_other, update = meeting(2), QuerySet.update

    def update_together(self: QuerySet[EtlJob], **values: Any) -> int:
        wait_for_the_other()
        return update(self, **values)

    monkeypatch.setattr(QuerySet, "update", update_together)

    assert sorted(at_once(queue_due_jobs, queue_due_jobs)) == [0, 1]
    assert len(recording.published) == 1


def test_a_job_whose_message_is_lost_is_due_again(recording: RecordingBroker) -> None:
    job = a_due_job()
    queue_due_jobs()
    job.refresh_from_db()
    assert job.next_run is not None
    assert timezone.now() < job.next_run <= timezone.now() + QUEUED_FOR
    assert queue_due_jobs() == 0

    EtlJob.objects.update(next_run=timezone.now())

    assert queue_due_jobs() == 1


def test_a_job_whose_message_is_refused_is_due_again(recording: RecordingBroker) -> None:
    job = a_due_job()
    recording.refuses = True

    with pytest.raises(PublishFailed):
        queue_due_jobs()

    job.refresh_from_db()
    assert job.next_run is not None
    assert job.next_run <= timezone.now() + QUEUED_FOR


def test_a_job_that_is_not_due_yet_is_not_queued(recording: RecordingBroker) -> None:
    a_due_job()
    EtlJob.objects.update(next_run=timezone.now() + timedelta(minutes=1))

    assert queue_due_jobs() == 0


@pytest.mark.parametrize("inactive", [EtlJob, Integration, Tenant])
def test_what_is_inactive_is_skipped(
    recording: RecordingBroker, inactive: type[EtlJob] | type[Integration] | type[Tenant]
) -> None:
    a_due_job()
    inactive._default_manager.update(active=False)

    assert queue_due_jobs() == 0


def test_a_job_that_runs_or_is_paused_is_not_queued(recording: RecordingBroker) -> None:
    job = a_due_job()
    lifecycle.start(job.pk, trigger="test")
    EtlJob.objects.update(next_run=timezone.now())
    assert queue_due_jobs() == 0

    lifecycle.pause(job.pk)

    assert queue_due_jobs() == 0


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
