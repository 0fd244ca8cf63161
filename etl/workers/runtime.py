"""The embedded profile: workers, sweep and schedule as threads of one process."""

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import psycopg2
from django.db import Error as DatabaseError
from django.db import connection

from etl.embedding.backends import close_stores
from etl.jobs import discovery, units
from etl.jobs.schedule import queue_due_jobs, start_due_repairs
from etl.jobs.sweep import sweep
from etl.jobs.wakeups import UNIT_MODELS
from etl.mapping.retransform import start_all_due
from etl.workers.ownership import Ownership
from etl.workers.pool import WorkerPool, known_workers
from integrations.errors import Transient

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 1.0
# They are hours apart, and the look reads every job's runs.
REPAIR_LOOK_SECONDS = 60.0
# A database or a broker that is away: said in one line. What is no such thing is shown with its traceback.
AWAY = (DatabaseError, psycopg2.Error, Transient)


class SchedulerLoop:
    """Sweeps every second, and queues what waits, due jobs where it is to. Does nothing while ``may_work`` says no."""

    def __init__(
        self, *, schedule: bool, beat: WorkerPool | None = None, may_work: Callable[[], bool] = lambda: True
    ) -> None:
        self._schedule = schedule
        self._pool = beat
        self._may_work = may_work
        self._next_repairs = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self.run, name="scheduler", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def run(self) -> None:
        """Until stopped. Whatever a turn meets, the next one tries again: without the sweep nothing recovers."""
        try:
            while not self._stopping.is_set():
                self._tick()
                self._stopping.wait(SWEEP_SECONDS)
        finally:
            connection.close()

    def _tick(self) -> None:
        try:
            if not self._may_work():
                return
            sweep()
            discovery.queue_waiting()
            if self._schedule:
                queue_due_jobs()
                start_all_due()
                self._repair()
            if self._pool is not None:
                self._pool.beat()
        except Exception as error:
            logger.warning("the sweep will try again: %s", error, exc_info=not isinstance(error, AWAY))
            connection.close()

    def _repair(self) -> None:
        if time.monotonic() >= self._next_repairs:
            self._next_repairs = time.monotonic() + REPAIR_LOOK_SECONDS
            start_due_repairs()


class EmbeddedRuntime:
    """All workers in this process, where no other process has them. A context manager.

    Where another has them, they start here as soon as it has ended, however it did.
    """

    def __init__(self, *, schedule: bool) -> None:
        self._ownership = Ownership()
        self._pool = WorkerPool(known_workers())
        self._loop = SchedulerLoop(schedule=schedule, beat=self._pool, may_work=self._take_part)
        self.owns = False

    def __enter__(self) -> Self:
        """``owns`` tells whether the workers run here."""
        self._take_part()
        self._loop.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.stop()
        if self.owns:
            self._pool.stop()
            close_stores()
        self._ownership.release()

    def _take_part(self) -> bool:
        """Whether this process has the right to work now; the first time it has, its workers start."""
        if not self._ownership.acquire():
            return False
        if not self.owns:
            # The queue of the owner before us was in its memory, and its workers ended with it.
            for model in UNIT_MODELS.values():
                units.inherit(model)
            discovery.forget_messages()
            self.owns = True
            self._pool.start()
        return True
