"""When the stages of a run were at work, as bars on one line of time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from etl.admin.explained import in_words
from etl.history.counting import Counted, Counts
from etl.history.spans import Span
from etl.history.times import BEGAN, ENDED
from etl.models import EtlJobRunStep, StageState
from etl.queue.topology import Stage

# A stage that was at work when its run ended, and works no more.
STOPPED = "stopped"
# A line has no more marks than that; they are that many seconds apart.
MOST_MARKS = 8
_APART = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
# The place of the last, in percent: its words stand behind it.
_LAST_MARK = 95
# What is shorter is still seen, and there is no line without a length.
LEAST_PERCENT = 0.4
LEAST_SECONDS = 1.0
# The words of a bar stand behind it, before it, or in it, where there is room; in percent of the line.
_ROOM = 45.0


@dataclass(frozen=True)
class Line:
    """The time that is shown: from the run's start to its end, or to now where it is not ``over``."""

    began: datetime
    ended: datetime
    over: bool = False

    @property
    def seconds(self) -> float:
        return max((self.ended - self.began).total_seconds(), LEAST_SECONDS)

    def place(self, moment: datetime) -> float:
        """Where on the line that is, in percent; what lies outside is at its ends."""
        return min(max(100 * (moment - self.began).total_seconds() / self.seconds, 0.0), 100.0)


@dataclass(frozen=True)
class Bar:
    """A stretch of the line, in percent of it, with what is said of it. ``ended`` None: it goes on."""

    began: datetime
    ended: datetime | None
    left: float
    width: float
    lasted: str

    @property
    def side(self) -> str:
        """Where there is room for its words."""
        if 100 - self.left - self.width >= _ROOM:
            return "after"
        return "before" if self.left >= _ROOM else "inside"

    @property
    def place_after(self) -> float:
        """Of words behind it, from the line's start."""
        return self.left + self.width

    @property
    def place_before(self) -> float:
        """Of words before it, from the line's end."""
        return 100 - self.left


@dataclass(frozen=True)
class StageShown:
    """A stage of a step: its state, its bar where it ever began, and its units."""

    name: str
    state: str
    bar: Bar | None
    units: Counted


@dataclass(frozen=True)
class StepShown:
    step: EtlJobRunStep
    stages: Sequence[StageShown]


@dataclass(frozen=True)
class Timeline:
    """``marks`` are (place in percent, time since the start in words); ``breaks`` is when the run stood still."""

    steps: Sequence[StepShown]
    marks: Sequence[tuple[float, str]]
    breaks: Sequence[Bar]

    @property
    def has_bars(self) -> bool:
        return any(stage.bar for step in self.steps for stage in step.stages)


def lasting(seconds: float) -> str:
    """A duration in words; of less than a minute with tenths of seconds."""
    return f"{seconds:.1f} s" if seconds < 60 else in_words(seconds)


def timeline(line: Line, steps: Sequence[EtlJobRunStep], counted: Counts, breaks: Sequence[Span] = ()) -> Timeline:
    """Pure. Bars of what goes on reach to the line's end."""
    shown = [StepShown(step, _stages(line, step, counted.get(step.step, {}))) for step in steps]
    return Timeline(shown, marks(line), [_bar(line, *one) for one in breaks])


def _stages(line: Line, step: EtlJobRunStep, counted: Mapping[Stage, Counted]) -> list[StageShown]:
    found = []
    for stage in Stage:
        began, ended = times_of(step, stage)
        if line.over and began and ended is None:
            ended = max(line.ended, began)
        bar = _bar(line, began, ended) if began else None
        state = state_of(step, stage, over=line.over)
        found.append(StageShown(stage.value, state, bar, counted.get(stage, Counted())))
    return found


def state_of(step: EtlJobRunStep, stage: Stage, *, over: bool) -> str:
    """The stage's state as people see it. ``over``: the step's run is."""
    state: str = getattr(step, stage.value)
    return STOPPED if over and state == StageState.RUNNING else state


def times_of(step: EtlJobRunStep, stage: Stage) -> tuple[datetime | None, datetime | None]:
    """When the stage began and ended; None for what did not come yet."""
    times = step.times.get(stage.value, {})
    began, ended = (datetime.fromisoformat(times[name]) if name in times else None for name in (BEGAN, ENDED))
    return began, ended


def _bar(line: Line, began: datetime, ended: datetime | None) -> Bar:
    until = ended or max(line.ended, began)
    left, right = line.place(began), line.place(until)
    left = min(left, 100 - LEAST_PERCENT)
    return Bar(began, ended, left, max(right - left, LEAST_PERCENT), lasting((until - began).total_seconds()))


def marks(line: Line) -> list[tuple[float, str]]:
    """Where the line's marks are, in percent, and how long after its start; at round times, where words have room."""
    fitting = [apart for apart in _APART if line.seconds / apart <= MOST_MARKS]
    apart = fitting[0] if fitting else _APART[-1] * (int(line.seconds / _APART[-1] / MOST_MARKS) + 1)
    count = int(line.seconds * _LAST_MARK / 100 // apart) + 1
    return [(100 * apart * number / line.seconds, in_words(apart * number)) for number in range(count)]
