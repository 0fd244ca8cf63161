"""Whether this process can answer requests: asked every few seconds by whoever sends it some, without a login."""

import time
from threading import Lock

from etl.doctor import EXAMINATIONS, examine, is_healthy

# Without these no request is answered. What else may be away only delays some work.
NEEDED = ("database", "migrations")
# Nobody who asks more often makes more work.
GOOD_SECONDS, BAD_SECONDS = 5.0, 1.0


class Readiness:
    """Remembers for some seconds what was found. Those who ask meanwhile wait for the same answer."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._ready = False
        self._until = 0.0

    def __call__(self) -> bool:
        with self._lock:
            if time.monotonic() >= self._until:
                self._ready = _is_ready()
                self._until = time.monotonic() + (GOOD_SECONDS if self._ready else BAD_SECONDS)
            return self._ready

    def forget(self) -> None:
        with self._lock:
            self._until = 0.0


def _is_ready() -> bool:
    return is_healthy(examine(one for one in EXAMINATIONS if one.name in NEEDED))


ready = Readiness()
