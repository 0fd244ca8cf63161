"""Workers that take messages in the order in which they were published, one at a time: a queue without its clock."""

import orjson

from etl.jobs.sweep import sweep
from etl.queue.broker import Delivery
from etl.queue.topology import Stage, Tier, queue_for
from etl.workers.base import Worker
from etl.workers.stages import EmbeddingWorker, ExtractionWorker, TransformWorker
from tests.support.brokers import RecordingBroker

WORKERS: dict[Stage, type[Worker]] = {
    Stage.EXTRACTION: ExtractionWorker,
    Stage.TRANSFORM: TransformWorker,
    Stage.EMBEDDING: EmbeddingWorker,
}


class InTurn:
    """One worker for each stage, of one tier. ``handled`` are the stages and runs of the messages, in their order."""

    def __init__(self, broker: RecordingBroker, tier: Tier = Tier.FREE) -> None:
        self.handled: list[tuple[Stage, int]] = []
        self._broker = broker
        self._queues = {stage: queue_for(stage, tier) for stage in Stage}

    def turn(self) -> bool:
        """Each takes one message, and the sweep looks where none has any; whether anything was done."""
        done = [self.take(stage) for stage in Stage]
        return any(done) or sweep().woken > 0

    def take(self, stage: Stage) -> bool:
        """One message of a stage is handled; whether there was one."""
        message = next((one for one in self._broker.published if one.queue == self._queues[stage]), None)
        if message is None:
            return False
        self._broker.published.remove(message)
        self.handled.append((stage, int(orjson.loads(message.body)["run_id"])))
        WORKERS[stage]()(Delivery(message.queue, message.body))
        return True
