"""The workers of the three stages: from a message to the units it speaks of."""

from typing import ClassVar

from etl import pipeline
from etl.jobs.units import columns
from etl.jobs.wakeups import UNIT_MODELS
from etl.queue.broker import Delivery, Done, Outcome
from etl.queue.messages import ExtractionMessage, TransformMessage, VectorizationMessage
from etl.queue.topology import Stage, Tier, queue_for
from etl.sql import fetch
from etl.workers.base import Worker, worker
from integrations.errors import Permanent


class StageWorker(Worker):
    """Base of the three."""

    stage: ClassVar[Stage]

    def queues(self, tiers: tuple[Tier, ...]) -> list[str]:
        return [queue_for(self.stage, tier) for tier in tiers]

    def work(self, tenant_id: int, unit_ids: list[int]) -> Outcome:
        """Works on those units, after a check that they are the tenant's that the message names."""
        names = columns(UNIT_MODELS[self.stage])
        owners = fetch(f"SELECT DISTINCT tenant_id FROM {names.table} WHERE id = ANY(%s)", [unit_ids])
        if any(owner != tenant_id for (owner,) in owners):
            raise Permanent(f"the message says tenant_id {tenant_id}, its {self.stage} unit says otherwise")
        return pipeline.handle(self.stage, unit_ids) if unit_ids else Done()


@worker
class ExtractionWorker(StageWorker):
    name = "extraction"
    stage = Stage.EXTRACTION
    threads = 4

    def handle(self, delivery: Delivery) -> Outcome:
        message = ExtractionMessage.decode(delivery.body)
        return self.work(message.tenant_id, [message.unit_id] if message.unit_id else self._waiting(message))

    def _waiting(self, message: ExtractionMessage) -> list[int]:
        """For a message without a unit: the oldest checkpoint that waits in that step of the job's open run."""
        rows = fetch(
            """SELECT c.id FROM extraction_checkpoints c JOIN etl_job_runs r ON r.id = c.run_id
               WHERE r.job_id = %s AND r.status = 'RUNNING' AND c.step = %s AND c.status = 'pending'
               ORDER BY c.id LIMIT 1""",
            [message.job_id, message.type],
        )
        return [row[0] for row in rows]


@worker
class TransformWorker(StageWorker):
    name = "transform"
    stage = Stage.TRANSFORM
    threads = 2
    prefetch_per_thread = 2

    def handle(self, delivery: Delivery) -> Outcome:
        message = TransformMessage.decode(delivery.body)
        return self.work(message.tenant_id, [message.raw_data_id])


@worker
class EmbeddingWorker(StageWorker):
    name = "embedding"
    stage = Stage.EMBEDDING

    def handle(self, delivery: Delivery) -> Outcome:
        message = VectorizationMessage.decode(delivery.body)
        return self.work(message.tenant_id, list(message.unit_ids) or self._named(message))

    def _named(self, message: VectorizationMessage) -> list[int]:
        """For a message without units: the vectors of the rows that it names."""
        rows = fetch(
            """SELECT id FROM qdrant_vectors WHERE tenant_id = %s AND table_name = %s AND external_id = ANY(%s)
                 AND integration_id = (SELECT integration_id FROM etl_jobs WHERE id = %s) ORDER BY id""",
            [message.tenant_id, message.table_name, list(message.external_ids), message.job_id],
        )
        return [row[0] for row in rows]
