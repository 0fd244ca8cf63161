"""When each job is due next: derived from jobs and runs, whatever happened to either."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from etl.models import EtlJob, EtlJobRun, Overall, RunKind
from etl.schedule.timetable import write_next_runs
from integrations.models import Integration
from pulse.tenancy.models import Tenant
from tests.support.making import an_integration, job_of
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db
GAP, CYCLE = timedelta(minutes=15), timedelta(minutes=60)


@dataclass
class Jobs:
    """A tenant's jobs by their names, and what became of them."""

    tenant: str = "Acme"

    def __getitem__(self, name: str) -> EtlJob:
        return EtlJob.objects.get(name=name, tenant__name=self.tenant)

    def add(self, name: str, overall: Overall = Overall.FINISHED, **fields: Any) -> EtlJob:
        job = job_of(an_integration(name, tenant=self.tenant))
        self.change(name, status={"overall": overall}, **fields)
        return job

    def change(self, name: str, **fields: Any) -> None:
        EtlJob.objects.filter(pk=self[name].pk).update(**fields)

    def ran(
        self,
        name: str,
        ended: datetime | None,
        *,
        trigger: str = "schedule",
        status: Overall = Overall.FINISHED,
        kind: RunKind = RunKind.SYNC,
    ) -> EtlJobRun:
        """A run that has ended then, or has not; its job shows how."""
        job = self[name]
        run = EtlJobRun.objects.create(
            tenant_id=job.tenant_id, job=job, integration_id=job.integration_id, kind=kind, trigger=trigger
        )
        began = (ended or timezone.now()) - timedelta(minutes=1)
        EtlJobRun.objects.filter(pk=run.pk).update(
            status=status, started_at=began, finished_at=ended, last_updated_at=ended or began
        )
        self.change(name, status={"overall": status}, next_run=None)
        return run

    @property
    def due(self) -> dict[str, datetime]:
        """When each job is due, where it is, once the schedule has looked; it finds nothing to change again."""
        write_next_runs()
        assert write_next_runs() == 0
        jobs = EtlJob.objects.filter(tenant__name=self.tenant, next_run__isnull=False)
        return {job.name: job.next_run for job in jobs if job.next_run}


@pytest.fixture
def jobs() -> Jobs:
    """Three jobs in their order; the first one's turn has just ended."""
    made = Jobs()
    for name in ("A", "B", "C"):
        made.add(name)
    made.ran("B", ago(70))
    made.ran("C", ago(40))
    made.ran("A", ago(1))
    return made


def ago(minutes: float) -> datetime:
    return timezone.now() - timedelta(minutes=minutes)


def ended(job: EtlJob) -> datetime:
    run = EtlJobRun.objects.filter(job=job, kind=RunKind.SYNC, finished_at__isnull=False).order_by("-pk")[0]
    assert run.finished_at is not None
    return run.finished_at


def test_the_next_job_is_due_a_gap_after_the_one_before_and_only_that(jobs: Jobs) -> None:
    assert jobs.due == {"B": ended(jobs["A"]) + GAP}


def test_after_the_last_one_the_first_is_due_a_cycle_later(jobs: Jobs) -> None:
    jobs.ran("B", ago(0.6))
    jobs.ran("C", ago(0.5))

    assert jobs.due == {"A": ended(jobs["C"]) + CYCLE}


def test_the_tenant_says_how_long_gaps_and_cycles_are(jobs: Jobs) -> None:
    Tenant.objects.update(job_gap_minutes=3, cycle_minutes=90)
    assert jobs.due == {"B": ended(jobs["A"]) + timedelta(minutes=3)}

    jobs.ran("C", ago(0.5))

    assert jobs.due == {"A": ended(jobs["C"]) + timedelta(minutes=90)}


def test_while_one_runs_in_its_turn_none_is_due(jobs: Jobs) -> None:
    jobs.ran("B", None, status=Overall.RUNNING)

    assert jobs.due == {}


def test_while_workers_were_told_of_one_none_is_due_beside_it(jobs: Jobs) -> None:
    assert set(jobs.due) == {"B"}
    jobs.change("B", status={"overall": "READY"}, queued_at=timezone.now())

    assert set(jobs.due) == {"B"}


