"""A limit of calls in a window of the clock, and what a site says of it in the headers of its answers."""

from dataclasses import dataclass
from datetime import UTC, datetime

NEAR_LIMIT_SHARE = 0.2


@dataclass(slots=True)
class Quota:
    """Counts the calls of the current window. Times in epoch seconds; the caller holds a lock."""

    window: int = 0
    calls: int = 0

    def count(self, limit: int, seconds: int, now: float) -> bool:
        """One more call; whether it is within the limit."""
        current = int(now) // seconds
        # Calls of another window count no more.
        self.calls = self.calls + 1 if self.window == current else 1
        self.window = current
        return self.calls <= limit

    def headers(self, limit: int, seconds: int, *, is_data_center: bool) -> dict[str, str]:
        left = max(limit - self.calls, 0)
        shown = {"X-RateLimit-Limit": str(limit), "X-RateLimit-Remaining": str(left)}
        if is_data_center:
            # It sends Retry-After with every answer: 0 means that nothing need be waited for.
            shown |= {"X-RateLimit-Interval-Seconds": str(seconds), "X-RateLimit-FillRate": str(limit)}
            return shown | {"Retry-After": "0" if left else str(seconds)}
        shown["X-RateLimit-Reset"] = minute((self.window + 1) * seconds)
        return shown | ({"X-RateLimit-NearLimit": "true"} if left < limit * NEAR_LIMIT_SHARE else {})

    def wait(self, seconds: int, now: float) -> int:
        """Seconds until the next window."""
        return (self.window + 1) * seconds - int(now)


def minute(at: float) -> str:
    """No seconds in it, as the field was seen."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%MZ}"
