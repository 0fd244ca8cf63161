"""How long a run takes yet, from how far it has come."""

from datetime import UTC, datetime, timedelta

import pytest

from etl.history.rates import StageSoFar, StepSoFar, loaded_share, pages_expected, seconds_left, step_seconds_left
from etl.history.spans import seconds, since


def stage(done: float, known: float | None, seconds: float = 10, *, over: bool = False) -> StageSoFar:
    return StageSoFar(done, known, seconds, over)


IDLE = stage(0, 0, 0)


def step(*stages: StageSoFar, begun: bool = True, fed: float = 1, usual: float | None = None) -> StepSoFar:
    return StepSoFar(begun, fed, stages, usual)


def ended(units: float = 4) -> StageSoFar:
    return stage(units, units, over=True)


@pytest.mark.parametrize(
    ("partitions", "open_partitions", "pages", "open_pages", "expected"),
    [
        (4, 0, 12, 0, 12),
        (0, 4, 12, 12, None),
        # Two ended after 10 pages each; of two others 4 pages have come.
        (2, 2, 24, 4, 40),
        # What is open is longer already than what has ended.
        (2, 1, 50, 30, 51),
    ],
)
def test_what_is_open_is_expected_to_be_as_long_as_what_has_ended(
    partitions: int, open_partitions: int, pages: int, open_pages: int, expected: float | None
) -> None:
    assert pages_expected(partitions, open_partitions, pages, open_pages) == expected


def test_half_of_the_work_takes_as_long_again() -> None:
    assert step_seconds_left(step(stage(50, 100, 30))) == 30


def test_a_step_takes_as_long_as_its_slowest_stage() -> None:
    # A quarter is fetched in 10 s; a half of that is loaded in 8 s: an eighth of all.
    assert step_seconds_left(step(stage(25, 100, 10), stage(5, 10, 8))) == 56


def test_what_is_known_of_a_stage_grows_as_long_as_the_one_before_it_goes_on() -> None:
    assert loaded_share([stage(25, 100), stage(10, 10)]) == 0.25
    assert loaded_share([ended(), stage(10, 10)]) == 1
    assert loaded_share([ended(), stage(10, 40)]) == 0.25


def test_a_stage_to_which_nothing_has_come_holds_nothing_up() -> None:
    assert step_seconds_left(step(stage(1, 2, 5), IDLE, IDLE)) == 5


@pytest.mark.parametrize("first", [stage(0, 5), stage(3, None)])
def test_nothing_can_be_told_before_anything_is_done_or_where_its_size_is_unknown(first: StageSoFar) -> None:
    assert step_seconds_left(step(first, IDLE, IDLE)) is None
    assert seconds_left([step(first)]) is None


def test_a_step_that_is_over_takes_no_time() -> None:
    assert step_seconds_left(step(ended(), ended(), stage(0, 0, over=True))) == 0


def test_what_has_begun_goes_on_side_by_side_and_the_rest_comes_after() -> None:
    running = [step(stage(1, 2, 30)), step(stage(1, 2, 12))]
    later = [step(IDLE, begun=False, usual=100), step(IDLE, begun=False, usual=7)]
    assert seconds_left([*running, *later]) == 137


def test_a_step_that_is_still_to_come_and_of_which_nothing_is_known_makes_the_end_unknown() -> None:
    assert seconds_left([step(stage(1, 2, 30)), step(IDLE, begun=False)]) is None


def test_a_step_whose_work_comes_with_what_is_loaded_grows_with_it() -> None:
    # Half of it is done, but only a fifth of what gives it work is there.
    assert step_seconds_left(step(stage(5, 10, 10), fed=0.2)) == 90


@pytest.mark.parametrize(
    ("at", "first", "done", "left"), [(8.3, 6.3, 22, 72.6), (24.4, 6.3, 255, 56.5), (48.6, 6.3, 536, 32.4)]
)
def test_a_step_that_waited_behind_another_is_not_slow(at: float, first: float, done: int, left: float) -> None:
    """Measured at 10, 30 and 60 % of a reprocessing: 28 pages of issues, and behind them 1,084 answers of this step."""
    began = datetime(2026, 11, 22, 20, tzinfo=UTC)
    at_work = since([(began, began + timedelta(seconds=at))], began + timedelta(seconds=first))
    assert step_seconds_left(step(stage(done, 1084, seconds(at_work)))) == pytest.approx(left, rel=0.35)