@pytest.mark.parametrize("state", [Overall.NOT_STARTED, Overall.STOPPED, Overall.PAUSED])
def test_what_waits_for_a_person_is_passed_over(jobs: Jobs, state: Overall) -> None:
    jobs.change("B", status={"overall": state})

    assert jobs.due == {"C": ended(jobs["A"]) + GAP}


def test_what_failed_runs_again_in_its_turn(jobs: Jobs) -> None:
    jobs.ran("A", ago(0.5), status=Overall.FAILED)
    assert jobs.due == {"B": ended(jobs["A"]) + GAP}

    jobs.ran("C", ago(0.4))

    assert jobs.due == {"A": ended(jobs["C"]) + CYCLE}


def test_a_run_that_is_stopped_or_paused_lets_its_turn_go(jobs: Jobs) -> None:
    jobs.ran("B", ago(0.5), status=Overall.STOPPED)
    assert jobs.due == {"C": ended(jobs["B"]) + GAP}

    run = jobs.ran("C", None, status=Overall.PAUSED)

    run.refresh_from_db()
    assert jobs.due == {"A": run.last_updated_at + CYCLE}


def test_a_job_that_is_made_inactive_lets_its_turn_go_and_a_tenant_that_is_has_none(jobs: Jobs) -> None:
    run = jobs.ran("B", None, status=Overall.RUNNING)
    jobs.change("B", active=False)
    run.refresh_from_db()
    assert jobs.due == {"C": run.last_updated_at + GAP}

    Tenant.objects.update(active=False)

    assert jobs.due == {}


def test_a_job_whose_integration_is_inactive_has_its_turn_to_be_skipped_in(jobs: Jobs) -> None:
    Integration.objects.filter(name="B").update(active=False)

    assert set(jobs.due) == {"B"}


def test_a_manual_start_beside_leaves_the_order_alone(jobs: Jobs) -> None:
    jobs.ran("C", None, trigger="admin", status=Overall.RUNNING)
    assert jobs.due == {"B": ended(jobs["A"]) + GAP}
    EtlJobRun.objects.filter(trigger="admin").update(status="FINISHED", finished_at=timezone.now())
    jobs.change("C", status={"overall": "FINISHED"})
    assert jobs.due == {"B": ended(jobs["A"]) + GAP}

    jobs.ran("B", ago(0.1))

    assert set(jobs.due) == {"C"}


def test_one_that_a_person_runs_when_its_turn_comes_is_passed_over_and_holds_up_nobody(jobs: Jobs) -> None:
    jobs.ran("B", None, trigger="admin", status=Overall.RUNNING)

    assert jobs.due == {"C": ended(jobs["A"]) + GAP}


def test_one_whose_integration_has_an_open_run_of_another_job_is_passed_over(jobs: Jobs) -> None:
    other = EtlJob.objects.create(
        tenant=jobs["B"].tenant, integration=jobs["B"].integration, name="B nightly", status={"overall": "PAUSED"}
    )
    jobs.ran("B nightly", None, trigger="admin", status=Overall.PAUSED)

    assert jobs.due == {"C": ended(jobs["A"]) + GAP}
    assert other.pk


def test_jobs_that_are_added_removed_and_reordered_have_their_turn_where_they_are_now(jobs: Jobs) -> None:
    jobs.change("C", order=2)
    jobs.change("B", order=3)
    assert set(jobs.due) == {"C"}

    jobs.add("New", order=2)
    assert set(jobs.due) == {"C"}
    jobs.ran("New", ago(0.1), trigger="admin")
    jobs.ran("C", ago(0.1))
    assert set(jobs.due) == {"New"}
    jobs.change("New", active=False)
    assert set(jobs.due) == {"B"}


def test_reprocessing_has_no_turn(jobs: Jobs) -> None:
    jobs.ran("C", ago(0.1), kind=RunKind.REPROCESS)

    assert jobs.due == {"B": ended(jobs["A"]) + GAP}


def test_a_run_that_is_retried_holds_its_turn_again_and_takes_nobody_elses(jobs: Jobs) -> None:
    EtlJobRun.objects.filter(job=jobs["A"]).update(status="RUNNING", finished_at=None)
    jobs.change("A", status={"overall": "RUNNING"})
    assert jobs.due == {}

    jobs.ran("B", ago(0.1))

    assert jobs.due == {"C": ended(jobs["B"]) + GAP}


def test_a_lost_entry_is_mended(jobs: Jobs) -> None:
    before = jobs.due
    jobs.change("B", next_run=None, scheduled_run=None)

    assert jobs.due == before


