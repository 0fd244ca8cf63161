"""What an inactive integration means for open runs: its site is not called, what it misses is made up for later."""

from django.db import transaction

from etl.jobs.states import end_early, locked_job, locked_run
from etl.jobs.unbegun import inactive_warning, write_ended
from etl.models import EtlJobRun, Overall, RunKind
from etl.models.jobs import JOB_KINDS, UNDER_WAY

# Runs of other kinds call nobody: what was stored of an inactive integration may be made anew.
CALLING_KINDS = (RunKind.SYNC, RunKind.REPAIR, RunKind.DISCOVERY, RunKind.WEBHOOK)


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
        end_early(run, Overall.FINISHED, inactive_warning(job), level="warning")
        if run.kind in JOB_KINDS:
            write_ended(job, run)
    return True
