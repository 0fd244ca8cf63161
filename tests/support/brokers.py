"""A broker that keeps what is published, so that a test can look."""

from collections.abc import Sequence

import orjson

from etl.queue.broker import Broker, Handler, Outgoing, PublishFailed, QueueCounts, Subscription


class RecordingBroker(Broker):
    """Delivers nothing. While ``refuses`` is set, nothing is confirmed."""

    def __init__(self) -> None:
        self.published: list[Outgoing] = []
        self.refuses = False
        self.delivers = True

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
        return QueueCounts(sum(message.queue == queue for message in self.published), 0)

    def declare(self) -> None:
        """It takes any queue."""

    def purge(self, queue: str) -> int:
        waiting = [message for message in self.published if message.queue == queue]
        self.published = [message for message in self.published if message.queue != queue]
        return len(waiting)

    def close(self) -> None:
        """It holds nothing."""
