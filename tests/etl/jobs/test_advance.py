"""advance: what the units say becomes the state of stages, steps, run and job."""

import json
import select
from datetime import timedelta
from typing import Any

import psycopg2
import pytest

from custommapping.models import Project
from etl.jobs import lifecycle
from etl.jobs.advance import StageFacts, advance, next_state
from etl.live.channel import LIVE_CHANNEL
from etl.models import (
    EtlJob,
    EtlJobEvent,
    EtlJobRun,
    EtlJobRunStep,
    ExtractionCheckpoint,
    Overall,
    QuarantinedRecord,
    RawExtractionData,
    RunKind,
    StageState,
)
from etl.schedule.timetable import write_next_runs
from etl.sql import session_parameters
from tests.support.making import (
    ISSUES,
    PROJECTS,
    STATUSES,
    a_run,
    all_planned,
    an_integration,
    job_of,
    raw_row,
    vector,
)
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db
SECONDS_TO_HEAR = 5


def started() -> EtlJobRun:
    return lifecycle.start(job_of(an_integration()).pk, trigger="test")


def finish(run: EtlJobRun, step: str, state: str = "completed") -> bool:
    """Ends the step's calls without an answer."""
    ExtractionCheckpoint.objects.filter(run=run, step=step).update(status=state)
    return advance(run.pk)


def states(run: EtlJobRun, step: str) -> tuple[str, str, str]:
    found = EtlJobRunStep.objects.get(run=run, step=step)
    return found.extraction, found.transform, found.embedding


def planned(run: EtlJobRun) -> set[str]:
    return set(EtlJobRunStep.objects.filter(run=run, planned_at__isnull=False).values_list("step", flat=True))


OPEN, DONE, BAD = StageFacts(True, False), StageFacts(False, False), StageFacts(False, True)


@pytest.mark.parametrize(
    ("current", "facts", "upstream_over", "expected"),
    [
        ("idle", OPEN, False, "running"),
        ("idle", DONE, False, "idle"),
        ("running", DONE, False, "running"),
        ("running", DONE, True, "finished"),
        ("idle", DONE, True, "finished"),
        ("running", BAD, False, "running"),
        ("running", BAD, True, "failed"),
        ("failed", OPEN, True, "running"),
        ("finished", OPEN, True, "running"),
    ],
)
def test_a_stage_stands_where_its_units_and_those_before_it_say(
    current: str, facts: StageFacts, upstream_over: bool, expected: str
) -> None:
    assert next_state(current, facts, upstream_over) == StageState(expected)


def test_a_started_job_has_the_status_of_the_contract() -> None:
    run = started()

    assert job_of(run.integration).status == {
        "overall": "RUNNING",
        "steps": {
            "jira_projects_and_issue_types": {
                "order": 1,
                "display_name": "Projects & Types",
                "extraction": "running",
                "transform": "idle",
                "embedding": "idle",
            },
            "jira_statuses_and_relationships": {
                "order": 2,
                "display_name": "Statuses & Relations",
                "extraction": "idle",
                "transform": "idle",
                "embedding": "idle",
            },
            "jira_issues_with_changelogs": {
                "order": 3,
                "display_name": "Issues & Changelogs",
                "extraction": "idle",
                "transform": "idle",
                "embedding": "idle",
            },
            "jira_dev_status": {
                "order": 4,
                "display_name": "Development Status",
                "extraction": "idle",
                "transform": "idle",
                "embedding": "idle",
            },
        },
    }


def test_a_step_is_planned_once_what_feeds_it_is_loaded_although_its_vectors_wait() -> None:
    run = started()
    assert planned(run) == {PROJECTS}
    raw, waiting = raw_row(run, PROJECTS), vector(run, PROJECTS)
    finish(run, PROJECTS)
    assert planned(run) == {PROJECTS}

    RawExtractionData.objects.filter(pk=raw.pk).update(status="completed")
    assert advance(run.pk)

    assert planned(run) == {PROJECTS, STATUSES}
    assert states(run, PROJECTS) == ("finished", "finished", "running")
    assert waiting.status == "pending"


