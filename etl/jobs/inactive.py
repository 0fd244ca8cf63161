"""What an inactive integration means for runs: its site is not called, and what it misses is made up for later."""

from django.db import transaction
from django.utils import timezone

from etl.history import log
from etl.jobs.starting import new_run
from etl.jobs.states import IllegalTransition, check, end_early, locked_job, locked_run, write_overall
from etl.models import EtlJob, EtlJobRun, Overall, RunKind
from etl.models.jobs import JOB_KINDS, UNDER_WAY

# Runs of other kinds call nobody: what was stored of an inactive integration may be made anew.
CALLING_KINDS = (RunKind.SYNC, RunKind.REPAIR, RunKind.DISCOVERY, RunKind.WEBHOOK)


def _warning(job: EtlJob) -> str:
    return f"integration {job.integration.name} is inactive"


def end_inactive() -> int:
    """Ends the open runs that call the site of an inactive integration, FINISHED with a warning; how many.

    Any number of schedulers may do it at once. What waited is cancelled and taken up by the next sync, as after a
    stop: what was read whole keeps its watermark, nothing else does.
    """
    runs = EtlJobRun.objects.filter(
        integration__active=False, kind__in=CALLING_KINDS, status__in=(Overall.READY, *UNDER_WAY)
    )
    return sum(_end(run_id) for run_id in runs.values_list("pk", flat=True))


def _end(run_id: int) -> bool:
    with transaction.atomic():
        run = locked_run(run_id)
        job = locked_job(run.job_id)
        if run.status not in (Overall.READY, *UNDER_WAY) or job.integration.active:
            return False
        end_early(run, Overall.FINISHED, _warning(job), level="warning")
        if run.kind in JOB_KINDS:
            _write_job(job, run)
    return True


def skip_inactive(job: EtlJob, *, trigger: str) -> EtlJobRun:
    """Has a job that is due and whose integration is inactive go by: a run, FINISHED with a warning, without steps.

    Raises IllegalTransition where the job runs, or its integration is active.
    """
    with transaction.atomic():
        job = locked_job(job.pk)
        check(job, "start")
        if job.integration.active:
            raise IllegalTransition(f"integration {job.integration.name} of job {job.pk} is active: start it")
        run = new_run(job, RunKind.SYNC, trigger, {}, [], status=Overall.FINISHED)
        run.finished_at, run.warning, run.execution_time = timezone.now(), _warning(job), 0.0
        run.save(update_fields=["finished_at", "warning", "execution_time", "last_updated_at"])
        log.moved(run, _warning(job), level="warning")
        _write_job(job, run)
    return run


def _write_job(job: EtlJob, run: EtlJobRun) -> None:
    """Ends the job with its run. Nothing was synchronised: the date of the last sync stays."""
    job.last_run_finished_at, job.error_message = run.finished_at, ""
    job.next_run = None
    job.save(update_fields=["last_run_finished_at", "error_message", "next_run"])
    write_overall(job, Overall.FINISHED)
