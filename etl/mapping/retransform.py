"""Applying the mappings to what is loaded already: a run over the stored answers that own what is stale.

No call is made to the site. The run ends where nothing is stale any more (see `etl.jobs.advance`), also of what was
saved while it ran.
"""

import logging

from django.db import InterfaceError, OperationalError, transaction
from django.db.models.functions import Now

from etl.jobs import lifecycle, units
from etl.jobs.advance import advance
from etl.jobs.lifecycle import STARTABLE, IllegalTransition
from etl.mapping import stale
from etl.models import EtlJob, EtlJobEvent, EtlJobRun, Overall, RunKind
from pulse.tenancy import audit

logger = logging.getLogger(__name__)


def start(job_id: int, *, trigger: str) -> EtlJobRun | None:
    """Starts a re-transform; None where nothing is stale. Raises IllegalTransition where the job runs already."""
    with transaction.atomic():
        run = _begin(lifecycle.startable(job_id), trigger)
    if run:
        lifecycle.wake_integration(run.integration_id)
    return run


def start_due(job_id: int, *, trigger: str, unless: tuple[Overall, ...] = ()) -> EtlJobRun | None:
    """Starts the re-transform of a job where one is due and the job is free, and in none of those states; else None.

    Under the job's lock: of several that try, one wins.
    """
    with transaction.atomic():
        due = EtlJob.objects.filter(pk=job_id, retransform_due_at__lte=Now())
        job = due.select_for_update(of=("self",), no_key=True).select_related("tenant", "integration").first()
        if job is None or job.overall not in STARTABLE or job.overall in unless:
            return None
        run = _begin(job, trigger)
    if run:
        lifecycle.wake_integration(run.integration_id)
    return run


def _begin(job: EtlJob, trigger: str) -> EtlJobRun | None:
    """In a transaction that has the job."""
    integration = job.integration
    steps = lifecycle.sync_steps(integration)
    found = stale.find(integration, [step.name for step in steps])
    if not found.claimable:
        stale.settle(job, found)
        return None
    run = lifecycle.new_run(job, RunKind.REPROCESS, trigger, {stale.STALE_ONLY: True}, steps)
    units.claim_answers(run.pk, found.claimable)
    audit.note("job.retransformed", job, {"run": [None, run.pk]})
    message = f"re-transforming {len(found.claimable)} stored answers, started by {trigger}"
    EtlJobEvent.objects.create(tenant_id=run.tenant_id, run=run, message=message)
    advance(run.pk)
    return run


def start_all_due() -> int:
    """Starts what is due and can start; how many. Not of a job that somebody stopped: it waits for a person."""
    due = EtlJob.objects.filter(retransform_due_at__lte=Now(), tenant__active=True)
    return sum(_started(job_id) for job_id in due.filter(status__overall__in=STARTABLE).values_list("pk", flat=True))


def _started(job_id: int) -> bool:
    """Whether it was started. One that cannot be must not hold up others."""
    try:
        return start_due(job_id, trigger="mapping", unless=(Overall.STOPPED,)) is not None
    except IllegalTransition:
        return False
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        logger.exception("the re-transform of job %s could not be started", job_id)
        return False
