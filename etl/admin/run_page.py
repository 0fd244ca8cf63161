"""What the page of a run shows, and looks at again and again while it is open."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any

from django.db.models import Max
from django.utils import timezone

from etl.admin.run_failures import SHOWN_GROUPS, Failures, failures
from etl.admin.run_quarantine import quarantine
from etl.admin.run_timeline import Line, lasting, timeline, times_of
from etl.history.counting import Counted, Counts, counts
from etl.history.estimating import estimate
from etl.history.spans import Span, seconds
from etl.history.times import breaks
from etl.live.snapshot import LOOK_SECONDS
from etl.models import EtlJobRun, EtlJobRunStep, Overall, WorkerRow
from etl.models.jobs import UNDER_WAY
from etl.queue.topology import Stage

# Counting a large run takes a while: no more than a fifth of the time, however many look at it.
_REST = 5
_MOST_KEPT = 100


@dataclass(frozen=True)
class Seen:
    """What takes long to tell of a large run."""

    counted: Counts
    estimated_end: datetime | None
    failures: Sequence[Failures]
    breaks: Sequence[Span]


def see(run: EtlJobRun) -> Seen:
    """Counts it now."""
    counted = counts(run.pk)
    return Seen(counted, estimate(run, counted), failures(run), breaks(run))


class Watched:
    """What was seen of runs lately. What was seen in another state of the run is no good."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[str, float, Seen]] = {}
        self._lock = threading.Lock()

    def at(self, run: EtlJobRun) -> Seen:
        status, until, seen = self._kept.get(run.pk, ("", 0.0, None))
        began = monotonic()
        if seen is not None and status == run.status and began < until:
            return seen
        seen = see(run)
        rest = max(LOOK_SECONDS, (monotonic() - began) * _REST)
        with self._lock:
            self._kept.pop(run.pk, None)
            self._kept[run.pk] = (run.status, began + rest, seen)
            while len(self._kept) > _MOST_KEPT:
                del self._kept[next(iter(self._kept))]
        return seen


_watched = Watched()


def shown_of(run: EtlJobRun, *, known_quarantine: str = "") -> dict[str, Any]:
    """The context of run_parts.html. What is in quarantine is left out where it is what is known already."""
    seen, now = _watched.at(run), timezone.now()
    steps = list(run.steps.order_by("order"))
    held = quarantine(run, known_quarantine)
    is_open = run.status in (Overall.READY, *UNDER_WAY)
    line = Line(run.started_at, _end(run, steps, now), over=not is_open)
    return {
        "run": run,
        "under_way": is_open,
        "timeline": timeline(line, steps, seen.counted, seen.breaks),
        "stages": [stage.value for stage in Stage],
        "stage_seconds": [_at_work(run, stage) for stage in Stage] if run.stage_seconds else [],
        "estimated_end": seen.estimated_end,
        "figures": figures(run, seen, held.count, now),
        "failures": seen.failures[:SHOWN_GROUPS],
        "more_failures": len(seen.failures[SHOWN_GROUPS:]),
        "quarantine": held,
    }


def _at_work(run: EtlJobRun, stage: Stage) -> str:
    """How long the stage was at work in all steps together, as it was summed at the end."""
    found = run.stage_seconds.get(stage.value)
    return lasting(found) if isinstance(found, int | float) else "–"


def _end(run: EtlJobRun, steps: Sequence[EtlJobRunStep], now: datetime) -> datetime:
    """Where the line of time ends: what was retried may have ended after its run did first."""
    if run.finished_at is None:
        return now
    ends = [times_of(step, stage)[1] for step in steps for stage in Stage]
    return max([run.finished_at, *filter(None, ends)])


@dataclass(frozen=True)
class Figure:
    """``value`` in words, ``note`` what it means where its name does not say it; ``is_bad`` wants a look."""

    name: str
    value: str
    note: str = ""
    is_bad: bool = False


def figures(run: EtlJobRun, seen: Seen, quarantined: int, now: datetime) -> list[Figure]:
    """Of a run that goes on as far as it is, else as they were summed at its end; ``quarantined`` is as of now."""
    is_open = run.status in (Overall.READY, *UNDER_WAY)
    lasted = _lasted(run, seen, now)
    records, calls, texts, failed = _counted(seen) if is_open else _summed(run)
    return [
        Figure("Lasted", lasting(lasted), "so far" if is_open else "without pauses"),
        Figure("Records", f"{records:,}"),
        Figure("Rate", f"{records / lasted:.1f} / s" if lasted >= 1 else "—", "records"),
        Figure("API calls", f"{calls:,}"),
        Figure("Texts to embed", f"{texts:,}"),
        Figure("Errors", f"{failed:,}", "failed units", failed > 0),
        Figure("Quarantined", f"{quarantined:,}", "records", quarantined > 0),
        Figure("Memory", _memory(run, is_open), "of its workers now" if is_open else "highest peak"),
    ]


def _lasted(run: EtlJobRun, seen: Seen, now: datetime) -> float:
    if run.execution_time is not None and run.status not in UNDER_WAY:
        return run.execution_time
    return seconds([(run.started_at, run.finished_at or now)], seen.breaks)


def _counted(seen: Seen) -> tuple[int, int, int, int]:
    """(records, calls, texts, failed units) as they are now."""

    def of(stage: Stage) -> list[Counted]:
        return [stages[stage] for stages in seen.counted.values() if stage in stages]

    records, calls = (sum(one.amount for one in of(stage)) for stage in (Stage.TRANSFORM, Stage.EXTRACTION))
    texts = sum(one.total for one in of(Stage.EMBEDDING))
    return records, calls, texts, sum(one.failed for stage in Stage for one in of(stage))


def _summed(run: EtlJobRun) -> tuple[int, int, int, int]:
    return run.records_processed, run.api_calls_made, run.vectorization_queued, run.errors_encountered


def _memory(run: EtlJobRun, is_open: bool) -> str:
    if not is_open:
        mib = run.memory_usage
    else:
        holding = WorkerRow.objects.filter(active=True, holding__contains=[{"run_id": run.pk}])
        mib = holding.aggregate(mib=Max("memory_mib"))["mib"]
    return "—" if mib is None else f"{mib:,.0f} MiB"
