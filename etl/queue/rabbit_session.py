"""One connection that consumes, from its opening to its end.

As in `rabbit_window`, through the channel below pika's blocking one: that one takes two turns of the loop for a message
and two for an acknowledgement, and sends each by itself.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import pika
from pika.channel import Channel
from pika.exceptions import ConsumerCancelled

from etl.queue.broker import Delivery
from etl.queue.rabbit_connection import close_quietly
from etl.queue.wire import delivery_of


class Session:
    """Its I/O is done by whoever has the turn: a thread that waits for a message, and then works on it itself.

    Handed to another thread and back, a message would take twice as long as by bare pika. While all threads work,
    somebody must `attend` to the heartbeats. All methods but `consume` are for any thread.
    """

    def __init__(self, connection: pika.BlockingConnection, prefetch: int) -> None:
        self._connection = connection
        self._turn = threading.Lock()
        self._over = threading.Event()
        self._broken_by: BaseException | None = None
        self._taken: deque[Taken] = deque()
        self._dealt_with: deque[int] = deque()
        self._asked = False
        self._channel = self._opened()
        # global: counted over all queues of the channel, not for each
        self._channel.basic_qos(prefetch_count=prefetch, global_qos=True)

    def _opened(self) -> Channel:
        opened: list[Channel] = []
        channel: Channel = self._connection._impl.channel(on_open_callback=opened.append)
        # what pika closes when it closes the connection
        channel._set_cookie(channel)
        channel.add_on_close_callback(lambda _channel, reason: self._break(reason))
        channel.add_on_cancel_callback(lambda _frame: self._break(ConsumerCancelled()))
        self._connection._flush_output(lambda: bool(opened), self._over.is_set)
        if self._broken_by is not None:
            raise self._broken_by
        return channel

    @property
    def over(self) -> bool:
        """Whether it gives no more messages."""
        return self._over.is_set()

    @property
    def lost(self) -> bool:
        """Whether what it delivered can no longer be acknowledged."""
        return self._broken_by is not None

    def consume(self, queue: str) -> None:
        """Begin to take messages from a queue; before anybody asks for the next one."""

        def on_message(
            _channel: Channel, method: pika.spec.Basic.Deliver, properties: pika.BasicProperties, body: bytes
        ) -> None:
            delivery = delivery_of(queue, bool(method.redelivered), properties, body)
            self._taken.append(Taken(self, method.delivery_tag, delivery))

        self._channel.basic_consume(queue, on_message)

    def next(self) -> "Taken | None":
        """The next message, waited for; None when it is over. The caller's acknowledgements have left then."""
        with self._turn:
            self._do(lambda: self._connection._flush_output(lambda: bool(self._taken), self._over.is_set))
            return None if self.over else self._taken.popleft()

    def acknowledge(self, tag: int) -> None:
        """Ack, at the latest with the caller's `next`. A lost session drops it, and the message comes again."""
        self._dealt_with.append(tag)
        # whoever has the turn may be waiting, and is to send it; he first takes the word back and then looks
        if self._turn.locked() and not self._asked:
            self._asked = True
            self._wake(self._acknowledge_all)

    def attend(self, seconds: float) -> None:
        """Wait so long, or until it is over; then do what I/O there is. Raises what broke the session."""
        self._over.wait(seconds)
        self.look_after()
        if self._broken_by is not None:
            raise self._broken_by

    def look_after(self) -> None:
        """Do what I/O there is, where nobody else is at it."""
        if self._turn.acquire(blocking=False):
            try:
                self._do(lambda: self._connection.process_data_events(time_limit=0))
            finally:
                self._turn.release()

    def end(self) -> None:
        """Give no more messages: everybody's `next` returns. What is in hand can still be acknowledged."""
        self._over.set()
        self._wake(lambda: None)

    def cancel(self) -> None:
        """Have the server deliver no more, and give it back what nobody has begun."""
        with self._turn:
            self._do(self._give_back)

    def close(self) -> None:
        """The server gives what was not acknowledged to others."""
        self.end()
        with self._turn:
            close_quietly(self._connection)

    def _give_back(self) -> None:
        # pika gives back what comes before the server hears of it
        for consumer in self._channel.consumer_tags:
            self._channel.basic_cancel(consumer)
        while self._taken:
            self._channel.basic_nack(self._taken.popleft().tag)
        self._connection._flush_output()

    def _do(self, act: Callable[[], object]) -> None:
        """I/O, after what is to be acknowledged. For who has the turn; an error breaks the session."""
        try:
            self._acknowledge_all()
            act()
        except Exception as error:  # whatever it is: another session may do better
            self._break(error)

    def _acknowledge_all(self) -> None:
        """All at once: they leave in one piece."""
        self._asked = False
        while self._dealt_with:
            tag = self._dealt_with.popleft()
            if self._channel.is_open:
                self._channel.basic_ack(tag)

    def _break(self, error: BaseException) -> None:
        self._broken_by = self._broken_by or error
        self._over.set()

    def _wake(self, act: Callable[[], None]) -> None:
        """Have who waits do that, and look whether he still has to wait."""
        # pika's own call would take two more turns of the loop; of a closed connection nobody calls back
        self._connection._impl.ioloop.add_callback_threadsafe(act)


@dataclass(frozen=True)
class Taken:
    """A delivery and the session that it must be acknowledged on: tags of another one would close it."""

    session: Session
    tag: int
    delivery: Delivery

    def acknowledge(self) -> None:
        """The message is dealt with."""
        self.session.acknowledge(self.tag)
