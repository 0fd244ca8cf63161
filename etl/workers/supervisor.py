"""Several processes that one command keeps alive.

They are forked: a new one is there at once and shares the memory of what is imported. So the supervisor itself has
one thread only, opens no connection to anything, and does not work; whatever it has to write, a child writes.
"""

import ctypes
import gc
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from django.db import Error as DatabaseError
from django.db import connection, connections

from etl.queue import reset_broker
from etl.workers.heartbeat import BEAT_SECONDS, bury, children_of
from etl.workers.pool import STOP_SECONDS
from etl.workers.signals import Signals

logger = logging.getLogger(__name__)

Child = Callable[[Signals, int], int]
"""What a child does, with the signals that it hears and the supervisor's process id; its exit code."""

# Who dies within that time died at once; then the next one waits, each time twice as long. Who ends gently may be at
# its limit of units: only where it had that before its first heartbeat would the next one do nothing either.
QUICK_SECONDS = 10.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 30.0
# Who has not ended so long after it was told to is killed.
KILL_SECONDS = STOP_SECONDS + 15
# How long it is tried to write that a process died; then its silence tells.
BURY_SECONDS = 10.0
_HEARD = (signal.SIGTERM, signal.SIGINT)
_PR_SET_PDEATHSIG = 1


@dataclass
class _Place:
    """Where one child lives after another. Times are monotonic seconds."""

    pid: int = 0
    born_at: float = 0.0
    pause_seconds: float = 0.0
    due_at: float = 0.0

    def left(self, now: float, *, died: bool) -> None:
        """Its child has ended: the next may come at once, unless this one had hardly lived."""
        quick = now - self.born_at < (QUICK_SECONDS if died else BEAT_SECONDS)
        longer = min(max(FIRST_PAUSE_SECONDS, 2 * self.pause_seconds), LONGEST_PAUSE_SECONDS)
        self.pid, self.pause_seconds = 0, longer if quick else 0.0
        self.due_at = now + self.pause_seconds


class Supervisor:
    """Keeps so many processes alive until SIGTERM or Ctrl-C, which ends them gently; a second signal kills them.

    However it ends itself, they do not outlive it.
    """

    def __init__(self, child: Child, processes: int, say: Callable[[str], object]) -> None:
        self._child = child
        self._say = say
        self._places = [_Place() for _ in range(processes)]
        self._writers: set[int] = set()
        self._kill_at: float | None = None
        self._all_well = True

    def run(self) -> int:
        """The exit code: 0 where all that were told to end did so gently. A child leaves it by SystemExit."""
        # What is there now is no garbage: looking at it would only unshare its memory.
        gc.freeze()
        self._signals = Signals((*_HEARD, signal.SIGCHLD))
        try:
            while not self._over():
                for number in self._signals.wait(self._next_look()):
                    if number in _HEARD:
                        self._end_all()
            return 0 if self._all_well else 1
        finally:
            self._signals.close()

    def _over(self) -> bool:
        """Sees to what has happened and what is due; whether all is over."""
        now = time.monotonic()
        self._writers = {pid for pid in self._writers if _exit_code(pid) is None}
        for place in self._places:
            if place.pid and (code := _exit_code(place.pid)) is not None:
                self._ended(place, code, now)
        if self._kill_at is None:
            for place in self._places:
                if not place.pid and place.due_at <= now:
                    place.pid, place.born_at = self._fork(self._child), now
            return False
        if self._kill_at <= now:
            self._send(signal.SIGKILL)
        return not self._writers and not any(place.pid for place in self._places)

    def _next_look(self) -> float | None:
        """In how many seconds something is due that no signal tells of; None where nothing is."""
        if self._kill_at is not None:
            due = [self._kill_at]
        else:
            due = [place.due_at for place in self._places if not place.pid]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _ended(self, place: _Place, code: int, now: float) -> None:
        pid = place.pid
        place.left(now, died=bool(code))
        if code:
            self._all_well = self._all_well and self._kill_at is None
            again = "" if self._kill_at is not None else f"; the next one comes in {place.pause_seconds:.0f} s"
            logger.warning("process %d died (%s)%s", pid, _told(code), again)
            self._writers.add(self._fork(partial(_bury, pid)))

    def _end_all(self) -> None:
        """Gently; hard where they were told before."""
        if self._kill_at is None:
            self._kill_at = time.monotonic() + KILL_SECONDS
            self._send(signal.SIGTERM)
            with suppress(OSError):  # whoever read what it says may be gone already
                self._say("stopping: the work in hand is finished first")
        else:
            self._kill_at = time.monotonic()

    def _send(self, number: signal.Signals) -> None:
        for place in self._places:
            if place.pid:
                os.kill(place.pid, number)

    def _fork(self, child: Child) -> int:
        """The new process's id; in that process SystemExit is raised with the child's exit code."""
        if threading.active_count() > 1:
            raise RuntimeError("a process that has threads cannot be forked: their locks would stay as they are")
        connections.close_all()
        reset_broker()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        supervisor_pid = os.getpid()
        # What comes before the child listens itself must neither reach its parent's ears nor end it.
        signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
        try:
            pid = os.fork()
            if pid:
                return pid
            self._signals.close()
            self._signals = Signals(_HEARD)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)
        _die_with(supervisor_pid)
        raise SystemExit(child(self._signals, supervisor_pid))


def _exit_code(pid: int) -> int | None:
    """As `subprocess` has it: negative for a signal. None while the child lives."""
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def _told(code: int) -> str:
    return f"exit code {code}" if code > 0 else signal.Signals(-code).name


def _die_with(parent: int) -> None:
    """Has the system kill this process when its parent is no more."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _bury(pid: int, signals: Signals, supervisor_pid: int) -> int:
    """A child's task: to write that another died, so that the sweep takes back what it had in hand."""
    deadline = time.monotonic() + BURY_SECONDS
    while True:
        try:
            bury(children_of(supervisor_pid).filter(pid=pid))
            return 0
        except DatabaseError as error:
            connection.close()
            if time.monotonic() >= deadline:
                logger.warning("nobody could be told that process %d died: %s", pid, error)
                return 1
        signals.wait(0.5)
