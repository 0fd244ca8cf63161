"""How long a run will take yet, from how far its stages have come so far. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class StageSoFar:
    """``done`` of ``known`` pieces of work in ``seconds`` of work; ``known`` None where nobody can tell how many.

    Of a stage that is not ``over`` more may become known, as long as what comes before it goes on.
    """

    done: float
    known: float | None
    seconds: float
    over: bool


@dataclass(frozen=True)
class StepSoFar:
    """A step's stages, in the order in which data flows. A step has ``begun`` once it is planned or has any work.

    ``fed`` is the share, from 0 to 1, of what gives it work that is there already. ``usual_seconds`` is how long it
    may be expected to take where it has not begun; None where that is unknown.
    """

    begun: bool
    fed: float
    stages: Sequence[StageSoFar]
    usual_seconds: float | None


def pages_expected(ended: int, open_partitions: int, pages: int, open_pages: int) -> float | None:
    """How many pages a step will have: what is open is taken to be as long as what has ended; None where nothing has.

    ``ended`` and ``open_partitions`` are numbers of partitions, ``pages`` the pages of all, ``open_pages`` of the open.
    """
    if not open_partitions:
        return pages
    if not ended:
        return None
    mean = (pages - open_pages) / ended
    # Each that is open has a page more, at least.
    return pages + max(mean * open_partitions - open_pages, open_partitions)


def loaded_share(stages: Sequence[StageSoFar], fed: float = 1.0) -> float | None:
    """The share of a step's data, 0 to 1, that has passed these stages; None where nobody can tell.

    Of what a stage will have in all, that much is known as has passed the stage before it.
    """
    share = fed
    for stage in stages:
        if stage.over:
            share = 1.0
        elif stage.known is None:
            return None
        elif stage.known:
            share *= stage.done / stage.known
    return share


def step_seconds_left(step: StepSoFar) -> float | None:
    """How long a step that has begun takes yet: as long as the slowest of its stages, which work side by side."""
    left = 0.0
    for number, stage in enumerate(step.stages):
        if stage.over or stage.known == 0:
            continue
        share = loaded_share(step.stages[: number + 1], step.fed)
        if not share:
            return None
        left = max(left, stage.seconds * (1 - share) / share)
    return left


def seconds_left(steps: Sequence[StepSoFar]) -> float | None:
    """How long a run of these steps takes yet; None where that cannot be told.

    Steps that have begun go on side by side; the others come after them, one by one.
    """
    running = [step_seconds_left(step) for step in steps if step.begun]
    later = [step.usual_seconds for step in steps if not step.begun]
    known = [seconds for seconds in (*running, *later) if seconds is not None]
    if len(known) < len(steps):
        return None
    return max(known[: len(running)], default=0.0) + sum(known[len(running) :])
