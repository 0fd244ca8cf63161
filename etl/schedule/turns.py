"""Whose turn it is: a tenant's jobs run one after another, in their order, and again from the first.

Nothing of it is kept: it is derived from the jobs and from the last run that had its turn. So it goes on whatever was
added, removed, reordered or started by hand meanwhile, and whoever was killed. Everything here is pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

Place = tuple[int, int]
"""Where a job stands among its tenant's: its order and its id."""

TURN = "schedule"
"""The trigger of runs that have their turn: those of other triggers leave the order alone."""


@dataclass(frozen=True)
class Rhythm:
    """``gap`` lies between the end of a job and the beginning of the next, ``cycle`` between the last and the first."""

    gap: timedelta
    cycle: timedelta


@dataclass(frozen=True)
class Turn:
    """The newest run that had its turn; ``ended`` is None while it holds it."""

    place: Place
    ended: datetime | None


@dataclass(frozen=True)
class Candidate:
    """A job that may have its turn next; ``ended`` is when a sync of it ended last, whoever began that."""

    place: Place
    ended: datetime


def next_turn(candidates: Sequence[Candidate], last: Turn | None, rhythm: Rhythm) -> tuple[Candidate, datetime] | None:
    """Who has the next turn and when: the next in order, behind the last one the first. None where nobody can."""
    if not candidates:
        return None
    # Where nobody had a turn, the sync that ended last was as good as one.
    last = last or max((Turn(one.place, one.ended) for one in candidates), key=_end)
    if last.ended is None:
        return None
    in_order = sorted(candidates, key=lambda one: one.place)
    chosen = next((one for one in in_order if one.place > last.place), in_order[0])
    pause = rhythm.gap if chosen.place > last.place else rhythm.cycle
    # Not right behind a sync of its own that somebody began meanwhile: that one has read what there was.
    return chosen, max(last.ended + pause, chosen.ended + min(rhythm.gap, rhythm.cycle))


def _end(turn: Turn) -> datetime:
    return turn.ended or datetime.max.replace(tzinfo=UTC)
