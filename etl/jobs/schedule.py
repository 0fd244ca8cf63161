"""Which jobs and repairs are due, and beginning them: each once, however many schedulers there are."""

import logging
from datetime import timedelta

from django.db import InterfaceError, OperationalError
from django.utils import timezone

from etl.jobs import lifecycle
from etl.jobs.lifecycle import STARTABLE, IllegalTransition
from etl.models import EtlJob
from etl.queue import get_broker
from etl.queue.broker import Outgoing
from etl.queue.messages import JobMessage
from etl.queue.topology import JOBS_QUEUE

logger = logging.getLogger(__name__)

# A job whose message is lost is due again after that.
QUEUED_FOR = timedelta(minutes=2)


def queue_due_jobs() -> int:
    """Queues the jobs whose time has come; how many. Moving ``next_run`` on is the claim: one scheduler wins."""
    broker, now, queued = get_broker(), timezone.now(), 0
    if not broker.delivers_here:
        return 0
    due = EtlJob.objects.filter(active=True, integration__active=True, tenant__active=True, next_run__lte=now)
    for job in due.filter(status__overall__in=STARTABLE).select_related("integration"):
        claimed = EtlJob.objects.filter(pk=job.pk, next_run=job.next_run).update(next_run=now + QUEUED_FOR)
        if claimed:
            message = JobMessage(
                job_id=job.pk,
                tenant_id=job.tenant_id,
                integration_id=job.integration_id,
                job_type=f"{job.integration.provider}_sync",
                scheduled_at=now,
            )
            broker.publish([Outgoing(JOBS_QUEUE, message.encode())])
            queued += 1
    return queued


def start_due_repairs() -> int:
    """Starts the repairs whose time has come; how many. Looking again under the job's lock, one scheduler wins."""
    if not get_broker().delivers_here:
        return 0
    jobs = EtlJob.objects.filter(active=True, integration__active=True, tenant__active=True)
    return sum(_repaired(job) for job in jobs.select_related("integration"))


def _repaired(job: EtlJob) -> bool:
    """Whether a repair of the job's integration was due and could start. One that cannot must not hold up others."""
    try:
        if not lifecycle.is_repair_due(job):
            return False
        lifecycle.start_repair(job.pk, trigger="schedule", only_if_due=True)
    except IllegalTransition:
        # A run is open: the repair stays due until that one is over.
        return False
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        logger.exception("the repair of job %s could not be started", job.pk)
        return False
    return True
