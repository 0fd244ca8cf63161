"""The broker of the embedded profile: threads of this process, with RabbitMQ's behaviour and nothing kept on disk."""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import inf
from uuid import uuid4

from etl.queue.broker import (
    Broker,
    Dead,
    Delivery,
    Handler,
    Outcome,
    Outgoing,
    PublishFailed,
    QueueCounts,
    QueueStatistics,
    RetryIn,
    Subscription,
)
from etl.queue.memory_figures import Figures
from etl.queue.memory_store import MemoryStore
from etl.queue.outcomes import clean_reason, outcome_of
from etl.queue.topology import ALL_QUEUES, FAILED_QUEUE, RETRY_DELAYS_SECONDS, QueueSpec, nearest_delay, spec_of

CLOSE_SECONDS = 5


class MemoryBroker(Broker):
    """Queues in memory. A daemon thread, started with the first message, sees to retries and expiry."""

    def __init__(
        self,
        *,
        queues: Mapping[str, QueueSpec] = ALL_QUEUES,
        delays_seconds: Sequence[float] = RETRY_DELAYS_SECONDS,
    ) -> None:
        self._specs = queues
        self._delays_seconds = delays_seconds
        self._store = MemoryStore(queues)
        self._figures = {name: Figures() for name in queues}
        self._lock = threading.RLock()
        self._clock = threading.Condition(self._lock)
        # conditions share the lock, so that nothing can be announced between a look and the wait
        self._clock_due = inf  # when the clock thread looks again by itself
        self._clock_thread: threading.Thread | None = None
        self._closed = False
        self._subscriptions: list[MemorySubscription] = []

    @property
    def delivers_here(self) -> bool:
        with self._lock:
            return any(one.alive and one.takes_work for one in self._subscriptions)

    def publish(self, messages: Sequence[Outgoing]) -> None:
        unknown = [(one, "there is no such queue") for one in messages if one.queue not in self._specs]
        with self._lock:
            for message in messages:
                if message.queue in self._specs:
                    self._put(Delivery(message.queue, message.body, message.priority, message_id=uuid4().hex))
        if unknown:
            raise PublishFailed(unknown, len(messages))

    def consume(self, queues: Sequence[str], handler: Handler, *, threads: int, prefetch: int) -> Subscription:
        """As the interface says; threads take one message at a time, so ``prefetch`` has nothing to bound."""
        specs = [spec_of(name, self._specs) for name in queues]
        with self._lock:  # its threads wait for the lock, and so cannot miss what is announced to it
            subscription = MemorySubscription(self, specs, handler, threads)
            self._subscriptions = [one for one in self._subscriptions if one.alive] + [subscription]
        return subscription

    def counts(self, queue: str) -> QueueCounts:
        spec_of(queue, self._specs)
        with self._lock:
            consumers = sum(one.alive and queue in one.queues for one in self._subscriptions)
            return QueueCounts(len(self._store.queues[queue]), consumers)

    def statistics(self) -> list[QueueStatistics]:
        with self._lock:
            return [self._told(name, time.monotonic()) for name in self._specs]

    def _told(self, queue: str, now: float) -> QueueStatistics:
        counts, figures = self.counts(queue), self._figures[queue]
        return QueueStatistics(
            name=queue,
            message_count=counts.message_count,
            consumer_count=counts.consumer_count,
            unacknowledged=figures.in_hand,
            publish_rate=figures.published.a_second(now),
            deliver_rate=figures.delivered.a_second(now),
            ack_rate=figures.acknowledged.a_second(now),
        )

    def declare(self) -> None:
        """Nothing to do: the queues are there from the start."""

    def purge(self, queue: str) -> int:
        spec_of(queue, self._specs)
        with self._lock:
            return self._store.queues[queue].clear()

    def close(self) -> None:
        for subscription in self._subscriptions:
            subscription.stop(CLOSE_SECONDS)
        with self._lock:
            self._closed = True
            self._clock.notify()

    def new_condition(self) -> threading.Condition:
        """What a subscription's threads wait on; shares the broker's lock."""
        return threading.Condition(self._lock)

    def take(self, queue: str) -> Delivery | None:
        """The next message of a queue; the caller holds the lock by its condition."""
        delivery = self._store.queues[queue].take()
        if delivery is not None:
            self._figures[queue].take(time.monotonic())
        return delivery

    def settle(self, delivery: Delivery, outcome: Outcome) -> None:
        """A message that was taken is dealt with, or sent on its way."""
        with self._lock:
            now = time.monotonic()
            self._figures[delivery.queue].settle(now)
            if isinstance(outcome, RetryIn):
                due = now + nearest_delay(outcome.seconds, self._delays_seconds)
                self._store.delay(replace(delivery, attempt=delivery.attempt + 1), due)
                self._expect(due)
            elif isinstance(outcome, Dead):
                self._store.die(delivery, clean_reason(outcome.reason), now)
                self._announce(FAILED_QUEUE)

    def _put(self, delivery: Delivery) -> None:
        now = time.monotonic()
        self._figures[delivery.queue].published.count(now)
        self._expect(self._store.put(delivery, now))
        self._announce(delivery.queue)

    def _announce(self, queue: str) -> None:
        for subscription in self._subscriptions:
            if queue in subscription.queues:
                subscription.news.notify()

    def _expect(self, due: float) -> None:
        """Let the clock thread look at this time; it needs waking only when that is earlier than it knows."""
        if due >= self._clock_due:
            return
        self._clock_due = due
        self._clock.notify()
        if self._clock_thread is None:
            self._clock_thread = threading.Thread(target=self._run_clock, name="memory-clock", daemon=True)
            self._clock_thread.start()

    def _run_clock(self) -> None:
        with self._lock:
            while not self._closed:
                for queue in self._store.advance(time.monotonic()):
                    self._announce_all(queue)
                due = self._store.next_due()
                self._clock_due = inf if due is None else due
                self._clock.wait(None if due is None else max(0.0, due - time.monotonic()))

    def _announce_all(self, queue: str) -> None:
        for subscription in self._subscriptions:
            if queue in subscription.queues:
                subscription.news.notify_all()


class MemorySubscription(Subscription):
    """Threads that take from some queues in turn, so that a full one does not starve its neighbours."""

    def __init__(self, broker: MemoryBroker, specs: Sequence[QueueSpec], handler: Handler, threads: int) -> None:
        self.queues = {spec.name: spec for spec in specs}
        self.takes_work = any(spec.is_work for spec in specs)
        self.news = broker.new_condition()
        self._broker = broker
        self._handler = handler
        self._turn = [spec.name for spec in specs]
        self._stopping = False
        self._threads = [threading.Thread(target=self._work, name=f"memory-{i}", daemon=True) for i in range(threads)]
        for thread in self._threads:
            thread.start()

    @property
    def alive(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def stop(self, timeout_seconds: float) -> bool:
        deadline = time.monotonic() + timeout_seconds
        with self.news:
            self._stopping = True
            self.news.notify_all()
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not self.alive

    def _work(self) -> None:
        while (delivery := self._next()) is not None:
            outcome = outcome_of(self._handler, delivery, self.queues[delivery.queue])
            self._broker.settle(delivery, outcome)

    def _next(self) -> Delivery | None:
        """Wait for a message; None once it is stopping."""
        with self.news:
            while not self._stopping:
                delivery = self._take()
                if delivery is not None:
                    return delivery
                self.news.wait()
        return None

    def _take(self) -> Delivery | None:
        for _ in self._turn:
            queue = self._turn.pop(0)
            self._turn.append(queue)
            delivery = self._broker.take(queue)
            if delivery is not None:
                return delivery
        return None
