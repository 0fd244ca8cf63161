"""The in-process broker's queues. Plain data: the broker holds its lock around every call, and brings the time."""

import heapq
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count

from etl.queue.broker import EXPIRED, LOWEST_PRIORITY, Delivery
from etl.queue.topology import FAILED_QUEUE, QueueSpec


@dataclass(frozen=True)
class Waiting:
    """A message and the time (monotonic seconds) it is thrown out at."""

    expires_at: float
    delivery: Delivery


class MemoryQueue:
    """A lane per priority, each in order of arrival, so that the first of a lane is the first to expire."""

    def __init__(self, spec: QueueSpec) -> None:
        self.spec = spec
        self._lanes: Sequence[deque[Waiting]] = [deque() for _ in range(LOWEST_PRIORITY if spec.is_work else 1)]

    def __len__(self) -> int:
        return sum(map(len, self._lanes))

    @property
    def next_expiry(self) -> float | None:
        """When the next message is thrown out."""
        return min((lane[0].expires_at for lane in self._lanes if lane), default=None)

    def put(self, delivery: Delivery, now: float) -> float:
        """Add a message, in place of the oldest where the queue is full; when it will expire."""
        lane = self._lanes[delivery.priority - 1] if self.spec.is_work else self._lanes[0]
        expires_at = now + self.spec.ttl_seconds
        lane.append(Waiting(expires_at, delivery))
        # as RabbitMQ does by default: the oldest goes, the newest is kept
        if self.spec.max_length is not None and len(self) > self.spec.max_length:
            min((one for one in self._lanes if one), key=lambda one: one[0].expires_at).popleft()
        return expires_at

    def take(self) -> Delivery | None:
        """The oldest message of the highest priority."""
        for lane in self._lanes:
            if lane:
                return lane.popleft().delivery
        return None

    def expire(self, now: float) -> Iterator[Delivery]:
        """Throw out what waited too long."""
        for lane in self._lanes:
            while lane and lane[0].expires_at <= now:
                yield lane.popleft().delivery

    def clear(self) -> int:
        """Drop all; how many."""
        dropped = len(self)
        for lane in self._lanes:
            lane.clear()
        return dropped


class MemoryStore:
    """All queues and what waits for its next attempt."""

    def __init__(self, queues: Mapping[str, QueueSpec]) -> None:
        self.queues = {name: MemoryQueue(spec) for name, spec in queues.items()}
        self._delayed: list[tuple[float, int, Delivery]] = []
        self._order = count()

    def put(self, delivery: Delivery, now: float) -> float:
        """Add a message to its queue; when it will expire."""
        return self.queues[delivery.queue].put(delivery, now)

    def delay(self, delivery: Delivery, due: float) -> None:
        """Add a message to its queue later."""
        heapq.heappush(self._delayed, (due, next(self._order), delivery))

    def die(self, delivery: Delivery, reason: str, now: float) -> None:
        """Make a dead letter of a message that was taken from its queue."""
        self.put(replace(delivery, queue=FAILED_QUEUE, error=reason, origin=delivery.queue), now)

    def advance(self, now: float) -> set[str]:
        """Do what time has brought; the queues that have something new."""
        changed = set()
        while self._delayed and self._delayed[0][0] <= now:
            delivery = heapq.heappop(self._delayed)[2]
            self.put(delivery, now)
            changed.add(delivery.queue)
        for one in self.queues.values():
            for delivery in one.expire(now):
                if one.spec.is_work:  # an expired dead letter is gone for good
                    self.die(delivery, EXPIRED, now)
                    changed.add(FAILED_QUEUE)
        return changed

    def next_due(self) -> float | None:
        """When `advance` will have something to do."""
        delayed = [self._delayed[0][0]] if self._delayed else []
        expiries = (one.next_expiry for one in self.queues.values())
        return min(chain(delayed, (at for at in expiries if at is not None)), default=None)
