"""What people do to jobs: each transition has one winner, and an illegal one says why."""

import pytest

from etl.extraction.stage import extract
from etl.jobs import lifecycle, units
from etl.jobs.lifecycle import IllegalTransition
from etl.models import (
    EtlJob,
    EtlJobEvent,
    EtlJobRun,
    ExtractionCheckpoint,
    Overall,
    QdrantVector,
    RawExtractionData,
    RunKind,
)
from etl.queue.topology import Stage
from integrations.models import Integration
from tests.support.brokers import RecordingBroker
from tests.support.driving import work_off
from tests.support.making import PROJECTS, an_integration, job_of, raw_row, vector
from tests.support.sites import Connected
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db
UNTIL_LOADED = (Stage.EXTRACTION, Stage.TRANSFORM)


def a_job() -> EtlJob:
    return job_of(an_integration())


def fresh(job: EtlJob) -> EtlJob:
    return EtlJob.objects.get(pk=job.pk)


def start(job: EtlJob) -> EtlJobRun:
    return lifecycle.start(job.pk, trigger="test")


def test_creating_an_integration_creates_its_job_after_the_tenants_others() -> None:
    first, second, other = (
        job_of(an_integration(name, tenant=tenant)) for name, tenant in (("A", "X"), ("B", "X"), ("A", "Y"))
    )

    assert (first.name, first.order, second.order, other.order) == ("A", 1, 2, 1)
    assert first.overall == Overall.NOT_STARTED
    assert {step["order"]: step["display_name"] for step in first.status["steps"].values()} == {
        1: "Projects & Types",
        2: "Statuses & Relations",
        3: "Issues & Changelogs",
        4: "Development Status",
    }
    assert set(first.status["steps"][PROJECTS].values()) == {1, "Projects & Types", "idle"}


def test_saving_an_integration_again_creates_no_other_job() -> None:
    integration = an_integration()

    integration.save()

    assert EtlJob.objects.filter(integration=integration).count() == 1


def test_a_start_makes_a_run_plans_it_and_wakes_its_worker(recording: RecordingBroker) -> None:
    job = a_job()

    run = lifecycle.start(job.pk, trigger="test", config={"full_sync": True})

    assert (run.status, run.kind, run.config) == (Overall.RUNNING, RunKind.SYNC, {"full_sync": True})
    assert (fresh(job).overall, fresh(job).next_run) == (Overall.RUNNING, None)
    assert fresh(job).last_run_started_at is not None
    assert [body["type"] for body in recording.bodies()] == [PROJECTS]
    assert EtlJobEvent.objects.get(run=run, step="").message == "run started by test"


def test_a_start_succeeds_while_the_queue_is_away(recording: RecordingBroker) -> None:
    recording.refuses = True

    run = start(a_job())

    assert run.status == Overall.RUNNING
    assert not ExtractionCheckpoint.objects.filter(published_at__isnull=False)


@pytest.mark.parametrize("state", [Overall.RUNNING, Overall.PAUSED])
def test_a_job_that_runs_cannot_be_started_and_says_so(state: Overall) -> None:
    job = a_job()
    start(job)
    if state == Overall.PAUSED:
        lifecycle.pause(job.pk)

    with pytest.raises(IllegalTransition, match=rf"job {job.pk} \(Jira\) is {state}"):
        start(job)
    with pytest.raises(IllegalTransition, match=rf"job {job.pk} \(Jira\) is {state}"):
        lifecycle.reprocess(job.pk, trigger="test")
    assert EtlJobRun.objects.count() == 1


def test_a_job_whose_integration_is_inactive_cannot_be_started_and_says_so() -> None:
    job = a_job()
    Integration.objects.update(active=False)

    with pytest.raises(IllegalTransition, match=rf"integration Jira of job {job.pk} is inactive"):
        start(job)
    assert fresh(job).overall == Overall.NOT_STARTED


def test_a_job_with_an_open_run_cannot_be_started_whatever_its_status_says() -> None:
    job = a_job()
    start(job)
    lifecycle.write_overall(fresh(job), Overall.READY)

    with pytest.raises(IllegalTransition, match=r"has one open run at a time: run \d+ of Jira is RUNNING"):
        start(job)
    assert EtlJobRun.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_starters_at_once_one_makes_a_run() -> None:
    job = a_job()

    def attempt() -> str:
        try:
            return start(job).status
        except IllegalTransition as error:
            return str(error)

    told = f"job {job.pk} (Jira) is RUNNING: it cannot be started, but paused, stopped or reset"
    assert sorted(at_once(attempt, attempt, attempt)) == ["RUNNING", told, told]
    assert EtlJobRun.objects.count() == 1
    assert ExtractionCheckpoint.objects.count() == 1


