"""Points that callers may spend: so many an hour, told in headers, and so many a minute, told only when exceeded.

https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api
"""

import threading
from dataclasses import dataclass, field

GRAPHQL, CORE = "graphql", "core"
MINUTE = 60


@dataclass(slots=True)
class Window:
    """`opened_at` (epoch s) is the first call of the window: it is the caller's own and not the clock's."""

    opened_at: int
    used: int = 0


@dataclass(frozen=True, slots=True)
class Charge:
    """What a call cost, and how its caller's budget stands after it. `reset_at` in epoch seconds."""

    resource: str
    cost: int
    limit: int
    used: int
    reset_at: int

    @property
    def remaining(self) -> int:
        return max(self.limit - self.used, 0)

    def headers(self) -> dict[str, str]:
        shown = {"limit": self.limit, "remaining": self.remaining, "used": self.used, "reset": self.reset_at}
        return {f"x-ratelimit-{name}": str(value) for name, value in shown.items()} | {
            "x-ratelimit-resource": self.resource
        }


@dataclass(slots=True)
class Budgets:
    """By caller's number and resource. Thread-safe."""

    _windows: dict[tuple[int, str, int], Window] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def standing(self, caller: int, resource: str, limit: int, seconds: int, now: float) -> Charge:
        """How it is, with nothing spent."""
        with self._lock:
            window = self._window(caller, resource, seconds, now)
            return Charge(resource, 0, limit, window.used, window.opened_at + seconds)

    def spend(self, caller: int, resource: str, cost: int, limit: int, seconds: int, now: float) -> Charge | None:
        """None where nothing is left. The last call may cost more than that."""
        with self._lock:
            window = self._window(caller, resource, seconds, now)
            if window.used >= limit:
                return None
            window.used += cost
            return Charge(resource, cost, limit, window.used, window.opened_at + seconds)

    def wait(self, caller: int, resource: str, seconds: int, now: float) -> int:
        """Seconds until the window of the caller ends."""
        with self._lock:
            return self._window(caller, resource, seconds, now).opened_at + seconds - int(now)

    def _window(self, caller: int, resource: str, seconds: int, now: float) -> Window:
        key = (caller, resource, seconds)
        found = self._windows.get(key)
        if found is None or now >= found.opened_at + seconds:
            found = self._windows[key] = Window(int(now))
        return found
