"""Loads at the same time, in threads with connections of their own."""

import random
from collections.abc import Callable

import pytest

from custommapping.models import ProjectStatus
from etl.load.merging import Source
from etl.models import WorkItem
from integrations.records import Batch, ProjectStatuses, WorkItemRecord
from tests.support.loading import Loading, offline_integration
from tests.support.records import STATUSES, at, issue, items, moved, statuses
from tests.support.tables import derived_rows
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)

WAYS = (("1",), ("1", "3"), ("1", "3", "5"), ("1", "3", "1", "4"), ("1", "2", "5"))


@pytest.fixture
def loading() -> Loading:
    loading = Loading.of(offline_integration())
    loading.load(statuses(*STATUSES.values()))
    return loading


def pages(shuffle: random.Random) -> list[Batch]:
    """Every version of thirty issues, each with a parent, on pages in no order."""
    records: list[WorkItemRecord] = [
        moved(str(number), *way, summary=f"Issue {number} at {len(way)}", parent_id=str((number + 7) % 30))
        for number in range(30)
        for way in WAYS
        # Two ways are of the same length: one version of an issue has one content.
        if way != WAYS[2 if number % 2 else 4]
    ]
    shuffle.shuffle(records)
    return [items(*records[start : start + 10]) for start in range(0, len(records), 10)]


def load_all(loading: Loading, work: list[tuple[Batch, Source]]) -> Callable[[], None]:
    def run() -> None:
        for batch, source in work:
            loading.load(batch, source)

    return run


@pytest.mark.parametrize("seed", range(3))
def test_two_threads_loading_versions_of_the_same_issues_in_no_order_give_the_rows_of_one(
    loading: Loading, seed: int
) -> None:
    straight = Loading.of(offline_integration("Globex"))
    straight.load(statuses(*STATUSES.values()))
    batches = pages(random.Random(seed))
    for batch in sorted(batches, key=repr):
        straight.load(batch)
    work = [(batch, loading.source()) for batch in batches]

    at_once(load_all(loading, work[::2]), load_all(loading, work[1::2]))

    assert without_parents(loading) == without_parents(straight)
    assert WorkItem.objects.filter(integration=loading.integration).count() == 30


def without_parents(loading: Loading) -> dict[str, list[dict[str, object]]]:
    """Parents of items loaded side by side are linked at the step's end."""
    rows = derived_rows(loading.integration.pk)
    rows["work_items"] = [{**row, "parent_id": None} for row in rows["work_items"]]
    return rows


def used(*status_ids: str) -> Batch:
    return Batch(project_statuses=[ProjectStatuses("100", status_ids)])


def test_two_lists_of_one_projects_statuses_at_once_leave_the_newer_one(loading: Loading) -> None:
    loading.load(items(issue()))
    older, newer = loading.source(at(1)), loading.source(at(2))

    at_once(
        load_all(loading, [(used("1", "2", "3"), older)] * 5),
        load_all(loading, [(used("3", "4"), newer)]),
    )

    assert set(ProjectStatus.objects.values_list("status__external_id", flat=True)) == {"3", "4"}


def test_an_old_answer_read_again_beside_a_newer_one_takes_no_changelog_of_it_away(loading: Loading) -> None:
    old = items(*[moved(str(number), "1", "3") for number in range(20)])
    new = items(*[moved(str(number), "1", "3", "5") for number in range(20)])
    first, second = loading.source(), loading.source()
    loading.load(old, first)

    at_once(load_all(loading, [(old, first)] * 4), load_all(loading, [(new, second)]))

    rows = derived_rows(loading.integration.pk)["changelogs"]
    assert len(rows) == 40
    assert set(WorkItem.objects.values_list("total_completions", flat=True)) == {1}
