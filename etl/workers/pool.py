"""Workers running in this process: a subscription each, their heartbeat, and a gentle stop."""

import gc
import logging
import os
import resource
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from django.db.models.functions import Now

from etl.models import WorkerRow
from etl.queue import get_broker
from etl.queue.broker import Subscription
from etl.queue.topology import Tier
from etl.workers import jobs, stages  # noqa: F401  (registers the workers)
from etl.workers.base import get_worker, worker_names

logger = logging.getLogger(__name__)

ALL_TIERS = tuple(Tier)
STOP_SECONDS = 60.0


def known_workers() -> list[str]:
    return worker_names()


# How many more containers than were freed make the collector look: a page of answers is tens of thousands of them,
# all freed by their reference counts. At Python's 700 the looking costs four times the parsing.
COLLECTOR_THRESHOLD = 100_000


def tune_process() -> None:
    """Makes the process one that works on pages."""
    gc.set_threshold(COLLECTOR_THRESHOLD)


class WorkerPool:
    """The named workers, for tenants of some tiers. ``threads`` 0 means each worker's own number."""

    def __init__(self, names: Sequence[str], tiers: tuple[Tier, ...] = ALL_TIERS, threads: int = 0) -> None:
        self.names = tuple(names)
        self.tiers = tiers
        self.threads = threads
        self.subscriptions: list[Subscription] = []
        self.row: WorkerRow | None = None

    def start(self) -> None:
        tune_process()
        broker = get_broker()
        broker.declare()
        for name in self.names:
            worker = get_worker(name)
            threads = self.threads or worker.threads
            prefetch = threads * worker.prefetch_per_thread
            queues = worker.queues(self.tiers)
            self.subscriptions.append(broker.consume(queues, worker, threads=threads, prefetch=prefetch))
        self.row = WorkerRow.objects.create(
            host=socket.gethostname(),
            pid=os.getpid(),
            stages=list(self.names),
            tier=",".join(self.tiers) if self.tiers != ALL_TIERS else "all",
            threads=self.threads or sum(get_worker(name).threads for name in self.names),
        )

    def beat(self) -> None:
        """Says that the process lives, and how much memory it has had at most (MiB)."""
        if self.row is not None:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            WorkerRow.objects.filter(pk=self.row.pk).update(heartbeat_at=Now(), memory_mib=peak)

    def stop(self) -> bool:
        """Takes no more, lets the work in hand end; whether all of it did."""
        # All at once: the second would go on taking while the first ends.
        with ThreadPoolExecutor(max(1, len(self.subscriptions))) as stoppers:
            stopped = list(stoppers.map(lambda one: one.stop(STOP_SECONDS), self.subscriptions))
        self.subscriptions.clear()
        if self.row is not None:
            WorkerRow.objects.filter(pk=self.row.pk).update(active=False, stopped_at=Now())
        return all(stopped)
