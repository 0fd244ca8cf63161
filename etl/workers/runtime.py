"""The embedded profile: workers, sweep and schedule as threads of one process."""

import logging
import threading
from types import TracebackType
from typing import Self

from django.db import DatabaseError, connection

from etl.embedding.backends import close_stores
from etl.jobs.schedule import queue_due_jobs
from etl.jobs.sweep import sweep
from etl.workers.ownership import Ownership
from etl.workers.pool import WorkerPool, known_workers

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 1.0


class SchedulerLoop:
    """Sweeps every second, and queues due jobs where it is to."""

    def __init__(self, *, schedule: bool, beat: WorkerPool | None = None, ownership: Ownership | None = None) -> None:
        self._schedule = schedule
        self._pool = beat
        self._ownership = ownership
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self.run, name="scheduler", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def request_stop(self) -> None:
        """For signal handlers: returns at once."""
        self._stopping.set()

    def run(self) -> None:
        """Until stopped. A database that is away is waited for."""
        try:
            while not self._stopping.is_set():
                self._tick()
                self._stopping.wait(SWEEP_SECONDS)
        finally:
            connection.close()

    def _tick(self) -> None:
        try:
            if self._ownership is not None and not self._ownership.acquire():
                return
            if self._schedule:
                queue_due_jobs()
            sweep()
            if self._pool is not None:
                self._pool.beat()
        except DatabaseError as error:
            logger.warning("the sweep will try again: %s", error)
            connection.close()


class EmbeddedRuntime:
    """All workers in this process, where no other process has them. A context manager."""

    def __init__(self, *, schedule: bool) -> None:
        self._ownership = Ownership()
        self._pool = WorkerPool(known_workers())
        self._loop = SchedulerLoop(schedule=schedule, beat=self._pool, ownership=self._ownership)
        self.owns = False

    def __enter__(self) -> Self:
        """``owns`` tells whether the workers run here; where not, another process has them."""
        self.owns = self._ownership.acquire()
        if self.owns:
            self._pool.start()
            self._loop.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.owns:
            self._loop.stop()
            self._pool.stop()
            close_stores()
            self._ownership.release()
