"""The states of jobs and runs: what may be done in each, why something may not, and writing them.

Locks are taken in one order: a run's row, then its job's. Whoever has the job's row keeps runs of it from beginning.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from django.utils import timezone

from etl.history import log, summing
from etl.jobs import repair, units
from etl.jobs.advance import announce
from etl.jobs.wakeups import UNIT_MODELS
from etl.models import EtlJob, EtlJobRun, Overall, RunKind
from etl.models.jobs import JOB_KINDS, UNDER_WAY

STARTABLE = (Overall.NOT_STARTED, Overall.READY, Overall.FINISHED, Overall.FAILED, Overall.STOPPED)

ACTIONS: Mapping[str, tuple[Overall, ...]] = MappingProxyType(
    {
        "start": STARTABLE,
        "reprocess": STARTABLE,
        "pause": (Overall.RUNNING,),
        "resume": (Overall.PAUSED,),
        "stop": UNDER_WAY,
        "retry": (Overall.FAILED,),
        "reset": tuple(Overall),
    }
)
"""What people do to a job, and in which of its states they can."""

_DONE = {
    "start": "started",
    "reprocess": "reprocessed",
    "pause": "paused",
    "resume": "resumed",
    "stop": "stopped",
    "retry": "retried",
    "reset": "reset",
}


class IllegalTransition(Exception):
    """The job or run is not in a state in which that can be done."""


def possible(overall: Overall) -> list[str]:
    """What can be done to a job in that state, by the names of `ACTIONS`."""
    return [action for action, states in ACTIONS.items() if overall in states]


def check(job: EtlJob, action: str) -> None:
    """Raises IllegalTransition where the job's state does not allow it: it says the state and what can be done."""
    if job.overall not in ACTIONS[action]:
        *others, last = [_DONE[name] for name in possible(job.overall)]
        can = f"{', '.join(others)} or {last}" if others else last
        raise IllegalTransition(f"{named(job)} is {job.overall}: it cannot be {_DONE[action]}, but {can}")


def named(job: EtlJob) -> str:
    return f"job {job.pk} ({job.name})"


def check_active(job: EtlJob) -> None:
    """Raises IllegalTransition where the job's integration is inactive: its site is not to be called."""
    if not job.integration.active:
        raise IllegalTransition(f"integration {job.integration.name} of job {job.pk} is inactive: activate it first")


def locked_job(job_id: int) -> EtlJob:
    """The job with its integration, its own row locked. For use inside a transaction.

    Without the integration's secrets: where these cannot be read, the job can still be ended.
    """
    jobs = EtlJob.objects.select_for_update(of=("self",), no_key=True).defer("integration__secrets")
    return jobs.select_related("integration", "tenant").get(pk=job_id)


def locked_run(run_id: int) -> EtlJobRun:
    return EtlJobRun.objects.select_for_update(no_key=True).get(pk=run_id)


def open_run(job_id: int, kinds: Sequence[RunKind] = JOB_KINDS) -> EtlJobRun | None:
    """The job's one open run of its own kinds, or of others."""
    return EtlJobRun.objects.filter(job_id=job_id, kind__in=kinds, status__in=UNDER_WAY).first()


def write_run(run: EtlJobRun, to: Overall, message: str) -> None:
    """Moves a run that is locked and not over, and says so in its log."""
    run.status = to
    run.save(update_fields=["status", "last_updated_at"])
    log.moved(run, message)


def end_early(run: EtlJobRun, to: Overall, message: str, *, level: str = "info") -> None:
    """Ends a run that is locked, whatever waits in it: that is cancelled. A unit in hand may still commit."""
    run.status, run.finished_at = to, timezone.now()
    for model in UNIT_MODELS.values():
        units.cancel_open(model, run.pk)
    log.moved(run, message, level=level)
    summing.sum_up(run)
    run.save()
    repair.forget_listing(run)


def write_overall(job: EtlJob, overall: Overall) -> None:
    """Moves a job that is locked."""
    job.status = {**job.status, "overall": overall}
    job.version += 1
    job.save(update_fields=["status", "version", "last_updated_at"])
    announce(job)
