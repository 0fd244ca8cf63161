"""A handler that remembers what it got, and what to wait for with it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from etl.queue.broker import Broker, Delivery, Done, Outcome, Subscription
from tests.services.waiting import wait_until

SHORT_LIVED = "test.short_lived"
DELAYS_SECONDS = (0.05, 0.2)
BOUND_SECONDS = 15.0

Act = Callable[[Delivery], Outcome]


def done(_delivery: Delivery) -> Outcome:
    return Done()


class Recorder:
    """Call it as a handler; ``act`` decides the outcome."""

    def __init__(self, act: Act = done) -> None:
        self._act = act
        self._lock = threading.Lock()
        self.deliveries: list[Delivery] = []

    def __call__(self, delivery: Delivery) -> Outcome:
        with self._lock:
            self.deliveries.append(delivery)
        return self._act(delivery)

    @property
    def bodies(self) -> list[bytes]:
        with self._lock:
            return [one.body for one in self.deliveries]

    def wait_for(self, count: int) -> list[Delivery]:
        """The deliveries, once there are as many."""
        assert wait_until(lambda: len(self.deliveries) >= count, BOUND_SECONDS), f"only {self.deliveries}"
        return self.deliveries


@contextmanager
def consuming(broker: Broker, queue: str, handler: Act, threads: int = 1, prefetch: int = 1) -> Iterator[Subscription]:
    """A subscription that is stopped at the end, which must succeed."""
    subscription = broker.consume([queue], handler, threads=threads, prefetch=prefetch)
    try:
        yield subscription
    finally:
        assert subscription.stop(BOUND_SECONDS)


def waits_for_counts(broker: Broker, queue: str, messages: int, consumers: int) -> bool:
    """Whether a queue comes to hold so many waiting messages and consumers."""

    def reached() -> bool:
        counts = broker.counts(queue)
        return (counts.message_count, counts.consumer_count) == (messages, consumers)

    return wait_until(reached, BOUND_SECONDS)