def test_what_a_person_wrote_stands(jobs: Jobs) -> None:
    tomorrow = timezone.now() + timedelta(days=1)
    jobs.change("B", next_run=tomorrow)

    assert jobs.due == {"B": tomorrow, "C": ended(jobs["A"]) + GAP}


def test_tenants_have_turns_of_their_own(jobs: Jobs) -> None:
    rival = Jobs("Rival")
    rival.add("A")
    rival.ran("A", ago(5))

    assert rival.due == {"A": ended(rival["A"]) + CYCLE}
    assert set(jobs.due) == {"B"}


def test_a_tenant_whose_jobs_never_ran_waits_for_a_person() -> None:
    jobs = Jobs()
    jobs.add("A", Overall.NOT_STARTED)
    assert jobs.due == {}

    jobs.ran("A", ago(1), trigger="admin")

    assert jobs.due == {"A": ended(jobs["A"]) + CYCLE}


def test_a_job_with_a_cron_expression_has_its_times_and_no_turn(jobs: Jobs) -> None:
    jobs.change("B", settings={"cron": "30 3 * * *"})
    due = jobs.due

    assert due.pop("C") == ended(jobs["A"]) + GAP
    at = due.pop("B")
    assert (at.hour, at.minute, due) == (3, 30, {})
    assert timezone.now() < at <= timezone.now() + timedelta(days=1)


def test_a_cron_expression_that_is_changed_or_taken_away_counts_at_once(jobs: Jobs) -> None:
    jobs.change("B", settings={"cron": "30 3 * * *"})
    before = jobs.due["B"]
    jobs.change("B", settings={"cron": "45 3 * * *"})
    assert jobs.due["B"] != before

    jobs.change("B", settings={})

    assert jobs.due == {"B": ended(jobs["A"]) + GAP}


def test_a_time_that_went_by_without_a_scheduler_is_made_up_for_once(jobs: Jobs) -> None:
    missed = timezone.now().replace(hour=3, minute=30, second=0, microsecond=0) - timedelta(days=3)
    jobs.change("B", settings={"cron": "30 3 * * *"}, next_run=missed, scheduled_run=missed)
    assert jobs.due["B"] == missed

    jobs.ran("B", ago(0.1), trigger="cron")

    assert jobs.due["B"] > timezone.now()


def test_a_time_that_went_by_without_a_scheduler_since_a_run_ended_is_made_up_for(jobs: Jobs) -> None:
    since = ago(10)
    jobs.change("B", settings={"cron": "* * * * *"}, last_updated_at=since)
    Tenant.objects.update(last_updated_at=since)

    assert timedelta() < jobs.due["B"] - since <= timedelta(minutes=1)


def test_a_time_that_went_by_while_the_tenant_was_inactive_is_not_made_up_for(jobs: Jobs) -> None:
    jobs.change("B", settings={"cron": "* * * * *"}, last_updated_at=ago(10))

    assert jobs.due["B"] > ago(1)


def test_a_job_with_a_cron_expression_runs_at_its_time_also_the_first_time_and_not_once_it_was_stopped() -> None:
    jobs = Jobs()
    jobs.add("A", Overall.NOT_STARTED, settings={"cron": "30 3 * * *"})
    assert set(jobs.due) == {"A"}

    jobs.change("A", status={"overall": "STOPPED"})

    assert jobs.due == {}


def test_an_interval_begins_at_the_end_of_the_last_sync(jobs: Jobs) -> None:
    jobs.change("B", settings={"interval_minutes": 5})
    assert jobs.due == {"B": ended(jobs["B"]) + timedelta(minutes=5), "C": ended(jobs["A"]) + GAP}

    jobs.ran("B", ago(2), trigger="interval", status=Overall.FAILED)

    assert jobs.due["B"] == ended(jobs["B"]) + timedelta(minutes=5)


def test_settings_that_nobody_checked_hold_up_nothing(jobs: Jobs) -> None:
    jobs.change("C", settings={"cron": "whenever"})
    jobs.change("A", settings=[])

    assert set(jobs.due) == {"B"}


@pytest.mark.django_db(transaction=True)
def test_schedulers_that_look_at_once_agree(jobs: Jobs) -> None:
    assert sum(at_once(write_next_runs, write_next_runs, write_next_runs)) == 1
    assert jobs.due == {"B": ended(jobs["A"]) + GAP}
