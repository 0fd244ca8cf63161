"""Discoveries: runs that ask a site which custom fields it has and which projects offer them.

READY until a worker that got its message begins it. Messages may be lost or expire: the scheduler queues again.
"""

import logging
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from etl.jobs import lifecycle
from etl.jobs.advance import advance
from etl.jobs.lifecycle import IllegalTransition
from etl.models import EtlJob, EtlJobEvent, EtlJobRun, Overall, RunKind
from etl.queue import get_broker
from etl.queue.broker import Outgoing, PublishFailed
from etl.queue.messages import JobMessage
from etl.queue.topology import CUSTOM_FIELDS_QUEUE
from integrations.models import Integration
from integrations.provider import Step
from pulse.tenancy import audit

logger = logging.getLogger(__name__)

# A run whose message is lost is queued again after that.
QUEUED_FOR = timedelta(minutes=2)
OPEN_STATES = (Overall.READY, Overall.RUNNING, Overall.PAUSED)


def request(job: EtlJob, trigger: str) -> EtlJobRun:
    """Has the custom fields of the job's integration discovered; the run, which is the open one where there is one.

    Raises IllegalTransition where the integration is inactive, or its provider has no custom fields.
    """
    with transaction.atomic():
        # Of two requests at once the second finds the run that the first made.
        job = EtlJob.objects.select_for_update(of=("self",), no_key=True).select_related("integration").get(pk=job.pk)
        steps = _checked_steps(job)
        run = open_discovery(job.pk) or _new_run(job, trigger, steps)
    queue(run)
    run.refresh_from_db()
    return run


def open_discovery(job_id: int) -> EtlJobRun | None:
    """The job's discovery that waits, or goes on."""
    return EtlJobRun.objects.filter(job_id=job_id, kind=RunKind.DISCOVERY, status__in=OPEN_STATES).first()


def _checked_steps(job: EtlJob) -> list[Step]:
    steps = discovery_steps(job.integration)
    if not steps:
        raise IllegalTransition(
            f"integration {job.integration.name} has no custom fields: {job.integration.provider} knows none"
        )
    if not job.integration.active:
        raise IllegalTransition(f"integration {job.integration.name} of job {job.pk} is inactive")
    return steps


def _new_run(job: EtlJob, trigger: str, steps: list[Step]) -> EtlJobRun:
    run = lifecycle.new_run(job, RunKind.DISCOVERY, trigger, {}, steps, status=Overall.READY)
    EtlJobEvent.objects.create(tenant_id=run.tenant_id, run=run, message=f"discovery requested by {trigger}")
    audit.note("job.discovery_requested", job, {"run": [None, run.pk]})
    return run


def discovery_steps(integration: Integration) -> list[Step]:
    """The step that discovers custom fields, after those that feed it; none where the provider has no such step."""
    provider = integration.provider_code
    wanted = [step for step in provider.steps if step.name == provider.fields_step]
    feeders = {name for step in wanted for name in step.feeders}
    return [*(step for step in provider.steps if step.name in feeders), *wanted]


def queue(run: EtlJobRun) -> bool:
    """Tells the workers of a run that waits, where they have not been told lately; whether they were told now.

    Setting ``queued_at`` is the claim: of several that would tell them, one does.
    """
    broker = get_broker()
    lost = Q(queued_at=None) | Q(queued_at__lt=timezone.now() - QUEUED_FOR)
    waiting = EtlJobRun.objects.filter(lost, pk=run.pk, status=Overall.READY)
    if not broker.delivers_here or not waiting.update(queued_at=Now()):
        return False
    try:
        broker.publish([Outgoing(CUSTOM_FIELDS_QUEUE, _message(run).encode())])
    except PublishFailed as error:
        EtlJobRun.objects.filter(pk=run.pk).update(queued_at=None)
        logger.warning("the queue took no discovery, the scheduler will try again: %s", error)
        return False
    return True


def _message(run: EtlJobRun) -> JobMessage:
    return JobMessage(
        job_id=run.job_id,
        tenant_id=run.tenant_id,
        integration_id=run.integration_id,
        job_type=run.integration.provider_code.fields_step,
        run_id=run.pk,
        scheduled_at=timezone.now(),
    )


def queue_waiting() -> int:
    """Queues the discoveries that wait and were not queued lately; how many."""
    if not get_broker().delivers_here:
        return 0
    waiting = EtlJobRun.objects.filter(kind=RunKind.DISCOVERY, status=Overall.READY)
    active = waiting.filter(integration__active=True, tenant__active=True).select_related("integration")
    return sum(queue(run) for run in active)


def forget_messages() -> int:
    """For a process that knows that all others are gone: what they queued is lost; how many discoveries wait."""
    return EtlJobRun.objects.filter(kind=RunKind.DISCOVERY, status=Overall.READY).update(queued_at=None)


def begin(run_id: int) -> bool:
    """Begins a discovery that waits, and wakes workers; False where it has begun already, or is inactive meanwhile."""
    with transaction.atomic():
        waiting = EtlJobRun.objects.filter(pk=run_id, kind=RunKind.DISCOVERY, status=Overall.READY)
        if not waiting.filter(integration__active=True).update(
            status=Overall.RUNNING, started_at=Now(), last_updated_at=Now()
        ):
            return False
        run = EtlJobRun.objects.get(pk=run_id)
        EtlJobEvent.objects.create(tenant_id=run.tenant_id, run=run, message="discovery begun")
        advance(run_id)
    lifecycle.wake_integration(run.integration_id)
    return True
