"""Bars and marks of a run's line of time."""

from datetime import UTC, datetime, timedelta

import pytest

from etl.admin.run_timeline import LEAST_PERCENT, MOST_MARKS, Bar, Line, lasting, marks, timeline
from etl.history.counting import Counted
from etl.models import EtlJobRunStep
from etl.queue.topology import Stage

BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def line(seconds: float) -> Line:
    return Line(BEGAN, at(seconds))


def step(**times: tuple[float, float | None]) -> EtlJobRunStep:
    said = {
        stage: {"started_at": at(began).isoformat()} | ({"finished_at": at(ended).isoformat()} if ended else {})
        for stage, (began, ended) in times.items()
    }
    return EtlJobRunStep(step="one", display_name="One", times=said, extraction="finished", transform="running")


def bars(seconds: float, **times: tuple[float, float | None]) -> dict[str, Bar | None]:
    (shown,) = timeline(line(seconds), [step(**times)], {}).steps
    return {stage.name: stage.bar for stage in shown.stages}


def test_a_bar_stands_where_its_stage_was_at_work() -> None:
    found = bars(100, extraction=(10, 30))
    assert found == {"extraction": Bar(at(10), at(30), 10.0, 20.0, "20.0 s"), "transform": None, "embedding": None}


def test_a_bar_of_what_goes_on_reaches_to_now() -> None:
    bar = bars(100, transform=(75, None))["transform"]
    assert bar == Bar(at(75), None, 75.0, 25.0, "25.0 s")


def test_what_was_at_work_when_its_run_ended_is_stopped_then() -> None:
    ended = Line(BEGAN, at(100), over=True)
    (shown,) = timeline(ended, [step(extraction=(0, 30), transform=(75, None))], {}).steps
    assert [stage.state for stage in shown.stages] == ["finished", "stopped", "idle"]
    assert shown.stages[1].bar == Bar(at(75), at(100), 75.0, 25.0, "25.0 s")


@pytest.mark.parametrize(
    ("began", "ended", "side"), [(0, 20, "after"), (80, 100, "before"), (10, 90, "inside"), (40, 60, "inside")]
)
def test_the_words_of_a_bar_stand_where_there_is_room(began: float, ended: float, side: str) -> None:
    bar = bars(100, extraction=(began, ended))["extraction"]
    assert bar is not None
    assert bar.side == side


@pytest.mark.parametrize(("began", "ended"), [(5, 5), (0, 0), (100, 100), (-50, -40), (150, 160)])
def test_what_is_short_or_outside_is_still_seen_on_the_line(began: float, ended: float) -> None:
    bar = bars(100, extraction=(began, ended or None))["extraction"]
    assert bar is not None
    assert bar.width >= LEAST_PERCENT
    assert 0 <= bar.left <= 100 - LEAST_PERCENT
    assert bar.left + bar.width <= 100


def test_units_and_breaks_are_shown_and_steps_without_times_have_no_bars() -> None:
    counted = {"one": {Stage.EXTRACTION: Counted(completed=3, failed=1)}}
    found = timeline(line(100), [step()], counted, [(at(20), at(40))])
    assert not found.has_bars
    assert [(stage.name, stage.units.over) for stage in found.steps[0].stages] == [
        ("extraction", 4),
        ("transform", 0),
        ("embedding", 0),
    ]
    assert [(one.left, one.width, one.lasted) for one in found.breaks] == [(20.0, 20.0, "20.0 s")]


@pytest.mark.parametrize("seconds", [0, 0.4, 1, 7.9, 8, 59, 61, 3600, 86_400, 9 * 86_400, 400 * 86_400])
def test_a_line_has_few_marks_at_round_times_however_long_it_is(seconds: float) -> None:
    found = marks(line(seconds))
    assert found[0] == (0, "0 s")
    assert len(found) <= MOST_MARKS + 1
    assert all(0 <= place <= 95 for place, _ in found)
    assert seconds < 2 or len(found) > 3


def test_marks_say_how_long_after_the_start_they_are() -> None:
    assert marks(line(480))[:3] == [(0.0, "0 s"), (12.5, "1 min"), (25.0, "2 min")]


@pytest.mark.parametrize(("seconds", "said"), [(0, "0.0 s"), (1.26, "1.3 s"), (61.5, "1 min 1 s"), (7200, "2 h")])
def test_a_duration_is_said_in_words(seconds: float, said: str) -> None:
    assert lasting(seconds) == said
