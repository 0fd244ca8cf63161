"""A broker that keeps what is published, so that a test can look."""

from collections.abc import Sequence

import orjson

from etl.queue.broker import Broker, Handler, Outgoing, PublishFailed, QueueCounts, QueueStatistics, Subscription
from etl.queue.topology import ALL_QUEUES


class RecordingBroker(Broker):
    """Delivers nothing. While ``refuses`` is set, nothing is confirmed; ``consumers`` is how many each queue has."""

    def __init__(self) -> None:
        self.published: list[Outgoing] = []
        self.refuses = False
        self.delivers = True
        self.consumers = 0

    @property
    def delivers_here(self) -> bool:
        return self.delivers

    def publish(self, messages: Sequence[Outgoing]) -> None:
        if self.refuses:
            raise PublishFailed([(message, "refused") for message in messages], len(messages))
        self.published.extend(messages)

    def bodies(self) -> list[dict[str, object]]:
        return [orjson.loads(message.body) for message in self.published]

    def consume(self, queues: Sequence[str], handler: Handler, *, threads: int, prefetch: int) -> Subscription:
        raise AssertionError("nothing is delivered")

    def counts(self, queue: str) -> QueueCounts:
        return QueueCounts(sum(message.queue == queue for message in self.published), self.consumers)

    def statistics(self) -> list[QueueStatistics]:
        return [QueueStatistics(name, self.counts(name).message_count, 0) for name in ALL_QUEUES]

    def declare(self) -> None:
        """It takes any queue."""

    def purge(self, queue: str) -> int:
        waiting = [message for message in self.published if message.queue == queue]
        self.published = [message for message in self.published if message.queue != queue]
        return len(waiting)

    def close(self) -> None:
        """It holds nothing."""
