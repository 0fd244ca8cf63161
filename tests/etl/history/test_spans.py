"""Stretches of time, side by side and with breaks."""

from datetime import UTC, datetime, timedelta

import pytest

from etl.history.spans import Span, seconds, since, together

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def spans(*pairs: tuple[int, int]) -> list[Span]:
    """Spans by their seconds after noon."""
    return [(NOON + timedelta(seconds=began), NOON + timedelta(seconds=ended)) for began, ended in pairs]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], []),
        ([(0, 5), (3, 8)], [(0, 8)]),
        ([(3, 8), (0, 5)], [(0, 8)]),
        ([(0, 9), (2, 3)], [(0, 9)]),
        ([(0, 5), (5, 8)], [(0, 8)]),
        ([(0, 2), (5, 8)], [(0, 2), (5, 8)]),
        ([(4, 4), (9, 7)], []),
    ],
)
def test_what_overlaps_is_one_span(given: list[tuple[int, int]], expected: list[tuple[int, int]]) -> None:
    assert together(spans(*given)) == spans(*expected)


@pytest.mark.parametrize(
    ("given", "breaks", "expected"),
    [
        ([(0, 10)], [], 10),
        ([(0, 10), (5, 20)], [], 20),
        ([(0, 10)], [(2, 5)], 7),
        ([(0, 10), (20, 30)], [(8, 22)], 16),
        ([(0, 10)], [(10, 50)], 10),
        ([(5, 10)], [(0, 50)], 0),
        ([(0, 10), (5, 20)], [(6, 8)], 18),
    ],
)
def test_a_moment_counts_once_and_a_break_not_at_all(
    given: list[tuple[int, int]], breaks: list[tuple[int, int]], expected: float
) -> None:
    assert seconds(spans(*given), spans(*breaks)) == expected


def test_what_comes_after_a_time_is_a_part_of_the_spans() -> None:
    assert since(spans((0, 5), (7, 12), (20, 30)), NOON + timedelta(seconds=10)) == spans((10, 12), (20, 30))
