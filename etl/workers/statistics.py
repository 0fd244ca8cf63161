"""What the queues hold and how fast they move, and the short form that tells whether they are well."""

from collections.abc import Iterable
from typing import Any

from etl.queue import get_broker
from etl.queue.broker import QueueStatistics
from etl.queue.topology import FAILED_QUEUE, JOBS_QUEUE, Stage, Tier, queue_for
from etl.workers import control
from etl.workers.control import WorkerState


def queues() -> list[QueueStatistics]:
    """Each queue of the topology, in its order. Raises BrokerUnavailable."""
    return get_broker().statistics()


def health(tier: Tier | None = None) -> dict[str, Any]:
    """The queues and the workers in a few figures, with the keys that other tools read. Raises BrokerUnavailable.

    ``worker_status``: how many workers are "alive", and how many "silent". One that ended is not counted. With a tier
    without what serves only others.
    """
    found = {one.name: one for one in queues()}
    vectorization = [found[queue_for(Stage.EMBEDDING, one)] for one in ([tier] if tier else Tier)]
    return {
        "job_queue": _sum([found[JOBS_QUEUE]]),
        "vectorization_queue": _sum(vectorization),
        "dead_letter_queue": _sum([found[FAILED_QUEUE]]),
        "worker_status": _worker_status(tier),
    }


def _sum(parts: Iterable[QueueStatistics]) -> dict[str, int]:
    parts = list(parts)
    return {
        "message_count": sum(one.message_count for one in parts),
        "consumer_count": sum(one.consumer_count for one in parts),
    }


def _worker_status(tier: Tier | None) -> dict[str, int]:
    states = [status.state for status in control.workers(control.not_ended(control.serving(tier)))]
    return {state.value: states.count(state) for state in (WorkerState.ALIVE, WorkerState.SILENT)}