def test_a_step_is_planned_from_the_projects_that_were_loaded() -> None:
    run = started()
    for key in ("AB", "CD"):
        Project.objects.create(
            tenant_id=run.tenant_id, integration_id=run.integration_id, external_id=key, key=key, authority=2
        )

    finish(run, PROJECTS)

    found = ExtractionCheckpoint.objects.filter(run=run, step=STATUSES)
    assert set(found.values_list("partition_key", flat=True)) == {"statuses", "project:AB", "project:CD"}


def test_stages_go_from_idle_to_running_to_finished() -> None:
    run = started()
    assert states(run, PROJECTS) == ("running", "idle", "idle")
    raw = raw_row(run, PROJECTS)
    advance(run.pk)
    assert states(run, PROJECTS) == ("running", "running", "idle")
    finish(run, PROJECTS)
    assert states(run, PROJECTS) == ("finished", "running", "idle")

    RawExtractionData.objects.filter(pk=raw.pk).update(status="completed")
    advance(run.pk)

    assert states(run, PROJECTS) == ("finished", "finished", "finished")


def test_a_step_without_units_is_finished_at_once_and_the_run_with_it() -> None:
    run = started()
    finish(run, PROJECTS)

    assert finish(run, STATUSES)

    run.refresh_from_db()
    assert ExtractionCheckpoint.objects.filter(run=run, step=ISSUES).count() == 0
    assert states(run, ISSUES) == ("finished", "finished", "finished")
    assert run.status == Overall.FINISHED
    assert EtlJobEvent.objects.filter(run=run, message="run ended: FINISHED").count() == 1


def test_a_run_ends_failed_where_a_unit_failed_and_the_steps_after_it_ran_all_the_same() -> None:
    run = started()
    ExtractionCheckpoint.objects.filter(run=run).update(error_details={"error": "Jira: 403"})
    finish(run, PROJECTS, "failed")
    assert states(run, PROJECTS) == ("failed", "finished", "finished")
    assert planned(run) == {PROJECTS, STATUSES}

    finish(run, STATUSES)

    run.refresh_from_db()
    job = job_of(run.integration)
    assert (run.status, run.error_message, run.errors_encountered) == (Overall.FAILED, "Jira: 403", 1)
    assert (job.overall, job.error_message, job.last_sync_date) == (Overall.FAILED, "Jira: 403", None)
    assert job.last_run_finished_at == run.finished_at


def test_a_page_that_failed_does_not_leave_the_run_open_for_what_completes_it() -> None:
    run = started()
    page = raw_row(run, PROJECTS, status="failed")
    raw_row(run, PROJECTS, parent=page)
    finish(run, PROJECTS)

    finish(run, STATUSES)

    run.refresh_from_db()
    assert run.status == Overall.FAILED


def test_the_figures_of_a_run_are_those_of_its_units() -> None:
    run = started()
    raw_row(run, PROJECTS, status="completed", records=7)
    raw_row(run, PROJECTS, status="completed", records=5)
    raw_row(run, PROJECTS, status="failed")
    ExtractionCheckpoint.objects.filter(run=run, step=PROJECTS).update(pages=3)
    vector(run, PROJECTS, status="completed")
    vector(run, PROJECTS, status="failed")
    QuarantinedRecord.objects.create(
        tenant_id=run.tenant_id,
        integration_id=run.integration_id,
        run=run,
        table_name="projects",
        external_id="1",
        path="values[0]",
        reason="no key",
    )
    EtlJobEvent.objects.create(tenant_id=run.tenant_id, run=run, level="warning", message="no project is visible")
    finish(run, PROJECTS)
    finish(run, STATUSES)

    run.refresh_from_db()

    assert (run.api_calls_made, run.records_processed, run.vectorization_queued) == (3, 12, 2)
    assert (run.errors_encountered, run.quarantined) == (2, 1)
    assert run.warning == "no project is visible; 1 records are in quarantine"
    assert run.finished_at is not None
    assert run.execution_time == pytest.approx((run.finished_at - run.started_at).total_seconds())
    assert run.memory_usage is not None
    assert run.memory_usage > 1


