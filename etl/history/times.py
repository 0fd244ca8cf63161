"""When the stages of a run were at work, and when the run stood still."""

from collections.abc import Iterable
from datetime import datetime

from django.utils import timezone

from etl.history.spans import Span, together
from etl.models import EtlJobEvent, EtlJobRun, EtlJobRunStep, Overall
from etl.queue.topology import Stage

# The keys of `EtlJobRunStep.times`.
BEGAN, ENDED = "started_at", "finished_at"


def spans_of(steps: Iterable[EtlJobRunStep], stage: Stage, now: datetime) -> list[Span]:
    """When the stage was at work in those steps; where it still is, up to now."""
    times = [step.times[stage.value] for step in steps if stage.value in step.times]
    return [
        (datetime.fromisoformat(one[BEGAN]), datetime.fromisoformat(one[ENDED]) if ENDED in one else now)
        for one in times
    ]


def breaks(run: EtlJobRun) -> list[Span]:
    """When a run stood still between its start and its end: it was paused, or over before it was retried."""
    rows = EtlJobEvent.objects.filter(run=run, context__has_key="status").order_by("pk")
    found: list[Span] = []
    left: datetime | None = None
    for at, status in rows.values_list("created_at", "context__status"):
        if status != Overall.RUNNING:
            left = left or at
        elif left is not None:
            found.append((left, at))
            left = None
    if left is not None:
        found.append((left, run.finished_at or timezone.now()))
    return together(found)
