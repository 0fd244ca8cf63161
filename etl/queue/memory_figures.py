"""How fast the in-process queues move. Plain data, like the queues: the broker holds its lock and brings the time."""

from collections import deque
from dataclasses import dataclass, field

SECONDS = 5


class Rate:
    """Events a second, over the last whole seconds."""

    def __init__(self) -> None:
        self._counted: deque[list[int]] = deque(maxlen=SECONDS + 1)  # [second, events]

    def count(self, now: float) -> None:
        """One more at that time (monotonic seconds)."""
        second = int(now)
        if not self._counted or self._counted[-1][0] != second:
            self._counted.append([second, 0])
        self._counted[-1][1] += 1

    def a_second(self, now: float) -> float:
        """The mean; the second that has only begun does not count."""
        second = int(now)
        return sum(events for at, events in self._counted if second - SECONDS <= at < second) / SECONDS


@dataclass
class Figures:
    """Of one queue: what is in hand, and what moved of late."""

    in_hand: int = 0
    published: Rate = field(default_factory=Rate)
    delivered: Rate = field(default_factory=Rate)
    acknowledged: Rate = field(default_factory=Rate)

    def take(self, now: float) -> None:
        """A message is handed out."""
        self.in_hand += 1
        self.delivered.count(now)

    def settle(self, now: float) -> None:
        """It is dealt with, one way or another."""
        self.in_hand -= 1
        self.acknowledged.count(now)
