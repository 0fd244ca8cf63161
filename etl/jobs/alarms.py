"""Waking what waits for a moment only: at that moment, where the sweep would come up to a second later.

One thread a process, which lives while an alarm is set. Alarms are lost with their process: the sweep does without.
"""

import heapq
import logging
import threading
import time

from django.db import connection

from etl.jobs.wakeups import wake
from etl.queue import get_broker
from etl.queue.topology import Stage
from pulse.postgres.scope import platform_scope

logger = logging.getLogger(__name__)

# What is further away the sweep finds soon enough.
LONGEST_SECONDS = 5.0
# A little late rather than early: where nothing may be woken yet, the next look is the sweep's.
MARGIN_SECONDS = 0.003
# How long the thread keeps its connection when nothing is set.
IDLE_SECONDS = 1.0


class _Alarms:
    """Integrations whose extraction is to be woken, by the time at which it is."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int]] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def set(self, integration_id: int, seconds: float) -> None:
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + seconds + MARGIN_SECONDS, integration_id))
            self._changed.notify()
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="alarms", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        try:
            while (integration_id := self._next()) is not None:
                _wake(integration_id)
        finally:
            connection.close()

    def _next(self) -> int | None:
        """Waits for the next alarm; None after a while without any, which ends the thread."""
        with self._changed:
            if not self._due:
                self._changed.wait(IDLE_SECONDS)
            while self._due:
                seconds = self._due[0][0] - time.monotonic()
                if seconds <= 0:
                    return heapq.heappop(self._due)[1]
                self._changed.wait(seconds)
            self._thread = None
            return None


def _wake(integration_id: int) -> None:
    try:
        with platform_scope():
            wake(Stage.EXTRACTION, integration_id)
    except Exception as error:  # whatever it is: the thread goes on, and the sweep wakes what it could not
        logger.warning("nothing was woken, the sweep will: %s", error)
        connection.close()


_alarms = _Alarms()


def set_alarm(integration_id: int, seconds: float) -> None:
    """Has the integration's extraction woken in so many seconds, if that is soon and this process wakes anybody."""
    if seconds <= LONGEST_SECONDS and get_broker().delivers_here:
        _alarms.set(integration_id, max(seconds, 0.0))
