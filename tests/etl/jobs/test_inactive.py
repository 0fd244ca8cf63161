"""An inactive integration: its runs end with a warning, and the sync after it loses nothing."""

import pytest

from etl import pipeline
from etl.extraction.stage import extract
from etl.jobs import discovery, lifecycle, units, watermarks
from etl.jobs.sweep import sweep
from etl.models import EtlJob, EtlJobEvent, EtlJobRun, ExtractionCheckpoint, Overall, QdrantVector, WorkItem
from etl.queue.topology import Stage
from integrations.models import Integration
from tests.support.brokers import RecordingBroker
from tests.support.driving import run_to_end, waiting, worked_off
from tests.support.making import an_integration, job_of
from tests.support.scripted import ITEMS, Scripted
from tests.support.sites import Connected
from tests.support.tables import derived_rows
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db
WARNING = "integration Scripted is inactive"


def switch(*, active: bool) -> None:
    Integration.objects.update(active=active)


def fresh(job: EtlJob) -> EtlJob:
    return EtlJob.objects.get(pk=job.pk)


def begun(scripted: Scripted) -> EtlJobRun:
    """A sync with one page of two stored, and nothing loaded."""
    scripted.project("1", 4)
    run = lifecycle.start(scripted.job.pk, trigger="test")
    (unit,) = waiting(run.pk, Stage.EXTRACTION)
    pipeline.handle(Stage.EXTRACTION, [unit])
    return run


@pytest.mark.usefixtures("page_by_page")
@pytest.mark.parametrize("paused", [False, True])
def test_its_open_run_is_finished_with_a_warning_and_what_waits_is_cancelled(scripted: Scripted, paused: bool) -> None:
    run = begun(scripted)
    if paused:
        lifecycle.pause(scripted.job.pk)
    switch(active=False)

    assert lifecycle.end_inactive() == 1

    run.refresh_from_db()
    assert (run.status, run.warning, run.api_calls_made) == (Overall.FINISHED, WARNING, 1)
    assert run.finished_at is not None
    assert set(ExtractionCheckpoint.objects.values_list("status", flat=True)) == {"cancelled"}
    job = fresh(scripted.job)
    assert (job.overall, job.last_run_finished_at, job.last_sync_date) == (Overall.FINISHED, run.finished_at, None)
    assert EtlJobEvent.objects.get(run=run, level="warning").message == WARNING
    assert lifecycle.end_inactive() == 0


@pytest.mark.usefixtures("page_by_page")
def test_no_watermark_runs_ahead_and_the_next_sync_reads_what_was_left(scripted: Scripted) -> None:
    begun(scripted)
    switch(active=False)
    lifecycle.end_inactive()
    assert watermarks.read(scripted.integration.pk, ITEMS) == {}
    for _ in range(30):
        lifecycle.skip_inactive(scripted.job, trigger="schedule")
    switch(active=True)
    scripted.world.calls.clear()

    run = run_to_end(scripted.job)

    assert scripted.world.calls == ["items:1:1"]
    assert (run.status, WorkItem.objects.count()) == (Overall.FINISHED, 4)
    assert set(watermarks.read(scripted.integration.pk, ITEMS)) == {"project:1"}


def test_wherever_it_becomes_inactive_the_sync_after_it_loses_nothing(connected: Connected) -> None:
    for units_handled in (1, 2, 4, 8, 16):
        run = lifecycle.start(connected.job.pk, trigger="test")
        for _ in range(units_handled):
            stage = next(stage for stage in reversed(list(Stage)) if waiting(run.pk, stage))
            pipeline.handle(stage, waiting(run.pk, stage)[:1])
        switch(active=False)
        assert lifecycle.end_inactive() == 1
        switch(active=True)

    assert run_to_end(connected.job).status == Overall.FINISHED

    rows = derived_rows(connected.integration.pk)
    assert set(WorkItem.objects.values_list("key", flat=True)) == set(connected.site.keys())
    assert set(QdrantVector.objects.values_list("status", flat=True)) == {"completed"}
    assert run_to_end(connected.job, {"full_sync": True}).status == Overall.FINISHED
    assert derived_rows(connected.integration.pk) == rows


def test_a_unit_in_hand_may_commit_and_what_it_brings_forth_is_born_cancelled(scripted: Scripted) -> None:
    scripted.project("1", 1)
    run = lifecycle.start(scripted.job.pk, trigger="test")
    lease = units.take(ExtractionCheckpoint, waiting(run.pk, Stage.EXTRACTION))
    assert lease is not None
    switch(active=False)
    lifecycle.end_inactive()

    list(extract(lease))

    assert waiting(run.pk, Stage.TRANSFORM) == []
    switch(active=True)
    scripted.world.calls.clear()
    run_to_end(scripted.job)
    assert WorkItem.objects.count() == 1
    assert watermarks.read(scripted.integration.pk, ITEMS)


def test_what_a_unit_in_hand_puts_back_is_cancelled_by_the_sweep(
    scripted: Scripted, recording: RecordingBroker
) -> None:
    scripted.project("1", 1)
    run = lifecycle.start(scripted.job.pk, trigger="test")
    lease = units.take(ExtractionCheckpoint, waiting(run.pk, Stage.EXTRACTION))
    assert lease is not None
    switch(active=False)
    lifecycle.end_inactive()
    units.retry(lease, 0, "the site was away")

    sweep()

    assert ExtractionCheckpoint.objects.get(pk=lease.id).status == "cancelled"


def test_runs_of_other_kinds_that_call_the_site_end_too_but_reprocessing_goes_on(scripted: Scripted) -> None:
    scripted.project("1", 2)
    assert run_to_end(scripted.job).status == Overall.FINISHED
    repair = lifecycle.start_repair(scripted.job.pk, trigger="test")
    webhook = lifecycle.request_items(scripted.integration, ["1"], trigger="webhook")
    reprocessing = lifecycle.reprocess(scripted.job.pk, trigger="test")
    switch(active=False)

    assert lifecycle.end_inactive() == 2

    for run in (repair, webhook):
        run.refresh_from_db()
        assert (run.status, run.warning) == (Overall.FINISHED, WARNING)
    assert fresh(scripted.job).overall == Overall.RUNNING
    assert worked_off(reprocessing).status == Overall.FINISHED


def test_a_discovery_that_waits_ends_too(recording: RecordingBroker) -> None:
    job = job_of(an_integration())
    run = discovery.request(job, "test")
    switch(active=False)

    lifecycle.end_inactive()

    run.refresh_from_db()
    assert (run.status, run.warning) == (Overall.FINISHED, "integration Jira is inactive")
    assert fresh(job).overall == Overall.NOT_STARTED


@pytest.mark.django_db(transaction=True)
def test_of_several_schedulers_one_ends_the_run(scripted: Scripted) -> None:
    scripted.project("1", 2)
    lifecycle.start(scripted.job.pk, trigger="test")
    switch(active=False)

    assert sorted(at_once(*[lifecycle.end_inactive] * 3)) == [0, 0, 1]
    assert EtlJobEvent.objects.filter(level="warning").count() == 1