def test_of_a_paused_run_nothing_is_taken_until_it_is_resumed(recording: RecordingBroker) -> None:
    job = a_job()
    run = start(job)
    unit = ExtractionCheckpoint.objects.get(run=run)

    lifecycle.pause(job.pk)

    assert (fresh(job).overall, units.take(ExtractionCheckpoint, [unit.pk])) == (Overall.PAUSED, None)
    lifecycle.resume(job.pk)
    assert fresh(job).overall == Overall.RUNNING
    assert units.take(ExtractionCheckpoint, [unit.pk]) is not None


def test_a_resumed_run_wakes_all_that_waits_since_messages_that_came_meanwhile_were_dropped(
    recording: RecordingBroker,
) -> None:
    job = a_job()
    run = start(job)
    lifecycle.pause(job.pk)
    fetch, raw = ExtractionCheckpoint.objects.get(run=run), raw_row(run, PROJECTS)
    recording.published.clear()

    lifecycle.resume(job.pk)

    assert [body["unit_id"] for body in recording.bodies()] == [fetch.pk, raw.pk]


def test_a_unit_in_hand_may_end_in_a_paused_run_which_goes_on_from_there() -> None:
    job = a_job()
    run = start(job)
    unit = ExtractionCheckpoint.objects.get(run=run)
    lease = units.take(ExtractionCheckpoint, [unit.pk])
    assert lease is not None
    lifecycle.pause(job.pk)

    with units.ending(lease):
        pass

    lifecycle.resume(job.pk)
    assert fresh(job).status["steps"][PROJECTS]["extraction"] == "finished"
    assert run.steps.get(step="jira_statuses_and_relationships").planned_at is not None


def test_a_stop_cancels_what_waits_and_ends_the_run() -> None:
    job = a_job()
    run = start(job)
    raw, waiting = raw_row(run), vector(run)

    lifecycle.stop(job.pk)

    run.refresh_from_db()
    assert (run.status, fresh(job).overall) == (Overall.STOPPED, Overall.STOPPED)
    assert run.finished_at is not None
    for unit in (ExtractionCheckpoint.objects.get(run=run), raw, waiting):
        unit.refresh_from_db()
        assert unit.status == "cancelled"


def test_a_job_is_stopped_with_its_run() -> None:
    job = a_job()
    run = start(job)

    assert lifecycle.stop_run(run.pk).status == Overall.STOPPED

    assert fresh(job).overall == Overall.STOPPED
    with pytest.raises(IllegalTransition, match=f"run {run.pk} is STOPPED: it is over"):
        lifecycle.stop_run(run.pk)


@pytest.mark.parametrize("stuck", [True, False])
def test_a_reset_makes_a_job_ready_and_stops_its_open_run(stuck: bool) -> None:
    job = a_job()
    if stuck:
        start(job)

    lifecycle.reset(job.pk)

    assert fresh(job).overall == Overall.READY
    assert lifecycle.open_run(job.pk) is None
    assert start(job).status == Overall.RUNNING


def test_a_stopped_job_can_be_started_again() -> None:
    job = a_job()
    start(job)
    lifecycle.stop(job.pk)

    assert start(job).status == Overall.RUNNING


def test_a_sync_after_a_stop_embeds_also_what_was_loaded_before_it(connected: Connected) -> None:
    first = start(connected.job)
    work_off(first, stages=UNTIL_LOADED)
    lifecycle.stop(connected.job.pk)
    loaded = QdrantVector.objects.count()
    assert loaded > len(connected.site.keys())
    assert QdrantVector.objects.filter(status="cancelled").count() == loaded

    again = start(connected.job)
    work_off(again, stages=UNTIL_LOADED)

    assert QdrantVector.objects.filter(run=again, status="pending").count() == loaded


def test_what_a_unit_in_hand_brings_forth_after_a_stop_is_born_cancelled(connected: Connected) -> None:
    run = start(connected.job)
    lease = units.take(ExtractionCheckpoint, [ExtractionCheckpoint.objects.get(run=run).pk])
    assert lease is not None
    lifecycle.stop(connected.job.pk)

    list(extract(lease))

    assert ExtractionCheckpoint.objects.get(run=run).status in ("completed", "pending")
    assert RawExtractionData.objects.get(run=run).status == "cancelled"


def test_reprocessing_makes_the_stored_answers_wait_again_but_fetches_nothing() -> None:
    job = a_job()
    old = start(job)
    done = raw_row(old, status="completed", tries=2)
    part = raw_row(old, status="completed", parent=done)
    cut = raw_row(old, status="failed", is_complete=False)
    lifecycle.stop(job.pk)

    run = lifecycle.reprocess(job.pk, trigger="test")

    for row, state, run_id in ((done, "pending", run.pk), (part, "completed", old.pk), (cut, "failed", old.pk)):
        row.refresh_from_db()
        assert (row.status, row.run_id) == (state, run_id)
    assert run.kind == RunKind.REPROCESS
    assert fresh(job).overall == Overall.RUNNING
    assert not ExtractionCheckpoint.objects.filter(run=run)