def test_a_run_over_stored_answers_has_made_no_calls() -> None:
    run = all_planned(a_run(kind=RunKind.REPROCESS))
    raw_row(run, status="completed", records=3)

    advance(run.pk)

    run.refresh_from_db()
    assert (run.status, run.api_calls_made, run.records_processed) == (Overall.FINISHED, 0, 3)


def test_a_finished_job_is_due_again_after_the_tenants_cycle() -> None:
    run = started()
    run.tenant.cycle_minutes = 90
    run.tenant.save()
    finish(run, PROJECTS)
    finish(run, STATUSES)

    run.refresh_from_db()
    job = job_of(run.integration)
    assert (job.next_run, job.last_sync_date, job.retry_count) == (None, run.started_at, 0)
    write_next_runs()
    job.refresh_from_db()
    assert run.finished_at is not None
    assert job.next_run == run.finished_at + timedelta(minutes=90)


def test_the_version_grows_with_each_change_and_stays_without_one() -> None:
    run = started()
    seen = [job_of(run.integration).version]
    assert not advance(run.pk)
    assert not advance(run.pk, PROJECTS)
    assert job_of(run.integration).version == seen[0]

    for step in (PROJECTS, STATUSES):
        finish(run, step)
        seen.append(job_of(run.integration).version)

    assert seen == sorted(set(seen))


def test_a_run_that_is_over_is_left_alone() -> None:
    run = started()
    EtlJobRun.objects.filter(pk=run.pk).update(status=Overall.STOPPED)

    assert not finish(run, PROJECTS)

    assert states(run, PROJECTS) == ("running", "idle", "idle")


def test_a_run_beside_the_jobs_own_does_not_touch_its_status() -> None:
    integration = an_integration()
    before = job_of(integration).status
    run = all_planned(a_run(integration, RunKind.IMPORT))

    assert advance(run.pk)

    run.refresh_from_db()
    assert run.status == Overall.FINISHED
    assert job_of(integration).status == before


@pytest.mark.django_db(transaction=True)
def test_a_run_ends_once_where_several_workers_bring_it_up_to_date_at_once() -> None:
    run = all_planned(a_run())
    before = job_of(run.integration).version

    moved = at_once(*[lambda: advance(run.pk)] * 4)

    assert sorted(moved) == [False, False, False, True]
    assert EtlJobEvent.objects.filter(run=run, message__startswith="run ended").count() == 1
    assert job_of(run.integration).version == before + 1


@pytest.mark.django_db(transaction=True)
def test_a_step_is_planned_once_where_several_workers_bring_it_up_to_date_at_once() -> None:
    run = started()
    ExtractionCheckpoint.objects.filter(run=run).update(status="completed")

    at_once(*[lambda: advance(run.pk, PROJECTS)] * 4)

    assert ExtractionCheckpoint.objects.filter(run=run, step=STATUSES).count() == 1
    assert planned(run) == {PROJECTS, STATUSES}


def heard(session: Any) -> list[dict[str, int]]:
    """What was notified, waited for where nothing was yet."""
    if not session.notifies:
        select.select([session], [], [], SECONDS_TO_HEAR)
        session.poll()
    found = [json.loads(notice.payload) for notice in session.notifies]
    session.notifies.clear()
    return found


@pytest.mark.django_db(transaction=True)
def test_whoever_listens_hears_of_every_change_of_a_jobs_status() -> None:
    job = job_of(an_integration())
    told = {"job_id": job.pk, "tenant_id": job.tenant_id}
    session: Any = psycopg2.connect(**session_parameters())
    session.autocommit = True
    try:
        session.cursor().execute(f"LISTEN {LIVE_CHANNEL}")

        run = lifecycle.start(job.pk, trigger="test")
        assert heard(session) == [told]
        finish(run, PROJECTS)
        assert heard(session) == [told]
        for change_status in (lifecycle.pause, lifecycle.resume, lifecycle.stop, lifecycle.reset):
            change_status(job.pk)
            assert heard(session) == [told], change_status.__name__
    finally:
        session.close()
    assert EtlJob.objects.get(pk=job.pk).overall == Overall.READY
