"""Failed runs, jobs that do not start, and runs that take far longer than usual."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from etl.alerts.findings import Findings
from etl.alerts.jobs import duration, failed_runs, overdue_jobs, usual_time
from etl.alerts.raising import Looked, look_at_all
from etl.models import Alert, Cause, EtlJob, EtlJobEvent, EtlJobRun, Overall, RunKind
from etl.sql import execute, fetch
from integrations.models import Integration
from pulse.postgres.scope import owner_scope
from tests.support.making import an_integration, job_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def integration() -> Integration:
    return an_integration()


@pytest.fixture
def job(integration: Integration) -> EtlJob:
    return job_of(integration)


def a_run(job: EtlJob, status: Overall, *, kind: RunKind = RunKind.SYNC, ago: float = 0, **fields: Any) -> EtlJobRun:
    """A run that ended so many minutes ago, or began then where it is open."""
    moment = timezone.now() - timedelta(minutes=ago)
    times = {"started_at": moment, "finished_at": None if status == Overall.RUNNING else moment}
    return EtlJobRun.objects.create(
        tenant_id=job.tenant_id,
        integration_id=job.integration_id,
        job=job,
        kind=kind,
        status=status,
        **{**times, **fields},
    )


def look() -> Looked:
    return look_at_all({Cause.RUN_FAILED: failed_runs})


def messages(found: Findings) -> list[str]:
    return [finding.message for finding in found.wrong.values()]


def test_a_failed_run_is_told_with_its_job_and_error(job: EtlJob) -> None:
    run = a_run(job, Overall.FAILED, error_message="the site answered 503")
    assert look() == Looked(raised=1)
    alert = Alert.objects.get()
    assert alert.message == f"Run {run.pk} of job {job.name} (Jira) failed: the site answered 503"
    assert alert.subject == f"job {job.pk}"
    assert (alert.context["job_id"], alert.context["run_id"]) == (job.pk, run.pk)


def test_a_job_that_goes_on_failing_is_one_alert_until_a_run_ends_well(job: EtlJob) -> None:
    for _ in range(2):
        a_run(job, Overall.FAILED)
        look()
    assert Alert.objects.get().occurrences == 2
    a_run(job, Overall.FINISHED)
    assert look() == Looked(resolved=1)


@pytest.mark.parametrize("status", [Overall.RUNNING, Overall.STOPPED])
def test_a_run_that_has_told_nothing_yet_resolves_nothing(job: EtlJob, status: Overall) -> None:
    a_run(job, Overall.FAILED)
    look()
    a_run(job, status)
    assert look() == Looked()


@pytest.mark.parametrize("before", [None, Overall.FINISHED, Overall.FAILED])
def test_a_failed_run_that_is_retried_stays_an_alert_until_it_ends_well(job: EtlJob, before: Overall | None) -> None:
    if before:
        a_run(job, before, ago=60)
    run = a_run(job, Overall.FAILED)
    look()
    EtlJobRun.objects.filter(pk=run.pk).update(status=Overall.RUNNING, finished_at=None)
    assert look() == Looked()
    EtlJobRun.objects.filter(pk=run.pk).update(status=Overall.FAILED, finished_at=timezone.now())
    assert look() == Looked(again=1)
    EtlJobRun.objects.filter(pk=run.pk).update(status=Overall.FINISHED, finished_at=timezone.now())
    assert look() == Looked(resolved=1)


def test_a_good_run_resolves_also_where_the_failed_one_was_retried_and_stopped(job: EtlJob) -> None:
    run = a_run(job, Overall.FAILED, ago=5)
    look()
    EtlJobRun.objects.filter(pk=run.pk).update(status=Overall.STOPPED)
    assert look() == Looked()
    a_run(job, Overall.FINISHED)
    assert look() == Looked(resolved=1)


def test_a_good_repair_does_not_resolve_a_failed_sync(job: EtlJob) -> None:
    a_run(job, Overall.FAILED)
    a_run(job, Overall.FAILED, kind=RunKind.REPAIR)
    assert look() == Looked(raised=2)
    a_run(job, Overall.FINISHED, kind=RunKind.REPAIR)
    assert look() == Looked(resolved=1)
    assert Alert.objects.get(resolved_at=None).subject == f"job {job.pk}"


def test_a_good_sync_resolves_a_failed_reprocessing(job: EtlJob) -> None:
    a_run(job, Overall.FAILED, kind=RunKind.REPROCESS, ago=5)
    assert look() == Looked(raised=1)
    a_run(job, Overall.FINISHED)
    assert look() == Looked(resolved=1)


@pytest.mark.parametrize("switched_off", ["job", "integration", "tenant"])
def test_what_a_person_has_switched_off_is_no_alert_any_more(job: EtlJob, switched_off: str) -> None:
    a_run(job, Overall.FAILED)
    look()
    owner = job if switched_off == "job" else getattr(job, switched_off)
    owner.active = False
    owner.save()
    assert look() == Looked(resolved=1)


def due(job: EtlJob, minutes_ago: float, overall: Overall = Overall.READY) -> None:
    job.status, job.next_run = {"overall": overall}, timezone.now() - timedelta(minutes=minutes_ago)
    job.save()


@pytest.mark.parametrize("overall", [Overall.READY, Overall.FINISHED, Overall.FAILED])
def test_a_job_that_was_due_half_an_hour_ago_and_has_not_started_is_overdue(job: EtlJob, overall: Overall) -> None:
    due(job, 31, overall)
    (message,) = messages(overdue_jobs())
    assert message.endswith("and has not started for 31 min")


@pytest.mark.parametrize(
    ("minutes_ago", "overall"),
    [
        (29, Overall.READY),
        (31, Overall.RUNNING),
        (31, Overall.PAUSED),
        (31, Overall.STOPPED),
        (31, Overall.NOT_STARTED),
    ],
)
def test_a_job_that_is_at_work_or_waits_for_a_person_is_not_overdue(
    job: EtlJob, minutes_ago: float, overall: Overall
) -> None:
    due(job, minutes_ago, overall)
    assert messages(overdue_jobs()) == []


@pytest.mark.parametrize("status", [Overall.RUNNING, Overall.PAUSED])
def test_a_job_that_waits_for_another_run_of_its_integration_is_not_overdue(job: EtlJob, status: Overall) -> None:
    due(job, 31)
    other = EtlJob.objects.create(tenant=job.tenant, integration=job.integration, name="Another")
    run = a_run(other, Overall.RUNNING, ago=5)
    EtlJobRun.objects.filter(pk=run.pk).update(status=status)
    assert messages(overdue_jobs()) == []
    EtlJobRun.objects.update(status=Overall.FINISHED)
    assert len(messages(overdue_jobs())) == 1


def good_runs(job: EtlJob, minutes: float, count: int = 3, **config: Any) -> None:
    for _ in range(count):
        a_run(job, Overall.FINISHED, execution_time=minutes * 60, config=config)


def test_a_run_that_takes_more_than_three_times_as_long_as_usual_is_overdue(job: EtlJob) -> None:
    good_runs(job, 20)
    run = a_run(job, Overall.RUNNING, ago=61)
    (message,) = messages(overdue_jobs())
    assert message == f"Run {run.pk} of job {job.name} (Jira) has been running for 1 h 1 min, usually it takes 20 min"


def test_time_in_which_a_run_was_paused_does_not_count(job: EtlJob) -> None:
    good_runs(job, 20)
    run = a_run(job, Overall.RUNNING, ago=100)
    for status, ago in ((Overall.PAUSED, 90), (Overall.RUNNING, 40)):
        event = EtlJobEvent.objects.create(tenant=job.tenant, run=run, message="", context={"status": status})
        EtlJobEvent.objects.filter(pk=event.pk).update(created_at=timezone.now() - timedelta(minutes=ago))
    assert messages(overdue_jobs()) == []

    EtlJobRun.objects.filter(pk=run.pk).update(started_at=timezone.now() - timedelta(minutes=112))
    (message,) = messages(overdue_jobs())
    assert "has been running for 1 h 2 min, usually it takes 20 min" in message


@pytest.mark.parametrize(("usual", "count", "running"), [(20, 3, 59), (20, 2, 600), (1, 3, 29)])
def test_a_run_is_not_overdue_before_that_nor_where_nobody_can_tell(
    job: EtlJob, usual: float, count: int, running: float
) -> None:
    good_runs(job, usual, count)
    a_run(job, Overall.RUNNING, ago=running)
    assert messages(overdue_jobs()) == []


def test_a_full_run_is_compared_with_full_runs(job: EtlJob) -> None:
    good_runs(job, 1, count=5)
    good_runs(job, 50, full_sync=True)
    a_run(job, Overall.RUNNING, ago=120, config={"full_sync": True})
    assert messages(overdue_jobs()) == []


def test_usual_is_the_middle_of_the_latest_runs() -> None:
    assert usual_time([10, 1000, 20]) == timedelta(seconds=20)
    assert usual_time([10, 20]) is None


def test_durations_are_told_in_units_that_fit() -> None:
    told = [duration(timedelta(seconds=seconds)) for seconds in (45, 720, 11_100, 187_200)]
    assert told == ["45 s", "12 min", "3 h 5 min", "2 d 4 h"]


def test_a_look_at_failed_runs_reads_one_run_of_each_kind_however_many_there_are(job: EtlJob) -> None:
    execute(
        """INSERT INTO etl_job_runs (tenant_id, integration_id, job_id, kind, status, trigger, config, warning,
             error_message, finished_at, stage_seconds, records_processed, errors_encountered, quarantined,
             api_calls_made, vectorization_queued, created_at, last_updated_at)
           SELECT %s, %s, %s, CASE WHEN n %% 2 = 0 THEN 'sync' ELSE 'webhook' END, 'FINISHED', 'test', '{}', '', '',
             now(), '{}', 0, 0, 0, 0, 0, now(), now() FROM generate_series(1, 5000) n""",
        [job.tenant_id, job.integration_id, job.pk],
    )
    with owner_scope():  # nobody else may
        execute("ANALYZE etl_job_runs", [])
    reads = "SELECT coalesce(sum(idx_tup_fetch + seq_tup_read), 0) FROM pg_stat_xact_user_tables"
    sql = f"{reads} WHERE relname = 'etl_job_runs'"
    before = fetch(sql, [])[0][0]
    assert failed_runs().wrong == {}
    assert fetch(sql, [])[0][0] - before < 50
