"""The main job on a sandbox site, driven without a queue."""

import random

import pytest

from custommapping.models import Project, ProjectStatus, ProjectWit, Status, Wit
from etl.jobs import lifecycle
from etl.models import Changelog, Overall, QdrantVector, RawExtractionData, WorkItem, WorkItemPrLink
from tests.support.driving import run_to_end, work_off
from tests.support.sites import Connected
from tests.support.tables import derived_rows, versions

pytestmark = pytest.mark.django_db


def forget_derived() -> None:
    """Removes all that was ever made of the answers."""
    WorkItem.objects.update(parent=None)
    for model in (WorkItemPrLink, Changelog, WorkItem, ProjectWit, ProjectStatus, Status, Wit, Project):
        model.objects.all().delete()


def test_a_sync_loads_every_issue_and_embeds_every_row(connected: Connected) -> None:
    run = run_to_end(connected.job)

    assert (run.status, run.error_message, run.warning) == (Overall.FINISHED, "", "")
    assert set(WorkItem.objects.values_list("key", flat=True)) == set(connected.site.keys())
    assert set(QdrantVector.objects.values_list("status", flat=True)) == {"completed"}
    assert run.api_calls_made == RawExtractionData.objects.count()


def test_a_second_sync_of_an_unchanged_site_writes_no_derived_row(connected: Connected) -> None:
    run_to_end(connected.job)
    before = versions(connected.integration.pk)

    run = run_to_end(connected.job, {"full_sync": True})

    assert run.status == Overall.FINISHED
    assert run.vectorization_queued == 0
    assert versions(connected.integration.pk) == before


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_stored_answers_transformed_in_any_order_give_the_same_rows(connected: Connected, seed: int) -> None:
    run_to_end(connected.job)
    first, second = connected.site.keys()[:2]
    connected.site.edit_issue(first, summary="A summary that came later")
    connected.site.edit_issue(second, status="In Progress")
    run_to_end(connected.job)
    expected = derived_rows(connected.integration.pk)
    forget_derived()

    run = lifecycle.reprocess(connected.job.pk, trigger="test")
    work_off(run, shuffle=random.Random(seed))

    assert run.status == Overall.FINISHED
    assert derived_rows(connected.integration.pk) == expected
    assert WorkItem.objects.get(key=first).summary == "A summary that came later"


def test_reprocessing_writes_nothing_where_everything_is_right_already(connected: Connected) -> None:
    run_to_end(connected.job)
    before = versions(connected.integration.pk)

    run = lifecycle.reprocess(connected.job.pk, trigger="test")
    work_off(run)

    assert run.status == Overall.FINISHED
    assert versions(connected.integration.pk) == before
