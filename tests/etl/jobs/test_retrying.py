"""What failed in a run waits again in that run, and the run ends as if it had not failed."""

from typing import Any

import pytest

from etl.jobs import lifecycle, units, watermarks
from etl.jobs.advance import advance
from etl.jobs.lifecycle import IllegalTransition
from etl.models import (
    EtlJob,
    EtlJobEvent,
    EtlJobRun,
    ExtractionCheckpoint,
    Overall,
    RawExtractionData,
    RunKind,
    WorkItem,
)
from etl.queue.topology import Stage
from integrations.errors import Permanent
from integrations.models import Integration
from integrations.sandbox import Faults
from tests.support.driving import run_to_end, work_off, worked_off
from tests.support.making import a_run, all_planned, checkpoint, raw_row, vector
from tests.support.scripted import ITEMS, LISTING, Scripted
from tests.support.sites import Connected
from tests.support.tables import derived_rows

pytestmark = pytest.mark.django_db


def fresh(job: EtlJob) -> EtlJob:
    return EtlJob.objects.get(pk=job.pk)


def statuses() -> dict[str, str]:
    return dict(WorkItem.objects.filter(active=True).values_list("external_id", "status__external_id"))


def failed_sync(scripted: Scripted, *refused: str) -> EtlJobRun:
    """A sync in which the site refused those calls; now it does not any more."""
    scripted.world.refuses = set(refused)
    run = run_to_end(scripted.job)
    assert run.status == Overall.FAILED
    scripted.world.refuses = set()
    scripted.world.calls.clear()
    return run


def retried(scripted: Scripted) -> EtlJobRun:
    return worked_off(lifecycle.retry(scripted.job.pk, trigger="test"))


# What waits again


def test_units_of_all_stages_that_failed_wait_again_from_their_first_try_and_others_stay(scripted: Scripted) -> None:
    run = a_run(scripted.integration)
    units_of = {made: made(run, ITEMS, status="failed", tries=3, takes=5) for made in (checkpoint, raw_row, vector)}
    done = [made(run, ITEMS, status="completed", tries=1) for made in (checkpoint, raw_row, vector)]
    advance(all_planned(run).pk)
    assert fresh(scripted.job).overall == Overall.FAILED

    lifecycle.retry(scripted.job.pk, trigger="test")

    for unit in units_of.values():
        unit.refresh_from_db()
        assert (unit.status, unit.tries, unit.takes, unit.error_details) == ("pending", 0, 0, None)
    for other in done:
        other.refresh_from_db()
        assert (other.status, other.tries) == ("completed", 1)


def test_the_run_and_its_job_run_again_until_all_of_it_is_over(scripted: Scripted) -> None:
    scripted.project("1", 4)
    run = failed_sync(scripted, "items:1:0")
    assert fresh(scripted.job).error_message

    again = lifecycle.retry(scripted.job.pk, trigger="test")

    assert (again.pk, again.status, again.finished_at, again.error_message) == (run.pk, Overall.RUNNING, None, "")
    job = fresh(scripted.job)
    assert (job.overall, job.next_run, job.error_message) == (Overall.RUNNING, None, "")
    assert EtlJobEvent.objects.filter(run=run, message="retried by test").exists()
    over = worked_off(again)
    assert (over.status, over.errors_encountered, fresh(scripted.job).overall) == (Overall.FINISHED, 0, "FINISHED")
    assert EtlJobRun.objects.count() == 1


def test_a_partition_goes_on_behind_the_pages_that_it_has_and_its_watermark_is_kept(scripted: Scripted) -> None:
    scripted.project("1", 6)
    run = failed_sync(scripted, "items:1:1")

    retried(scripted)

    assert scripted.world.calls == ["items:1:1", "items:1:2"]
    assert len(statuses()) == 6
    assert set(watermarks.read(run.integration_id, ITEMS)) == {"project:1"}
    first = RawExtractionData.objects.filter(run=run).order_by("pk")[0]
    assert ExtractionCheckpoint.objects.get(run=run, step=ITEMS).first_answer_at is not None
    assert first.status == "completed"


def test_what_fails_again_fails_the_run_again_and_can_be_retried_again(scripted: Scripted) -> None:
    scripted.project("1", 2)
    failed_sync(scripted, "items:1:0")
    scripted.world.refuses = {"items:1:0"}

    assert retried(scripted).status == Overall.FAILED
    scripted.world.refuses = set()

    assert retried(scripted).status == Overall.FINISHED
    assert len(statuses()) == 2


