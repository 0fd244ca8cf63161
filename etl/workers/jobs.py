"""The workers that start jobs, begin discoveries and keep dead letters."""

import logging
from dataclasses import asdict

from etl.jobs import discovery, lifecycle
from etl.jobs.asked import RunRequest
from etl.letters import dead_letters
from etl.models import EtlJob, EtlJobRun, RunKind, Verification
from etl.queue.broker import Delivery, Done, Outcome
from etl.queue.messages import JobConfig, JobMessage
from etl.queue.topology import CUSTOM_FIELDS_QUEUE, FAILED_QUEUE, JOBS_QUEUE, Tier
from etl.verification import verify
from etl.workers.base import Worker, worker
from integrations.errors import Permanent

logger = logging.getLogger(__name__)


@worker
class JobsWorker(Worker):
    """Starts a job's run. Late and doubled messages start nothing."""

    name = "jobs"

    def queues(self, tiers: tuple[Tier, ...]) -> list[str]:
        return [JOBS_QUEUE]

    def handle(self, delivery: Delivery) -> Outcome:
        message = JobMessage.decode(delivery.body)
        job = _job_of(message)
        if message.job_type.endswith(verify.JOB_TYPE_ENDING):
            return _verified(message, job)
        started = job.last_run_started_at
        if message.scheduled_at and started and started >= message.scheduled_at:
            return Done()
        asked = RunRequest.parse(_asked(message.config), job.integration)
        trigger, only_ready = message.trigger or "queue", bool(message.trigger)
        try:
            lifecycle.start_or_fail(job.pk, trigger=trigger, config=asked.config(), only_ready=only_ready)
        except lifecycle.IllegalTransition as error:
            logger.info("%s", error)
        return Done()


def _verified(message: JobMessage, job: EtlJob) -> Outcome:
    """Goes on with the verification that the message names; without one, asks for one of the job's integration."""
    if message.unit_id is None:
        verify.request(job.integration, trigger="queue")
    elif not Verification.objects.filter(pk=message.unit_id, integration=job.integration_id).exists():
        raise Permanent(f"unit_id {message.unit_id} is no verification of job_id {message.job_id}")
    else:
        verify.work(message.unit_id)
    return Done()


def _job_of(message: JobMessage) -> EtlJob:
    """Raises Permanent where the message names another tenant's job, or none."""
    jobs = EtlJob.objects.select_related("integration").defer("integration__secrets")
    job = jobs.filter(pk=message.job_id).first()
    if job is None or job.tenant_id != message.tenant_id:
        raise Permanent(f"job_id {message.job_id} is not a job of tenant_id {message.tenant_id}")
    return job


def _asked(config: JobConfig) -> dict[str, object]:
    """What a message asks for beyond the defaults, which must not override the integration's or the job's settings."""
    return {name: value for name, value in asdict(config).items() if value != getattr(JobConfig(), name)}


@worker
class CustomFieldsWorker(Worker):
    """Begins discoveries. Late and doubled messages begin nothing; one that names no run asks for one."""

    name = "custom_fields"

    def queues(self, tiers: tuple[Tier, ...]) -> list[str]:
        return [CUSTOM_FIELDS_QUEUE]

    def handle(self, delivery: Delivery) -> Outcome:
        message = JobMessage.decode(delivery.body)
        job = _job_of(message)
        runs = EtlJobRun.objects.filter(job=job, kind=RunKind.DISCOVERY)
        if message.run_id is not None:
            if EtlJobRun.objects.filter(pk=message.run_id).exists() and not runs.filter(pk=message.run_id).exists():
                raise Permanent(f"run_id {message.run_id} is not a discovery of job_id {message.job_id}")
            discovery.begin(message.run_id)
        elif not message.scheduled_at or not runs.filter(created_at__gte=message.scheduled_at).exists():
            discovery.begin(_requested(job).pk)
        return Done()


def _requested(job: EtlJob) -> EtlJobRun:
    try:
        return discovery.request(job, trigger="queue")
    except lifecycle.IllegalTransition as error:
        raise Permanent(str(error)) from error


@worker
class DeadLetterWorker(Worker):
    """Drains the dead letters into their table: the broker keeps them for a day only."""

    name = "dead_letters"

    def queues(self, tiers: tuple[Tier, ...]) -> list[str]:
        return [FAILED_QUEUE]

    def handle(self, delivery: Delivery) -> Outcome:
        dead_letters.keep(delivery)
        return Done()
