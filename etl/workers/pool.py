"""Workers running in this process: a subscription each, their heartbeat, and a gentle stop."""

import gc
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait

from etl.models import WorkerRow
from etl.queue import get_broker
from etl.queue.broker import Subscription
from etl.queue.topology import Tier
from etl.workers import jobs, stages  # noqa: F401  (registers the workers)
from etl.workers.base import get_worker, worker_names
from etl.workers.heartbeat import BEAT_SECONDS, Heartbeat

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
    """The named workers, for tenants of some tiers. ``threads`` 0 means each worker's own number.

    May be started again after its stop, as another row.
    """

    def __init__(
        self,
        names: Sequence[str],
        tiers: tuple[Tier, ...] = ALL_TIERS,
        threads: int = 0,
        supervisor_pid: int | None = None,
    ) -> None:
        self.names = tuple(names)
        self.tiers = tiers
        self.threads = threads
        self._subscriptions: list[Subscription] = []
        self._heartbeat = Heartbeat(
            self.names,
            tier=",".join(tiers) if tiers != ALL_TIERS else "all",
            threads=threads * len(self.names) or sum(get_worker(name).threads for name in self.names),
            supervisor_pid=supervisor_pid,
        )

    @property
    def units_done(self) -> int:
        """How many units the pool has worked on since it was started."""
        return self._heartbeat.units_done

    def start(self) -> None:
        """Raises Django's DatabaseError. A broker that is away is waited for."""
        tune_process()
        # First its row: whatever it takes is taken in that name.
        self._heartbeat.begin()
        broker = get_broker()
        for name in self.names:
            worker = get_worker(name)
            threads = self.threads or worker.threads
            prefetch = threads * worker.prefetch_per_thread
            queues = worker.queues(self.tiers)
            self._subscriptions.append(broker.consume(queues, worker, threads=threads, prefetch=prefetch))

    def beat(self) -> bool:
        """Says that the process lives; whether it is told to begin anew."""
        return self._heartbeat.beat()

    def stop(self, why: WorkerRow.Ended = WorkerRow.Ended.STOPPED) -> bool:
        """Takes no more, lets the work in hand end; whether all of it did. It goes on saying that it lives."""
        # All at once: the second would go on taking while the first ends.
        with ThreadPoolExecutor(max(1, len(self._subscriptions))) as stoppers:
            ending = [stoppers.submit(one.stop, STOP_SECONDS) for one in self._subscriptions]
            while wait(ending, BEAT_SECONDS).not_done:
                self._heartbeat.beat()
        self._subscriptions.clear()
        self._heartbeat.end(why)
        return all(one.result() for one in ending)
