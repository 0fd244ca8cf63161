"""One connection that consumes, from its opening to its end."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError, ConsumerCancelled

from etl.queue.broker import Delivery
from etl.queue.rabbit_connection import close_quietly
from etl.queue.wire import delivery_of

IDLE_SECONDS = 1.0


class Session:
    """Belongs to the thread that opened it; `acknowledge`, `wake` and `lost` are for any thread."""

    def __init__(self, connection: pika.BlockingConnection, prefetch: int) -> None:
        self._connection = connection
        self._channel = connection.channel()
        self._cancelled = False
        # global: counted over all queues of the channel, not for each
        self._channel.basic_qos(prefetch_count=prefetch, global_qos=True)
        self._channel.add_on_cancel_callback(self._on_cancel)

    @property
    def lost(self) -> bool:
        """Whether what it delivered can no longer be acknowledged."""
        return bool(self._connection.is_closed or self._channel.is_closed)

    def consume(self, queue: str, take: "Callable[[Taken], None]") -> None:
        """Start delivering from a queue; `take` is called on the session's thread."""

        def on_message(
            _channel: BlockingChannel,
            method: pika.spec.Basic.Deliver,
            properties: pika.BasicProperties,
            body: bytes,
        ) -> None:
            delivery = delivery_of(queue, bool(method.redelivered), properties, body)
            take(Taken(self, method.delivery_tag, delivery))

        self._channel.basic_consume(queue, on_message)

    def process(self) -> None:
        """Do I/O until something happened, a second at most; raises what broke the session."""
        self._connection.process_data_events(time_limit=IDLE_SECONDS)
        if self._cancelled:
            raise ConsumerCancelled
        if self._channel.is_closed:
            raise AMQPError("the server closed the channel")

    def process_all(self) -> None:
        """Do I/O until every ack that was asked for so far is on its way."""
        behind: list[bool] = []
        self._call(lambda: behind.append(False))  # callbacks run in the order in which they were asked for
        while not behind:
            self.process()

    def cancel(self) -> None:
        """Deliver no more; what was delivered can still be acknowledged."""
        # pika gives back what it had not handed over yet
        for tag in self._channel.consumer_tags:
            self._channel.basic_cancel(tag)

    def acknowledge(self, tag: int) -> None:
        """Ack, on the session's thread. A lost session drops it, and the message comes again."""
        self._call(partial(self._acknowledge, tag))

    def wake(self) -> None:
        """Let `process` return."""
        self._call(lambda: None)

    def close(self) -> None:
        """The server gives what was not acknowledged to others."""
        close_quietly(self._connection)

    def _acknowledge(self, tag: int) -> None:
        if self._channel.is_open:
            self._channel.basic_ack(tag)

    def _call(self, callback: Callable[[], None]) -> None:
        with suppress(AMQPError):  # raised when the session was lost just now
            self._connection.add_callback_threadsafe(callback)

    def _on_cancel(self, _frame: object) -> None:
        self._cancelled = True


@dataclass(frozen=True)
class Taken:
    """A delivery and the session that it must be acknowledged on: tags of another one would close it."""

    session: Session
    tag: int
    delivery: Delivery

    def acknowledge(self) -> None:
        """The message is dealt with."""
        self.session.acknowledge(self.tag)
