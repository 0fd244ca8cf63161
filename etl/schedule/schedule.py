"""Which jobs and repairs are due, and beginning them: each once, however many schedulers there are.

A job that is due becomes READY, and workers are told: again after a while, where none has begun it.
"""

import json
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from etl.jobs import lifecycle
from etl.jobs.isolating import isolated
from etl.jobs.job_settings import plan_of
from etl.jobs.lifecycle import STARTABLE
from etl.models import EtlJob, EtlJobRun, Overall
from etl.models.jobs import JOB_KINDS, UNDER_WAY
from etl.queue import get_broker
from etl.queue.broker import Outgoing, PublishFailed
from etl.queue.messages import JobMessage
from etl.queue.topology import JOBS_QUEUE
from etl.schedule import timetable
from etl.schedule.turns import TURN

# Workers are told again of a READY job after that: their message may be lost.
QUEUED_FOR = timedelta(minutes=2)


def queue_due_jobs() -> int:
    """Makes jobs READY whose time has come, and tells workers; of how many. One that cannot must not hold up others."""
    if not get_broker().delivers_here:
        return 0
    timetable.write_next_runs()
    queued = 0
    due = _due(timezone.now()).order_by("next_run", "order", "id")
    for job_id, tenant_id in due.values_list("pk", "tenant_id"):
        message = None
        with isolated(f"job {job_id} could not be queued"):
            message = _claimed(job_id, tenant_id)
        if message:
            _tell(message)
            queued += 1
    return queued


def _tell(message: JobMessage) -> None:
    """Raises PublishFailed: workers are told as soon as the queue takes it."""
    try:
        get_broker().publish([Outgoing(JOBS_QUEUE, message.encode())])
    except PublishFailed:
        EtlJob.objects.filter(pk=message.job_id).update(queued_at=None)
        raise


def _due(now: datetime) -> QuerySet[EtlJob]:
    """What a run of their integration is in the way of waits for its end."""
    jobs = EtlJob.objects.filter(active=True, tenant__active=True, next_run__lte=now, status__overall__in=STARTABLE)
    untold = ~Q(status__overall=Overall.READY) | Q(queued_at=None) | Q(queued_at__lte=now - QUEUED_FOR)
    open_runs = EtlJobRun.objects.filter(integration=OuterRef("integration"), kind__in=JOB_KINDS, status__in=UNDER_WAY)
    return jobs.filter(untold).exclude(Exists(open_runs))


def _claimed(job_id: int, tenant_id: int) -> JobMessage | None:
    """What workers are to be told of a due job, READY now; None where another scheduler has seen to it.

    The integration of one that is skipped is inactive: nobody is told.
    """
    now = timezone.now()
    with transaction.atomic():
        if not timetable.alone(tenant_id):
            return None
        # It was due when we looked: meanwhile another job may have got the turn, or this one may have had it.
        timetable.write_next_runs_of(tenant_id)
        locked = _due(now).select_for_update(of=("self",), no_key=True, skip_locked=True)
        job = locked.select_related("integration").defer("integration__secrets").filter(pk=job_id).first()
        if job is None or _has_to_wait(job):
            return None
        if not job.integration.active:
            lifecycle.skip_inactive(job, trigger=_trigger(job))
            return None
        EtlJob.objects.filter(pk=job.pk).update(queued_at=now)
        if job.overall != Overall.READY:
            lifecycle.write_overall(job, Overall.READY)
    return JobMessage(
        job_id=job.pk,
        tenant_id=job.tenant_id,
        integration_id=job.integration_id,
        job_type=f"{job.integration.provider}_sync",
        scheduled_at=now,
        trigger=_trigger(job),
    )


def _has_to_wait(job: EtlJob) -> bool:
    """Whether the job was READY in its turn when a run kept it from beginning, and another one has its turn now."""
    return job.overall == Overall.READY and _trigger(job) == TURN and timetable.has_turn_under_way(job.tenant_id)


def _trigger(job: EtlJob) -> str:
    """Why the job is due: a person has said when, its own plan, or its turn."""
    if job.next_run != job.scheduled_run:
        return "request"
    plan = plan_of(json.dumps(job.settings))
    if plan.cron:
        return "cron"
    return TURN if plan.has_turns else "interval"


def start_due_repairs() -> int:
    """Starts the repairs whose time has come; how many. Looking again under the job's lock, one scheduler wins."""
    if not get_broker().delivers_here:
        return 0
    jobs = EtlJob.objects.filter(active=True, integration__active=True, tenant__active=True)
    return sum(_repaired(job) for job in jobs.select_related("integration"))


def _repaired(job: EtlJob) -> bool:
    """Whether a repair of the job's integration was due and could start. While a run is open, it stays due."""
    with isolated(f"the repair of job {job.pk} could not be started"):
        if lifecycle.is_repair_due(job):
            lifecycle.start_repair(job.pk, trigger="schedule", only_if_due=True)
            return True
    return False
