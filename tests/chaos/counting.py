"""How many messages a broker took and had handled, also where it forgot in between."""

import contextlib
import time

import httpx

from tests.chaos.services import Services

LOOK_SECONDS = 1.0


class Counted:
    """The broker's own counters, summed over its lives. What came after the last look of a life is missing."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._before, self._now = (0, 0), (0, 0)
        self._next = 0.0

    def look(self) -> None:
        """At most once a second; a broker that is away is asked again later."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + LOOK_SECONDS
        with contextlib.suppress(httpx.HTTPError, ValueError):
            found = self._services.messages()
            if found[0] < self._now[0]:
                self._before = self.totals
            self._now = found

    @property
    def totals(self) -> tuple[int, int]:
        """Published, handled."""
        return self._before[0] + self._now[0], self._before[1] + self._now[1]
