"""What people and the schedule do to jobs: start, reprocess, pause, resume, stop, retry, reset.

Each transition is a guarded update with one winner; an illegal one raises IllegalTransition, which says the state and
what can be done instead (see `etl.jobs.states`). What begins runs is in `etl.jobs.starting`.
"""

from django.db import transaction
from django.utils import timezone

from etl.jobs import units
from etl.jobs.advance import advance
from etl.jobs.inactive import end_inactive
from etl.jobs.retrying import retry, retry_run
from etl.jobs.starting import (
    create_job,
    is_repair_due,
    item_steps,
    new_run,
    repair_steps,
    reprocess,
    request_items,
    start,
    start_repair,
    startable,
    sync_steps,
    wake_integration,
)
from etl.jobs.states import (
    STARTABLE,
    IllegalTransition,
    check,
    end_early,
    locked_job,
    locked_run,
    named,
    open_run,
    possible,
    write_overall,
    write_run,
)
from etl.jobs.unbegun import skip_inactive, start_or_fail
from etl.jobs.wakeups import UNIT_MODELS
from etl.models import EtlJob, EtlJobRun, Overall
from etl.models.jobs import JOB_KINDS, UNDER_WAY
from pulse.tenancy import audit

__all__ = [
    "STARTABLE",
    "IllegalTransition",
    "create_job",
    "end_inactive",
    "is_repair_due",
    "item_steps",
    "new_run",
    "open_run",
    "pause",
    "possible",
    "repair_steps",
    "reprocess",
    "request_items",
    "reset",
    "resume",
    "retry",
    "retry_run",
    "skip_inactive",
    "start",
    "start_or_fail",
    "start_repair",
    "startable",
    "stop",
    "stop_run",
    "sync_steps",
    "wake_integration",
    "write_overall",
]


def _locked(job_id: int, action: str) -> tuple[EtlJobRun, EtlJob]:
    """The job and its open run, locked. Raises IllegalTransition where that cannot be done to it."""
    run = _locked_open_run(job_id)
    job = locked_job(job_id)
    check(job, action)
    if run is None:
        raise IllegalTransition(f"{named(job)} is {job.overall}, but has no open run: reset it")
    return run, job


def _move(job_id: int, action: str, to: Overall, message: str) -> EtlJobRun:
    """Moves the open run and its job to another state. For use inside a transaction."""
    run, job = _locked(job_id, action)
    audit.note(f"job.{message}", job, {"status": [job.overall, to]})
    write_run(run, to, message)
    write_overall(job, to)
    # Of what is paused no wake-up shall take the place of other runs' ones; those that came meanwhile were dropped.
    for model in UNIT_MODELS.values():
        units.forget_wakeups(model, run.pk)
    return run


def _locked_open_run(job_id: int) -> EtlJobRun | None:
    runs = EtlJobRun.objects.select_for_update(no_key=True)
    return runs.filter(job_id=job_id, kind__in=JOB_KINDS, status__in=UNDER_WAY).first()


def pause(job_id: int) -> EtlJobRun:
    """No worker takes another unit until it is resumed."""
    with transaction.atomic():
        return _move(job_id, "pause", Overall.PAUSED, "paused")


def resume(job_id: int) -> EtlJobRun:
    with transaction.atomic():
        run = _move(job_id, "resume", Overall.RUNNING, "resumed")
    advance(run.pk)
    wake_integration(run.integration_id)
    return run


def stop(job_id: int) -> EtlJobRun:
    """Ends the run: what waits is cancelled, a unit in hand may still commit. The job then waits for a person."""
    with transaction.atomic():
        run, job = _locked(job_id, "stop")
        audit.note("job.stopped", job, {"status": [job.overall, Overall.STOPPED]})
        end_early(run, Overall.STOPPED, "stopped")
        write_overall(job, Overall.STOPPED)
    return run


def stop_run(run_id: int) -> EtlJobRun:
    """Ends any one open run, a discovery that waits too. Only a sync's or reprocessing's job is stopped with it.

    Raises IllegalTransition where the run is over.
    """
    with transaction.atomic():
        run = locked_run(run_id)
        if run.status not in (Overall.READY, *UNDER_WAY):
            raise IllegalTransition(f"run {run.pk} is {run.status}: it is over")
        audit.note("run.stopped", run, {"status": [run.status, Overall.STOPPED]})
        if run.kind in JOB_KINDS:
            job = locked_job(run.job_id)
            write_overall(job, Overall.STOPPED)
        end_early(run, Overall.STOPPED, "stopped")
    return run


def reset(job_id: int) -> EtlJob:
    """Makes a stuck job READY, and due, whatever state it is in: stops its open run, if it has one."""
    while True:
        with transaction.atomic():
            run = _locked_open_run(job_id)
            job = locked_job(job_id)
            if run is not None:
                end_early(run, Overall.STOPPED, "stopped by a reset")
            elif open_run(job_id) is not None:
                # It was begun between the two looks: runs are locked before their jobs.
                continue
            audit.note("job.reset", job, {"status": [job.overall, Overall.READY]})
            EtlJob.objects.filter(pk=job_id).update(next_run=timezone.now())
            job.refresh_from_db()
            write_overall(job, Overall.READY)
            return job
