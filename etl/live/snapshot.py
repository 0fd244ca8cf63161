"""A job's status as the sockets send it, with how far its last run is."""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

from etl.history import counting, estimating
from etl.models import EtlJob, EtlJobRun

LOOK_SECONDS = 1.0
# Counting a large run takes a while: no more than a fifth of the time.
_REST = 5
# So long is counted for one answer about many jobs; the figures of the others are those that were seen last.
COUNTING_SECONDS = 0.25
# A rate is that of so long a while, of no less than two seconds.
PACE_SECONDS = 30.0
SHORTEST_PACE_SECONDS = 2.0

Progress = dict[str, dict[str, dict[str, int]]]
"""Done and all units by step and stage: ``{"jira_…": {"extraction": {"done": 3, "total": 5}}}``."""


@dataclass(frozen=True)
class Look:
    """How far a run is; ``estimated_end`` as ISO 8601 in whole seconds, None where it cannot be told."""

    progress: Progress
    estimated_end: str | None
    rate: float | None = None
    """Units that were over in a second lately, of all stages; None where that cannot be told yet."""


NOTHING = Look({}, None)


class Pace:
    """How fast a run's units end."""

    def __init__(self, run_id: int) -> None:
        self.run_id = run_id
        self._seen: deque[tuple[float, int]] = deque()

    def rate(self, at: float, over: int) -> float | None:
        """In units a second, when so many are over at that time, in seconds."""
        if self._seen and over < self._seen[-1][1]:  # what failed is tried again
            self._seen.clear()
        self._seen.append((at, over))
        while at - self._seen[0][0] > PACE_SECONDS and len(self._seen) > 1:
            self._seen.popleft()
        first_at, first = self._seen[0]
        return (over - first) / (at - first_at) if at - first_at >= SHORTEST_PACE_SECONDS else None


def progress(run_id: int) -> Progress:
    """How far a run is, counted now."""
    return _shown(counting.counts(run_id))


def _shown(counted: counting.Counts) -> Progress:
    return {
        step: {stage.value: {"done": units.over, "total": units.total} for stage, units in stages.items()}
        for step, stages in counted.items()
    }


class Looks:
    """What was seen of watched jobs lately: however many watch, a run is counted once a second while nothing happens.

    What was seen of another version of the job's status is no good: a stage began or ended since.
    """

    def __init__(self) -> None:
        self._kept: dict[int, tuple[tuple[int, int], float, Look]] = {}
        self._paces: dict[int, Pace] = {}
        self._locks: dict[int, threading.Lock] = {}

    def at(self, job: EtlJob, run: EtlJobRun) -> Look:
        with self._locks.setdefault(job.pk, threading.Lock()):
            seen, until, look = self._kept.get(job.pk, ((0, 0), 0.0, NOTHING))
            began = monotonic()
            if seen == (run.pk, job.version) and began < until:
                return look
            look = look_at(run, self._pace(job, run))
            rest = max(LOOK_SECONDS, (monotonic() - began) * _REST)
            self._kept[job.pk] = (run.pk, job.version), began + rest, look
            return look

    def at_many(self, runs: Sequence[tuple[EtlJob, EtlJobRun]]) -> dict[int, Look]:
        """By job. Those that were not looked at for longest are counted first, for `COUNTING_SECONDS` in all."""
        began, found = monotonic(), {}
        for job, run in sorted(runs, key=lambda entry: self._due(entry[0])):
            in_time = monotonic() - began < COUNTING_SECONDS
            found[job.pk] = self.at(job, run) if in_time else self.seen_of(job, run)
        return found

    def seen_of(self, job: EtlJob, run: EtlJobRun) -> Look:
        """What was seen of the run last, without a look."""
        (run_id, _), _, look = self._kept.get(job.pk, ((0, 0), 0.0, NOTHING))
        return look if run_id == run.pk else NOTHING

    def _due(self, job: EtlJob) -> float:
        return self._kept[job.pk][1] if job.pk in self._kept else 0.0

    def _pace(self, job: EtlJob, run: EtlJobRun) -> Pace:
        if job.pk not in self._paces or self._paces[job.pk].run_id != run.pk:
            self._paces[job.pk] = Pace(run.pk)
        return self._paces[job.pk]


def look_at(run: EtlJobRun, pace: Pace) -> Look:
    """How far a run is, counted now."""
    counted = counting.counts(run.pk)
    end = estimating.estimate(run, counted)
    over = sum(units.over for stages in counted.values() for units in stages.values())
    rate = pace.rate(monotonic(), over)
    return Look(_shown(counted), end.isoformat(timespec="seconds") if end else None, rate)


_looks = Looks()


def looks_at(runs: Sequence[tuple[EtlJob, EtlJobRun]]) -> dict[int, Look]:
    """How far those open runs of jobs are, by job; see `Looks.at_many`."""
    return _looks.at_many(runs)


def seen_of(runs: Sequence[tuple[EtlJob, EtlJobRun]]) -> dict[int, Look]:
    """The same as this process saw it last, without a look."""
    return {job.pk: _looks.seen_of(job, run) for job, run in runs}


def job_update(tenant_id: int, job_id: int) -> dict[str, Any] | None:
    """The message about a job; None where the tenant has no such job."""
    job = EtlJob.objects.filter(pk=job_id, tenant_id=tenant_id).first()
    if job is None:
        return None
    run = EtlJobRun.objects.filter(job=job).select_related("integration").order_by("-id").first()
    look = _looks.at(job, run) if run else NOTHING
    return {
        "type": "job_status_update",
        "tenant_id": job.tenant_id,
        "job_id": job.pk,
        "status": job.status,
        "version": job.version,
        "progress": look.progress,
        "estimated_end": look.estimated_end,
    }
