"""The workers that start jobs, begin discoveries and keep dead letters."""

from dataclasses import asdict

from etl.jobs import discovery, lifecycle
from etl.models import EtlJob, EtlJobRun, RunKind
from etl.queue.broker import EXPIRED, Delivery, Done, Outcome
from etl.queue.fields import Fields
from etl.queue.messages import JobConfig, JobMessage, Undecodable
from etl.queue.topology import CUSTOM_FIELDS_QUEUE, FAILED_QUEUE, JOBS_QUEUE, Tier
from etl.sql import execute
from etl.workers.base import Worker, worker
from integrations.errors import Permanent


@worker
class JobsWorker(Worker):
    """Starts a job's run. Late and doubled messages start nothing."""

    name = "jobs"

    def queues(self, tiers: tuple[Tier, ...]) -> list[str]:
        return [JOBS_QUEUE]

    def handle(self, delivery: Delivery) -> Outcome:
        message = JobMessage.decode(delivery.body)
        job = _job_of(message)
        started = job.last_run_started_at
        if message.scheduled_at and started and started >= message.scheduled_at:
            return Done()
        try:
            lifecycle.start(job.pk, trigger="schedule", config=_asked(message.config))
        except lifecycle.IllegalTransition:
            return Done()
        return Done()


def _job_of(message: JobMessage) -> EtlJob:
    """Raises Permanent where the message names another tenant's job, or none."""
    job = EtlJob.objects.filter(pk=message.job_id).first()
    if job is None or job.tenant_id != message.tenant_id:
        raise Permanent(f"job_id {message.job_id} is not a job of tenant_id {message.tenant_id}")
    return job


def _asked(config: JobConfig) -> dict[str, object]:
    """What a message asks for beyond the defaults, which must not override the integration's own settings."""
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
        # What merely expired is no failure: its unit still waits, and the sweep will wake it again.
        if delivery.error != EXPIRED:
            execute(
                """INSERT INTO etl_dead_letters (tenant_id, queue, body, error, attempt, state)
                   VALUES ((SELECT id FROM tenants WHERE id = %s), %s, %s, %s, %s, 'open')""",
                [
                    _tenant(delivery.body),
                    delivery.origin,
                    delivery.body.decode("utf-8", "replace").replace("\0", "\ufffd"),
                    delivery.error.replace("\0", "\ufffd"),
                    delivery.attempt,
                ],
            )
        return Done()


def _tenant(body: bytes) -> int | None:
    """The tenant that a message names, as far as it can be read."""
    try:
        return Fields.of_json(body).integer("tenant_id")
    except Undecodable:
        return None
