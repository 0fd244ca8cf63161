"""What a supervised process does: it works, says that it lives, and ends gently when it is to."""

import logging
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from django.db import Error as DatabaseError
from django.db import connection

from etl.models import WorkerRow
from etl.workers.heartbeat import BEAT_SECONDS, memory_mib
from etl.workers.signals import Signals
from pulse.postgres.scope import platform_scope

logger = logging.getLogger(__name__)

Ended = WorkerRow.Ended


class Work(Protocol):
    """What goes on in threads of the process."""

    @property
    def units_done(self) -> int:
        """Since it was started."""

    def start(self) -> None:
        """Raises Django's DatabaseError; it is then tried again."""

    def beat(self) -> bool:
        """Says that it lives; whether it is told to begin anew."""

    def stop(self, why: WorkerRow.Ended) -> bool:
        """Lets what is in hand end; whether all of it did."""


@dataclass(frozen=True)
class Limits:
    """After what a process ends, to be replaced. ``memory_mib`` is of what it has at the moment; 0: no limit."""

    memory_mib: int = 0
    units: int = 0


def live(
    work: Work, limits: Limits, signals: Signals, supervisor_pid: int, *, ready: Callable[[], object] = lambda: None
) -> int:
    """Works until SIGTERM, a limit, or the word of a person; the exit code. Whoever started us sees to SIGINT.

    ``ready`` is called when it is at work.
    """
    with platform_scope():
        return _live(work, limits, signals, supervisor_pid, ready)


def _live(work: Work, limits: Limits, signals: Signals, supervisor_pid: int, ready: Callable[[], object]) -> int:
    if not _started(work, signals):
        return 0
    ready()
    while (why := _why_to_end(work, limits)) is None:
        if signal.SIGTERM in signals.wait(BEAT_SECONDS):
            why = Ended.STOPPED
            break
        if os.getppid() != supervisor_pid:
            # Where the system does not end us with it. What is in hand goes to others.
            os._exit(1)
    return 0 if work.stop(why) else 1


def _started(work: Work, signals: Signals) -> bool:
    """Whether it is at work; else it was told to end while it waited for the database."""
    while True:
        try:
            work.start()
            return True
        except DatabaseError as error:
            logger.warning("the database is away, it is tried again: %s", error)
            connection.close()
        if signal.SIGTERM in signals.wait(BEAT_SECONDS):
            return False


def _why_to_end(work: Work, limits: Limits) -> WorkerRow.Ended | None:
    if work.beat():
        return Ended.RESTARTED
    memory = memory_mib()
    if 0 < limits.memory_mib < memory:
        logger.info("this process has %.0f MiB, more than %d: it ends, to be replaced", memory, limits.memory_mib)
        return Ended.MEMORY
    if 0 < limits.units <= work.units_done:
        return Ended.UNITS
    return None
