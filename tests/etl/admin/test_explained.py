"""Explanations of metrics: the figures are the stored ones, whatever the history is, and say what they are from."""

import random
from typing import Any

import pytest
from django.test import Client

from etl.admin.explained import ITEM_FIGURES, PR_FIGURES, Explained, explain_item, explain_pr, in_words
from etl.models import Changelog, Pr, WorkItem
from etl.transform.metrics import METRIC_NAMES
from etl.transform.pr_metrics import PR_METRIC_NAMES
from integrations.records import WorkItemRecord
from tests.etl.admin import addresses
from tests.etl.admin.rows import Rows
from tests.support.loading import Loading, offline_integration
from tests.support.records import (
    STATUSES,
    at,
    change,
    commit,
    issue,
    items,
    moved,
    pull_request,
    pulls,
    review,
    statuses,
)

DRAWN = 40


@pytest.fixture
def loading(acme: Rows) -> Loading:
    loading = Loading.of(offline_integration(acme.tenant.name))
    loading.load(statuses(*STATUSES.values()))
    return loading


def wandering(number: int) -> WorkItemRecord:
    """An item of a random history: also through a status that nobody knows, and several at one instant."""
    draw = random.Random(number)
    path = [draw.choice([*STATUSES, "77"]) for _ in range(draw.randint(1, 12))]
    hours = sorted(draw.choice([0.5, 2, 3.25, 100, draw.uniform(0, 300)]) for _ in path[1:])
    changes = tuple(change(n, hour, path[n - 1], path[n]) for n, hour in enumerate(hours, 1))
    end = path[-1] if path[-1] in STATUSES else "1"
    return issue(str(number), status=end, changes=changes, version=300)


def figures(found: Explained) -> dict[str, Any]:
    return {figure.name: figure for figure in found.figures}


def test_the_figures_explained_are_the_stored_ones_for_random_histories(loading: Loading) -> None:
    loading.load(items(*(wandering(number) for number in range(DRAWN))))

    for item in WorkItem.objects.all():
        found = explain_item(item)
        assert [figure.name for figure in found.figures] == list(METRIC_NAMES)
        assert [figure.name for figure in found.figures if figure.differs] == [], item.external_id
        assert found.line is not None
        assert len(found.line.spans) == item.changelogs.count() + 1


def test_the_figures_explained_are_the_stored_ones_for_random_pull_requests(loading: Loading) -> None:
    for number in range(DRAWN):
        draw = random.Random(number)
        record = pull_request(
            str(number + 1),
            commits=tuple(commit(100 * number + n, draw.uniform(-50, 50)) for n in range(draw.randint(0, 5))),
            reviews=tuple(
                review(
                    100 * number + n, draw.uniform(0, 60), draw.choice(["ann", "bob", None]), bot=draw.random() < 0.2
                )
                for n in range(draw.randint(0, 6))
            ),
            merged=at(60) if draw.random() < 0.6 else None,
            additions=draw.randint(0, 900),
        )
        loading.load(pulls(record))

    for pr in Pr.objects.all():
        found = explain_pr(pr)
        assert [figure.name for figure in found.figures] == list(PR_METRIC_NAMES)
        assert [figure.name for figure in found.figures if figure.differs] == [], pr.number


def test_every_metric_has_a_title_and_says_what_it_is() -> None:
    assert list(ITEM_FIGURES) == list(METRIC_NAMES)
    assert list(PR_FIGURES) == list(PR_METRIC_NAMES)


def test_a_figure_names_the_entries_that_it_was_computed_from(loading: Loading) -> None:
    loading.load(items(moved("1", "1", "3", "1", "3", "5")))

    found = figures(explain_item(loading.item()))

    cycle = found["total_cycle_time_seconds"]
    assert (cycle.value, [entry.text for entry in cycle.entries]) == (
        "3 h",
        ["Backlog → Building", "Building → Closed"],
    )
    first = Changelog.objects.get(external_id="1")
    assert (cycle.entries[0].at, cycle.entries[0].address) == (at(1), addresses.page_of(first))
    assert [entry.text for entry in found["work_first_committed_at"].entries] == ["created in Backlog"]
    assert [entry.text for entry in found["total_work_time_seconds"].entries] == ["Building: 1 h, until"] * 2
    assert list(cycle.stays) == [1, 2, 3]


def test_a_figure_that_is_not_what_its_entries_give_says_so(loading: Loading, viewer: Client) -> None:
    loading.load(items(moved("1", "1", "3", "5")))
    WorkItem.objects.update(total_work_starts=9)

    figure = figures(explain_item(loading.item()))["total_work_starts"]

    assert (figure.value, figure.computed, figure.differs) == ("9", "1", True)
    content = viewer.get(addresses.page_of(loading.item())).content.decode()
    assert "Computed from what is stored today it is 1" in " ".join(content.split())


def test_the_time_line_says_what_each_piece_is_and_how_long_it_lasted(loading: Loading, viewer: Client) -> None:
    loading.load(items(moved("1", "1", "3", "5")))

    line = explain_item(loading.item()).line

    assert line is not None
    shown = [(span.title, span.kind, span.since, span.until) for span in line.spans]
    assert shown == [
        ("Backlog", "To Do", at(0), at(1)),
        ("Building", "In Progress", at(1), at(2)),
        ("Closed", "Done", at(2), None),
    ]
    assert line.spans[1].left == pytest.approx(line.spans[0].width)
    assert sum(span.width for span in line.spans) == pytest.approx(100)
    content = viewer.get(addresses.page_of(loading.item())).content.decode()
    assert 'aria-label="Building, In Progress: 2024-03-01 10:00 to 2024-03-01 11:00, 1 h"' in content


def test_a_history_that_nobody_would_read_is_not_explained(loading: Loading, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("etl.admin.explained.MOST_CHANGES", 1)
    loading.load(items(moved("1", "1", "3", "5")))

    found = explain_item(loading.item())

    assert found.figures == ()
    assert "more than 1 times" in found.problem


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3661, "1 h 1 min"),
        (3601, "1 h"),
        (273_600, "3 d 4 h"),
        (-3600, "−1 h"),
    ],
)
def test_durations_are_told_by_their_two_largest_units(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
