"""Reasons: what metrics are said to be computed from gives the metrics, whatever the history is."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.transform.metrics import METRIC_NAMES, Change, flow_metrics
from etl.transform.pr_metrics import pr_metrics
from etl.transform.reasons import CREATION, Reasons, pr_reasons, reasons
from integrations.records import PullRequestRecord
from tests.etl.transform.test_metrics import CATEGORIES, along, history
from tests.etl.transform.test_pr_metrics import PULL_REQUESTS
from tests.support.records import DOING, DONE, TODO, at

_PATHS = st.lists(st.tuples(st.integers(0, 9), st.sampled_from([*CATEGORIES, "unknown"])), min_size=1, max_size=12)


def explained(path: Sequence[tuple[int, str]]) -> tuple[Reasons, list[Change]]:
    first, changes = history(*along(path))
    return reasons(at(0), changes[-1].to_id or "" if changes else first, changes, CATEGORIES), changes


def times_of(name: str, found: Reasons, changes: Sequence[Change]) -> list[datetime]:
    return [at(0) if place == CREATION else changes[place].at for place in found.moves_of[name]]


@given(path=_PATHS)
def test_the_metrics_that_are_explained_are_those_that_are_stored(path: list[tuple[int, str]]) -> None:
    found, changes = explained(path)

    status = changes[-1].to_id or "" if changes else path[0][1]
    assert found.metrics == flow_metrics(at(0), status, changes, CATEGORIES)


@given(path=_PATHS)
def test_dates_are_those_of_the_one_move_that_is_named(path: list[tuple[int, str]]) -> None:
    found, changes = explained(path)

    for name in METRIC_NAMES:
        if name.endswith("_at"):
            value = getattr(found.metrics, name)
            assert times_of(name, found, changes) == ([] if value is None else [value]), name


@given(path=_PATHS)
def test_counts_are_how_many_moves_are_named_and_each_of_these_enters_what_is_counted(
    path: list[tuple[int, str]],
) -> None:
    found, changes = explained(path)

    counted = {"total_work_starts": DOING, "total_completions": DONE, "total_backlog_returns": TODO}
    for name, category in counted.items():
        places = found.moves_of[name]
        assert len(places) == getattr(found.metrics, name), name
        entered = [path[0][1] if place == CREATION else changes[place].to_id for place in places]
        assert {CATEGORIES.get(status or "") for status in entered} <= {category}, name


@given(path=_PATHS)
def test_times_are_the_sum_of_the_stays_that_are_named(path: list[tuple[int, str]]) -> None:
    found, _ = explained(path)

    for name, category in (("total_work_time_seconds", DOING), ("total_review_time_seconds", TODO)):
        stays = [found.stays[number] for number in found.stays_of[name]]
        seconds = [(stay.until - stay.since).total_seconds() for stay in stays if stay.until]
        assert sum(seconds) == getattr(found.metrics, name)
        assert {stay.category for stay in stays} <= {category}


@given(path=_PATHS)
def test_spans_between_moves_name_both_ends(path: list[tuple[int, str]]) -> None:
    found, changes = explained(path)

    ends = {
        "total_cycle_time_seconds": ("work_first_started_at", "work_last_completed_at"),
        "total_lead_time_seconds": ("work_first_committed_at", "work_last_completed_at"),
    }
    for name, (first, last) in ends.items():
        value = getattr(found.metrics, name)
        if value is not None:
            told = {getattr(found.metrics, first), getattr(found.metrics, last)}
            assert set(times_of(name, found, changes)) == told
            assert abs(value) == (max(told) - min(told)).total_seconds()


@given(path=_PATHS)
def test_stays_follow_one_another_from_the_creation_to_the_present_status(path: list[tuple[int, str]]) -> None:
    found, changes = explained(path)

    assert [stay.status_id for stay in found.stays] == [status for _, status in path]
    assert [stay.since for stay in found.stays] == [at(0), *(change.at for change in changes)]
    assert [stay.until for stay in found.stays] == [*(change.at for change in changes), None]
    assert [stay.left for stay in found.stays] == [*range(len(changes)), None]


def test_the_later_of_two_moves_at_one_instant_is_the_last_one() -> None:
    _, changes = history((0, "todo"), (3, "doing"), (3, "done"), (3, "doing"), (3, "done"))

    found = reasons(at(0), "done", changes, CATEGORIES)

    assert found.moves_of["work_last_started_at"] == [2]
    assert found.moves_of["work_last_completed_at"] == [3]
    assert found.moves_of["work_first_completed_at"] == [1]


@pytest.mark.parametrize("name", ["rework_indicator", "workflow_complexity_score"])
def test_what_follows_from_counts_names_the_moves_that_were_counted(name: str) -> None:
    _, changes = history("todo", "doing", "todo", "doing", "done")

    found = reasons(at(0), "done", changes, CATEGORIES)

    assert found.moves_of[name] == {"rework_indicator": [0, 2], "workflow_complexity_score": [1, 3]}[name]


@given(record=PULL_REQUESTS)
def test_pull_requests_are_explained_with_what_is_stored(record: PullRequestRecord) -> None:
    found = pr_reasons(record)

    assert asdict(found.metrics) == asdict(pr_metrics(record))
    numbers = [number for _, number in found.reviews]
    assert numbers == sorted(numbers)
    assert max(numbers, default=0) == found.metrics.review_rounds
    assert [review.submitted for review, _ in found.reviews][:1] == (
        [found.metrics.first_review_at] if found.metrics.first_review_at else []
    )
    commit = found.first_commit
    assert (commit and (commit.authored or commit.committed)) == found.metrics.first_commit_at