def test_a_page_is_transformed_once_more_with_the_followup_that_failed(scripted: Scripted) -> None:
    scripted.world.page = 4
    scripted.project("1", 4)
    for number in ("1", "3"):
        scripted.world.items[number].cut = True
    failed_sync(scripted, "rest:3")
    assert statuses() == {"1": "5", "2": "1", "4": "1"}

    over = retried(scripted)

    assert scripted.world.calls == ["rest:3"]
    assert statuses() == {"1": "5", "2": "1", "3": "5", "4": "1"}
    assert (over.status, over.quarantined) == (Overall.FINISHED, 0)


def test_a_page_that_failed_itself_waits_with_what_completes_it(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted.world.page = 4
    scripted.project("1", 2)
    scripted.world.items["1"].cut = True
    with monkeypatch.context() as patch:
        patch.setattr("etl.transform.stage.load", _refusing)
        failed_sync(scripted)
    page, rest = RawExtractionData.objects.get(entity_type="items"), RawExtractionData.objects.get(entity_type="rest")
    assert page.status == "failed"

    retried(scripted)

    assert scripted.world.calls == []
    assert statuses() == {"1": "5", "2": "1"}
    for row in (page, rest):
        row.refresh_from_db()
        assert row.status == "completed"


def _refusing(*_: Any, **__: Any) -> None:
    raise Permanent("nothing can be loaded")


# What is planned again


def test_steps_that_were_planned_from_what_did_not_come_are_planned_again(connected: Connected) -> None:
    connected.server.faults = Faults(error_share=1.0)
    run = run_to_end(connected.job)
    assert (run.status, WorkItem.objects.count()) == (Overall.FAILED, 0)
    connected.server.faults = Faults()

    over = worked_off(lifecycle.retry(connected.job.pk, trigger="test"))

    assert (over.pk, over.status, over.error_message) == (run.pk, Overall.FINISHED, "")
    assert set(WorkItem.objects.values_list("key", flat=True)) == set(connected.site.keys())
    assert {step["embedding"] for step in fresh(connected.job).status["steps"].values()} == {"finished"}
    rows = derived_rows(connected.integration.pk)
    assert run_to_end(connected.job).status == Overall.FINISHED
    assert derived_rows(connected.integration.pk) == rows


def test_what_was_planned_and_read_already_is_not_read_again(connected: Connected) -> None:
    run = lifecycle.start(connected.job.pk, trigger="test")
    work_off(run, stages=(Stage.EXTRACTION, Stage.TRANSFORM))
    # As if the answer that lists the projects could not have been loaded.
    RawExtractionData.objects.filter(run=run, step="jira_projects_and_issue_types").update(status="failed")
    run = worked_off(run)
    assert run.status == Overall.FAILED
    partitions = ExtractionCheckpoint.objects.filter(run=run).count()
    calls = len(connected.server.requests)

    over = worked_off(lifecycle.retry(connected.job.pk, trigger="test"))

    assert over.status == Overall.FINISHED
    assert ExtractionCheckpoint.objects.filter(run=run).count() == partitions
    assert len(connected.server.requests) == calls


def test_a_repair_whose_listing_failed_in_part_repairs_all_when_it_is_retried(scripted: Scripted) -> None:
    scripted.project("1", 40)
    scripted.world.page = 20
    assert run_to_end(scripted.job).status == Overall.FINISHED
    scripted.world.items["1"].status = "5"
    scripted.world.items["40"].status = "5"
    del scripted.world.items["2"]
    scripted.world.refuses = {"listing:1:1"}
    run = worked_off(lifecycle.start_repair(scripted.job.pk, trigger="test"))
    assert (run.status, statuses()["1"], statuses()["40"]) == (Overall.FAILED, "5", "1")
    assert "2" in statuses()
    scripted.world.refuses = set()
    before = fresh(scripted.job).status

    over = worked_off(lifecycle.retry_run(run.pk, trigger="test"))

    assert (over.status, statuses()["40"]) == (Overall.FINISHED, "5")
    assert set(statuses()) == set(scripted.world.items)
    assert RawExtractionData.objects.filter(run=run, step=LISTING).count() == 2
    assert fresh(scripted.job).status == before


def test_a_run_of_a_webhook_is_retried_beside_its_job(scripted: Scripted) -> None:
    scripted.project("1", 2)
    scripted.world.refuses = {"ids:1"}
    run = lifecycle.request_items(scripted.integration, ["1"], trigger="webhook")
    advance(run.pk)
    assert worked_off(run).status == Overall.FAILED
    scripted.world.refuses = set()
    sync = lifecycle.start(scripted.job.pk, trigger="test")

    over = worked_off(lifecycle.retry_run(run.pk, trigger="test"))

    assert (over.status, statuses()) == (Overall.FINISHED, {"1": "1"})
    sync.refresh_from_db()
    assert (sync.status, fresh(scripted.job).overall) == (Overall.RUNNING, Overall.RUNNING)


# What is refused


def refusal(run: EtlJobRun) -> str:
    with pytest.raises(IllegalTransition) as refused:
        lifecycle.retry_run(run.pk, trigger="test")
    return str(refused.value)


def test_a_run_that_is_not_over_is_not_retried(scripted: Scripted) -> None:
    scripted.project("1", 2)
    run = lifecycle.start(scripted.job.pk, trigger="test")

    assert refusal(run) == f"run {run.pk} is RUNNING: what failed in it can be retried when it is over"


def test_a_run_that_was_stopped_or_in_which_nothing_failed_is_not_retried(scripted: Scripted) -> None:
    scripted.project("1", 2)
    stopped = lifecycle.start(scripted.job.pk, trigger="test")
    lifecycle.stop(scripted.job.pk)
    finished = run_to_end(scripted.job)

    assert refusal(stopped) == f"run {stopped.pk} was stopped: the next start takes up what is left of it"
    assert refusal(finished) == f"run {finished.pk} is FINISHED: nothing in it is to be retried"
    EtlJobRun.objects.filter(pk=finished.pk).update(errors_encountered=1)
    assert refusal(finished) == f"run {finished.pk} was ended early: the next start takes up what is left of it"


def test_a_run_whose_place_a_later_sync_has_taken_is_not_retried(scripted: Scripted) -> None:
    scripted.project("1", 2)
    run = failed_sync(scripted, "items:1:0")
    later = run_to_end(scripted.job)

    assert refusal(run).startswith(f"{later} (FINISHED) has taken the place of run {run.pk}: the next sync takes up")


def test_a_run_is_not_retried_while_another_one_of_its_integration_is_open(scripted: Scripted) -> None:
    scripted.project("1", 2)
    run = failed_sync(scripted, "items:1:0")
    other = lifecycle.create_job(scripted.integration, name="Another")
    lifecycle.start(other.pk, trigger="test")

    assert "has taken the place of run" in refusal(run)
    assert EtlJobRun.objects.get(pk=run.pk).status == Overall.FAILED


def test_a_run_of_which_nothing_is_left_is_not_retried(scripted: Scripted) -> None:
    scripted.project("1", 2)
    run = failed_sync(scripted, "items:1:0")
    ExtractionCheckpoint.objects.filter(run=run).update(status="cancelled")

    assert refusal(run) == f"run {run.pk} is FAILED: nothing that failed is left in it"
    assert EtlJobRun.objects.get(pk=run.pk).status == Overall.FAILED


def test_a_run_of_an_inactive_integration_is_not_retried_unless_it_calls_nobody(scripted: Scripted) -> None:
    scripted.project("1", 2)
    assert run_to_end(scripted.job).status == Overall.FINISHED
    Integration.objects.update(active=False)
    run = lifecycle.reprocess(scripted.job.pk, trigger="test")
    for row in RawExtractionData.objects.filter(run=run):
        lease = units.take(RawExtractionData, [row.pk])
        assert lease is not None
        units.fail(lease, "it cannot be loaded")
        advance(run.pk)

    assert retried(scripted).status == Overall.FINISHED
    EtlJobRun.objects.update(kind="sync", status="FAILED")
    assert "is inactive: activate it first" in refusal(run)


def test_what_failed_in_another_run_is_left_alone(scripted: Scripted) -> None:
    scripted.project("1", 2)
    other = a_run(scripted.integration, kind=RunKind.IMPORT)
    left = checkpoint(other, ITEMS, status="failed")
    failed_sync(scripted, "items:1:0")

    lifecycle.retry(scripted.job.pk, trigger="test")

    left.refresh_from_db()
    assert left.status == "failed"
