"""Interruptions and deletions on a sandbox site, with the real provider."""

import pytest

from etl import pipeline
from etl.jobs import lifecycle
from etl.models import ExtractionCheckpoint, Overall, RunKind, WorkItem
from etl.queue.topology import Stage
from tests.support.driving import run_to_end, waiting, work_off
from tests.support.making import ISSUES
from tests.support.sites import Connected

pytestmark = pytest.mark.django_db


def test_a_sync_that_is_stopped_in_a_project_goes_on_and_loads_every_issue_once(connected: Connected) -> None:
    run = lifecycle.start(connected.job.pk, trigger="test")
    while not ExtractionCheckpoint.objects.filter(run=run, step=ISSUES, pages__gt=0).exists():
        stage = next(stage for stage in Stage if waiting(run.pk, stage))
        pipeline.handle(stage, waiting(run.pk, stage)[:1])
    lifecycle.stop(connected.job.pk)
    calls = ExtractionCheckpoint.objects.get(run=run, step=ISSUES, pages__gt=0)

    following = run_to_end(connected.job)

    calls.refresh_from_db()
    assert following.status == Overall.FINISHED
    assert (calls.run_id, calls.status) == (following.pk, "completed")
    assert set(WorkItem.objects.values_list("key", flat=True)) == set(connected.site.keys())


def test_an_issue_that_was_deleted_is_found_by_a_repair(connected: Connected) -> None:
    run_to_end(connected.job)
    key = connected.site.keys()[0]
    connected.site.delete_issue(key)

    run = lifecycle.start_repair(connected.job.pk, trigger="test")
    work_off(run)

    assert (run.kind, run.status, run.warning) == (RunKind.REPAIR, Overall.FINISHED, "")
    assert list(WorkItem.objects.exclude(deleted_at=None).values_list("key", flat=True)) == [key]
