"""A job's status as the sockets send it, with how far its last run is."""

import threading
from dataclasses import dataclass
from time import monotonic
from typing import Any

from etl.history import counting, estimating
from etl.models import EtlJob, EtlJobRun

LOOK_SECONDS = 1.0
# Counting a large run takes a while: no more than a fifth of the time.
_REST = 5

Progress = dict[str, dict[str, dict[str, int]]]
"""Done and all units by step and stage: ``{"jira_…": {"extraction": {"done": 3, "total": 5}}}``."""


@dataclass(frozen=True)
class Look:
    """How far a run is; ``estimated_end`` as ISO 8601 in whole seconds, None where it cannot be told."""

    progress: Progress
    estimated_end: str | None


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
        self._locks: dict[int, threading.Lock] = {}

    def at(self, job: EtlJob, run: EtlJobRun) -> Look:
        with self._locks.setdefault(job.pk, threading.Lock()):
            seen, until, look = self._kept.get(job.pk, ((0, 0), 0.0, Look({}, None)))
            began = monotonic()
            if seen == (run.pk, job.version) and began < until:
                return look
            look = look_at(run)
            rest = max(LOOK_SECONDS, (monotonic() - began) * _REST)
            self._kept[job.pk] = (run.pk, job.version), began + rest, look
            return look


def look_at(run: EtlJobRun) -> Look:
    """How far a run is, counted now."""
    counted = counting.counts(run.pk)
    end = estimating.estimate(run, counted)
    return Look(_shown(counted), end.isoformat(timespec="seconds") if end else None)


_looks = Looks()


def job_update(tenant_id: int, job_id: int) -> dict[str, Any] | None:
    """The message about a job; None where the tenant has no such job."""
    job = EtlJob.objects.filter(pk=job_id, tenant_id=tenant_id).first()
    if job is None:
        return None
    run = EtlJobRun.objects.filter(job=job).select_related("integration").order_by("-id").first()
    look = _looks.at(job, run) if run else Look({}, None)
    return {
        "type": "job_status_update",
        "tenant_id": job.tenant_id,
        "job_id": job.pk,
        "status": job.status,
        "version": job.version,
        "progress": look.progress,
        "estimated_end": look.estimated_end,
    }
