"""Syncs that are over as they begin: nothing is asked of the site, and nothing waits in them. They have no steps."""

import logging
from collections.abc import Mapping
from typing import Any

from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from etl.history import log
from etl.jobs.planning import failed_in_a_row
from etl.jobs.starting import CannotRun, new_run, start, startable
from etl.jobs.states import IllegalTransition, check, locked_job, write_overall
from etl.models import EtlJob, EtlJobRun, Overall, RunKind
from etl.queue.outcomes import clean_reason
from integrations.errors import StageError

logger = logging.getLogger(__name__)


def start_or_fail(
    job_id: int, *, trigger: str, config: Mapping[str, Any] | None = None, only_ready: bool = False
) -> EtlJobRun:
    """Starts a sync as `start` does, for those who wait for no answer: what keeps it from beginning is said by its run.

    That is FAILED, and so is the job: it neither stays READY nor keeps the turn. Raises IllegalTransition where it is
    not for a run to begin now.
    """
    try:
        return start(job_id, trigger=trigger, config=config, only_ready=only_ready)
    except CannotRun as error:
        reason = error.reason
    except (IllegalTransition, OperationalError, InterfaceError):
        raise
    except StageError as error:
        reason = str(error)
    except Exception as error:  # an error of ours: a person looks, the jobs behind it have their turns
        logger.exception("job %s could not be started", job_id)
        reason = f"{type(error).__name__}: {error}"
    with transaction.atomic():
        job = startable(job_id, only_ready=only_ready)
        return _over(job, Overall.FAILED, trigger, config or {}, error=clean_reason(reason))


def skip_inactive(job: EtlJob, *, trigger: str) -> EtlJobRun:
    """Has a job that is due and whose integration is inactive go by: its run is FINISHED, with a warning.

    Raises IllegalTransition where the job runs, or its integration is active.
    """
    with transaction.atomic():
        job = locked_job(job.pk)
        check(job, "start")
        if job.integration.active:
            raise IllegalTransition(f"integration {job.integration.name} of job {job.pk} is active: start it")
        return _over(job, Overall.FINISHED, trigger, {}, warning=inactive_warning(job))


def inactive_warning(job: EtlJob) -> str:
    return f"integration {job.integration.name} is inactive"


def _over(
    job: EtlJob, status: Overall, trigger: str, config: Mapping[str, Any], *, error: str = "", warning: str = ""
) -> EtlJobRun:
    """The run of a job that is locked."""
    run = new_run(job, RunKind.SYNC, trigger, config, [], status=status)
    run.finished_at, run.execution_time, run.error_message, run.warning = timezone.now(), 0.0, error, warning
    run.save(update_fields=["finished_at", "execution_time", "error_message", "warning", "last_updated_at"])
    log.moved(run, error or warning, level="error" if error else "warning")
    job.last_run_started_at = run.started_at
    write_ended(job, run)
    return run


def write_ended(job: EtlJob, run: EtlJobRun) -> None:
    """Ends a job that is locked with a run that has not read all. The date of the last sync stays."""
    job.last_run_finished_at, job.error_message = run.finished_at, run.error_message
    job.next_run, job.retry_count = None, failed_in_a_row(job)
    job.save()
    write_overall(job, Overall(run.status))
