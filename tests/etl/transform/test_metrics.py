"""Flow metrics, worked out by hand. Times are in hours since the creation."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.transform.metrics import METRIC_NAMES, Change, FlowMetrics, flow_metrics
from integrations.records import Category
from tests.support.records import DOING, DONE, TODO, at

# Two statuses of each category, one without and one that nothing is known of ("unknown").
CATEGORIES = {"todo": TODO, "todo2": TODO, "doing": DOING, "doing2": DOING, "done": DONE, "done2": DONE, "none": None}
HOUR = 3600
# These can be negative: where the first start, or commitment, came after the last completion.
SPANS = ("total_cycle_time_seconds", "total_lead_time_seconds")
NOTHING: dict[str, Any] = {name: getattr(FlowMetrics(), name) for name in METRIC_NAMES}


def history(*path: str | tuple[float, str]) -> tuple[str, list[Change]]:
    """The first status, and the changes: an hour after one another, or at the hours that are named."""
    steps = [step if isinstance(step, tuple) else (number, step) for number, step in enumerate(path)]
    changes = [Change(at(hour), before[1], after) for before, (hour, after) in pairwise(steps)]
    return steps[0][1], changes


def metrics(*path: str | tuple[float, str]) -> FlowMetrics:
    first, changes = history(*path)
    return flow_metrics(at(0), changes[-1].to_id or "" if changes else first, changes, CATEGORIES)


def row(**expected: Any) -> dict[str, Any]:
    return {**NOTHING, **expected}


CASES: dict[str, tuple[Sequence[str | tuple[float, str]], dict[str, Any]]] = {
    "created in To Do, nothing since": (["todo"], row(work_first_committed_at=at(0))),
    "created In Progress, nothing since": (
        ["doing"],
        row(work_first_started_at=at(0), work_last_started_at=at(0), total_work_starts=1),
    ),
    "created in Done, nothing since": (
        ["done"],
        row(work_first_completed_at=at(0), work_last_completed_at=at(0), direct_completion=True),
    ),
    "created in a status without a category": (["none"], NOTHING),
    "created in a status that nothing is known of": (["unknown"], NOTHING),
    "the straight way": (
        ["todo", "doing", (5, "done")],
        row(
            work_first_committed_at=at(0), work_first_started_at=at(1), work_last_started_at=at(1),
            work_first_completed_at=at(5), work_last_completed_at=at(5), total_work_starts=1, total_completions=1,
            total_work_time_seconds=4 * HOUR, total_review_time_seconds=1 * HOUR, total_cycle_time_seconds=4 * HOUR,
            total_lead_time_seconds=5 * HOUR,
        ),
    ),
    "from To Do to To Do is no move": (
        ["todo", "todo2", (4, "todo")],
        row(work_first_committed_at=at(0), total_review_time_seconds=4 * HOUR),
    ),
    "within In Progress and within Done is no move": (
        ["doing", "doing2", "done", "done2"],
        row(
            work_first_started_at=at(0), work_last_started_at=at(0), work_first_completed_at=at(2),
            work_last_completed_at=at(2), total_work_starts=1, total_completions=1,
            total_work_time_seconds=2 * HOUR, total_cycle_time_seconds=2 * HOUR,
        ),
    ),
    "a return to To Do": (
        ["todo", "doing", "todo2", (6, "doing2"), (7, "done")],
        row(
            work_first_committed_at=at(0), work_first_started_at=at(1), work_last_started_at=at(6),
            work_first_completed_at=at(7), work_last_completed_at=at(7), total_work_starts=2, total_completions=1,
            total_backlog_returns=1, total_work_time_seconds=2 * HOUR, total_review_time_seconds=5 * HOUR,
            total_cycle_time_seconds=6 * HOUR, total_lead_time_seconds=7 * HOUR, workflow_complexity_score=2,
            rework_indicator=True,
        ),
    ),
    "reopened to In Progress and completed again": (
        ["todo", "doing", "done", (10, "doing"), (12, "done2")],
        row(
            work_first_committed_at=at(0), work_first_started_at=at(1), work_last_started_at=at(10),
            work_first_completed_at=at(2), work_last_completed_at=at(12), total_work_starts=2, total_completions=2,
            total_work_time_seconds=3 * HOUR, total_review_time_seconds=1 * HOUR, total_cycle_time_seconds=11 * HOUR,
            total_lead_time_seconds=12 * HOUR, workflow_complexity_score=1, rework_indicator=True,
        ),
    ),
    "reopened to To Do and left there": (
        ["doing", "done", "todo"],
        row(
            work_first_committed_at=at(2), work_first_started_at=at(0), work_last_started_at=at(0),
            work_first_completed_at=at(1), work_last_completed_at=at(1), total_work_starts=1, total_completions=1,
            total_backlog_returns=1, total_work_time_seconds=1 * HOUR, total_cycle_time_seconds=1 * HOUR,
            # Committed to only after its completion: a lead time below nothing.
            total_lead_time_seconds=-1 * HOUR, workflow_complexity_score=2,
        ),
    ),
    "straight from To Do to Done": (
        ["todo", (3, "done")],
        row(
            work_first_committed_at=at(0), work_first_completed_at=at(3), work_last_completed_at=at(3),
            total_completions=1, total_review_time_seconds=3 * HOUR, total_lead_time_seconds=3 * HOUR,
            direct_completion=True,
        ),
    ),
    "created in Done, reopened and completed": (
        ["done", "todo", "doing", (5, "done")],
        row(
            work_first_committed_at=at(1), work_first_started_at=at(2), work_last_started_at=at(2),
            work_first_completed_at=at(0), work_last_completed_at=at(5), total_work_starts=1, total_completions=1,
            total_backlog_returns=1, total_work_time_seconds=3 * HOUR, total_review_time_seconds=1 * HOUR,
            total_cycle_time_seconds=3 * HOUR, total_lead_time_seconds=4 * HOUR, workflow_complexity_score=2,
        ),
    ),
    "by an unknown status back into the same category is no move": (
        ["doing", (2, "none"), (7, "doing2"), (8, "done")],
        row(
            work_first_started_at=at(0), work_last_started_at=at(0), work_first_completed_at=at(8),
            work_last_completed_at=at(8), total_work_starts=1, total_completions=1,
            total_work_time_seconds=3 * HOUR, total_cycle_time_seconds=8 * HOUR,
        ),
    ),
    "by an unknown status into another category is one move": (
        ["todo", (2, "unknown"), (7, "doing")],
        row(
            work_first_committed_at=at(0), work_first_started_at=at(7), work_last_started_at=at(7),
            total_work_starts=1, total_review_time_seconds=2 * HOUR,
        ),
    ),
    "created in an unknown status, To Do after it is no return": (
        ["none", (1, "todo"), (2, "doing")],
        row(
            work_first_committed_at=at(1), work_first_started_at=at(2), work_last_started_at=at(2),
            total_work_starts=1, total_review_time_seconds=1 * HOUR,
        ),
    ),
    "all at one instant": (
        [(0, "todo"), (3, "doing"), (3, "done"), (3, "doing"), (3, "done")],
        row(
            work_first_committed_at=at(0), work_first_started_at=at(3), work_last_started_at=at(3),
            work_first_completed_at=at(3), work_last_completed_at=at(3), total_work_starts=2, total_completions=2,
            total_review_time_seconds=3 * HOUR, total_cycle_time_seconds=0, total_lead_time_seconds=3 * HOUR,
            workflow_complexity_score=1, rework_indicator=True,
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_metrics_are_as_worked_out_by_hand(name: str) -> None:
    path, expected = CASES[name]

    assert asdict(metrics(*path)) == expected


def test_there_are_fifteen_metrics() -> None:
    assert len(METRIC_NAMES) == 15


def test_the_history_tells_the_first_status_and_not_the_current_one() -> None:
    _, changes = history("todo", "doing")

    assert flow_metrics(at(0), "done", changes, CATEGORIES) == metrics("todo", "doing")


def test_a_change_that_names_no_status_is_a_change_to_an_unknown_one() -> None:
    changes = [Change(at(1), None, "doing"), Change(at(2), "doing", None), Change(at(5), None, "done")]

    found = flow_metrics(at(0), "done", changes, CATEGORIES)

    assert (found.work_first_started_at, found.total_completions, found.total_work_time_seconds) == (at(1), 1, HOUR)


def test_fractions_of_seconds_are_left_out_and_a_change_before_the_creation_takes_no_time() -> None:
    changes = [Change(at(-1), "todo", "doing"), Change(at(-1 + 1.9 / HOUR), "doing", "done")]

    found = flow_metrics(at(0), "done", changes, CATEGORIES)

    assert (found.total_review_time_seconds, found.total_work_time_seconds) == (0, 1)


def test_the_mapping_decides_and_not_the_name_of_a_status() -> None:
    _, changes = history("done", "todo")

    found = flow_metrics(at(0), "todo", changes, {"done": Category.IN_PROGRESS, "todo": Category.DONE})

    assert (found.total_work_starts, found.total_completions, found.total_backlog_returns) == (1, 1, 0)


_STATUSES = st.sampled_from([*CATEGORIES, "unknown"])
# Whole hours, so that sums are exact; 0 puts a change at the same instant as the one before.
_PATHS = st.lists(st.tuples(st.integers(0, 9), _STATUSES), min_size=1, max_size=12)


def along(path: Sequence[tuple[int, str]]) -> list[tuple[float, str]]:
    """The hours of each step, from the hours between them; the first is the creation."""
    hours = 0
    steps: list[tuple[float, str]] = [(0, path[0][1])]
    for gap, status in path[1:]:
        hours += gap
        steps.append((hours, status))
    return steps


@given(path=_PATHS)
def test_counts_and_times_are_never_negative_and_times_no_longer_than_the_history(
    path: list[tuple[int, str]],
) -> None:
    steps = along(path)
    found = metrics(*steps)

    assert all(value >= 0 for name, value in asdict(found).items() if type(value) is int and name not in SPANS)
    assert found.total_work_time_seconds + found.total_review_time_seconds <= steps[-1][0] * HOUR


@given(path=_PATHS)
def test_metrics_agree_with_each_other(path: list[tuple[int, str]]) -> None:
    found = metrics(*along(path))

    assert (found.total_work_starts > 0) == (found.work_first_started_at is not None)
    assert found.rework_indicator == (found.total_work_starts > 1)
    assert found.direct_completion == (found.work_last_completed_at is not None and found.total_work_starts == 0)
    assert found.workflow_complexity_score == max(0, 2 * found.total_backlog_returns + found.total_completions - 1)
    assert (found.total_cycle_time_seconds is None) == (
        found.work_first_started_at is None or found.work_last_completed_at is None
    )
    for first, last in (
        (found.work_first_started_at, found.work_last_started_at),
        (found.work_first_completed_at, found.work_last_completed_at),
    ):
        assert first == last or (first is not None and last is not None and first < last)


@given(path=_PATHS)
def test_moves_are_as_many_as_the_known_categories_that_follow_one_another(path: list[tuple[int, str]]) -> None:
    found = metrics(*along(path))

    known = [CATEGORIES[status] for _, status in path if CATEGORIES.get(status)]
    moves = [after for before, after in pairwise([None, *known]) if before is not after]
    created = CATEGORIES.get(path[0][1])
    assert found.total_work_starts == moves.count(DOING)
    assert found.total_completions == moves.count(DONE) - (created is DONE)
    assert found.total_backlog_returns == moves.count(TODO) - (bool(moves) and moves[0] is TODO)


@given(path=_PATHS, place=st.integers(0, 12))
def test_passing_through_another_status_of_the_same_category_changes_nothing(
    path: list[tuple[int, str]], place: int
) -> None:
    steps = along(path)
    place = min(place, len(steps) - 1)
    hour, status = steps[place]
    twin = {"todo": "todo2", "doing": "doing2", "done": "done2"}.get(status, status)
    longer = [*steps[: place + 1], (hour, twin), (hour, status), *steps[place + 1 :]]

    assert metrics(*longer) == metrics(*steps)


@given(path=_PATHS, later=st.integers(1, 1000))
def test_the_time_in_the_status_that_an_item_is_in_now_counts_nowhere(path: list[tuple[int, str]], later: int) -> None:
    steps = along(path)
    stays = metrics(*steps)
    leaves = metrics(*steps, (steps[-1][0] + later, "unknown"))

    spent = (leaves.total_work_time_seconds - stays.total_work_time_seconds) + (
        leaves.total_review_time_seconds - stays.total_review_time_seconds
    )
    assert spent == (later * HOUR if CATEGORIES.get(steps[-1][1]) in (TODO, DOING) else 0)
