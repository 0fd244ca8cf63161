"""What a supervised process does: when it ends, and how."""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from django.db import OperationalError

from etl.models import WorkerRow
from etl.workers import child
from etl.workers.child import Limits, live
from etl.workers.signals import Signals

Ended = WorkerRow.Ended


@dataclass
class Scripted:
    """Work that does nothing; ``told`` is what it hears with each heartbeat, then it hears nothing any more."""

    told: list[bool] = field(default_factory=list)
    away: int = 0
    done: int = 0
    stops: bool = True
    ended: list[WorkerRow.Ended] = field(default_factory=list)
    beats: int = 0

    @property
    def units_done(self) -> int:
        return self.done * self.beats

    def start(self) -> None:
        self.away -= 1
        if self.away >= 0:
            raise OperationalError("the server is starting up")

    def beat(self) -> bool:
        self.beats += 1
        if not self.told:
            os.kill(os.getpid(), signal.SIGTERM)
            return False
        return self.told.pop(0)

    def stop(self, why: WorkerRow.Ended) -> bool:
        self.ended.append(why)
        return self.stops


@pytest.fixture
def signals(monkeypatch: pytest.MonkeyPatch) -> Iterator[Signals]:
    monkeypatch.setattr(child, "BEAT_SECONDS", 0.01)
    heard = Signals((signal.SIGTERM, signal.SIGINT))
    yield heard
    heard.close()


def lived(work: Scripted, signals: Signals, limits: Limits = Limits()) -> int:  # noqa: B008  (frozen)
    return live(work, limits, signals, os.getppid())


def test_it_works_until_it_is_told_to_stop(signals: Signals) -> None:
    work = Scripted(told=[False] * 3)

    assert lived(work, signals) == 0

    assert (work.ended, work.beats) == ([Ended.STOPPED], 4)


def test_it_ends_when_a_person_tells_it_to_begin_anew(signals: Signals) -> None:
    work = Scripted(told=[False, True])

    assert lived(work, signals) == 0

    assert work.ended == [Ended.RESTARTED]


def test_it_ends_after_its_number_of_units(signals: Signals) -> None:
    work = Scripted(told=[False] * 20, done=4)

    assert lived(work, signals, Limits(units=10)) == 0

    assert (work.ended, work.beats) == ([Ended.UNITS], 3)


def test_it_ends_when_it_has_more_memory_than_it_may(signals: Signals) -> None:
    work = Scripted(told=[False] * 20)

    assert lived(work, signals, Limits(memory_mib=1)) == 0

    assert (work.ended, work.beats) == ([Ended.MEMORY], 1)


def test_below_its_limits_it_works_on(signals: Signals) -> None:
    work = Scripted(told=[False] * 3, done=1)

    lived(work, signals, Limits(memory_mib=100_000, units=100))

    assert work.ended == [Ended.STOPPED]


def test_it_says_with_its_exit_code_that_something_was_left_in_hand(signals: Signals) -> None:
    assert lived(Scripted(told=[True], stops=False), signals) == 1


def test_it_waits_for_the_database_before_it_works(signals: Signals, caplog: pytest.LogCaptureFixture) -> None:
    work, ready = Scripted(told=[True], away=3), list[int]()

    live(work, Limits(), signals, os.getppid(), ready=lambda: ready.append(work.away))

    assert ready == [-1]
    assert caplog.text.count("the database is away, it is tried again: the server is starting up") == 3


def test_it_can_be_stopped_while_it_waits_for_the_database(signals: Signals) -> None:
    work = Scripted(away=10**6)
    os.kill(os.getpid(), signal.SIGTERM)

    assert lived(work, signals) == 0

    assert (work.ended, work.beats) == ([], 0)


def test_ctrl_c_is_left_to_its_supervisor(signals: Signals) -> None:
    work = Scripted(told=[False, False, True])
    os.kill(os.getpid(), signal.SIGINT)

    lived(work, signals)

    assert work.ended == [Ended.RESTARTED]
