"""The scheduler's loop, alone in a process or beside the workers in the embedded profile's one."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from django.db import connection

from etl.embedding.backends import close_stores
from etl.jobs import discovery, units
from etl.jobs.wakeups import UNIT_MODELS
from etl.models import WorkerRow
from etl.verification import verify
from etl.workers import control
from etl.workers.duties import DUTIES, Round
from etl.workers.heartbeat import Heartbeat, bury
from etl.workers.ownership import Ownership
from etl.workers.pool import WorkerPool, known_workers
from pulse.postgres.scope import platform_scope

TICK_SECONDS = 1.0


class SchedulerLoop:
    """Sees to the duties, every second: those of a schedule where it is to ``schedule``, the others always.

    Does nothing while ``may_work`` says no. ``beat`` comes first in each round.
    """

    def __init__(
        self,
        *,
        schedule: bool,
        beat: Callable[[], object] = lambda: None,
        may_work: Callable[[], bool] = lambda: True,
    ) -> None:
        self._round = Round(duty for duty in DUTIES if schedule or duty.always)
        self._beat = beat
        self._may_work = may_work
        self._working = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self.run, name="scheduler", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def run(self) -> None:
        """Until stopped. Whatever a round meets, the next one tries again."""
        try:
            with platform_scope():
                while not self._stopping.is_set():
                    self._tick()
                    self._stopping.wait(TICK_SECONDS)
        finally:
            connection.close()

    def _tick(self) -> None:
        if self._round.attempt("the right to work", self._look) and self._working:
            self._round.attempt("the heartbeat", self._beat)
            self._round.go()

    def _look(self) -> None:
        self._working = self._may_work()


class SchedulerProcess:
    """A scheduler as a supervised process. It lives as long as its loop does: that is what tells so."""

    units_done = 0

    def __init__(self, supervisor_pid: int) -> None:
        self._heartbeat = Heartbeat(["scheduler"], supervisor_pid=supervisor_pid)
        self._loop = SchedulerLoop(schedule=True, beat=self._tell)
        self._asked = False

    def start(self) -> None:
        self._heartbeat.begin()
        self._loop.start()

    def beat(self) -> bool:
        """Whether the loop was told to begin anew."""
        return self._asked

    def stop(self, why: WorkerRow.Ended) -> bool:
        self._loop.stop()
        self._heartbeat.end(why)
        return True

    def _tell(self) -> None:
        self._asked = self._heartbeat.beat() or self._asked


class EmbeddedRuntime:
    """All workers in this process, where no other process has them. A context manager.

    Where another has them, they start here as soon as it has ended, however it did.
    """

    def __init__(self, *, schedule: bool) -> None:
        self._ownership = Ownership()
        self._pool = WorkerPool(known_workers())
        self._loop = SchedulerLoop(schedule=schedule, beat=self._beat, may_work=self._take_part)
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
            # The queue of the owner before us was in its memory, and its workers ended with it. Our own, where they
            # begin anew, have nothing in hand.
            for model in UNIT_MODELS.values():
                units.inherit(model)
            discovery.forget_messages()
            verify.forget_messages()
            bury(control.not_ended())
            self._pool.start()
            self.owns = True
        return True

    def _beat(self) -> None:
        """Workers that are told to begin anew stop here, and start with the next look."""
        if self._pool.beat():
            self._pool.stop(WorkerRow.Ended.RESTARTED)
            self.owns = False
