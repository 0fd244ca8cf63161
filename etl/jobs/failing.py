"""Runs that cannot go on: what they are to do next cannot be worked out, today or tomorrow."""

from django.db import transaction

from etl.jobs.states import end_early, locked_job, locked_run
from etl.jobs.unbegun import write_ended
from etl.models import Overall
from etl.models.jobs import JOB_KINDS
from etl.queue.outcomes import clean_reason


def fail_run(run_id: int, reason: str) -> bool:
    """Ends a running run FAILED, for that reason; False where it does not run any more. Its job has its next turn."""
    with transaction.atomic():
        run = locked_run(run_id)
        job = locked_job(run.job_id)
        if run.status != Overall.RUNNING:
            return False
        end_early(run, Overall.FAILED, f"the run cannot go on: {clean_reason(reason)}", level="error")
        run.error_message = clean_reason(reason)
        run.save(update_fields=["error_message", "last_updated_at"])
        if run.kind in JOB_KINDS:
            write_ended(job, run)
    return True
