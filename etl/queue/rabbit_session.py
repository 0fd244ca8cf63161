"""One connection that consumes, from its opening to its end."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import pika
from pika.channel import Channel
from pika.exceptions import ConsumerCancelled

from etl.queue.broker import Delivery
from etl.queue.rabbit_connection import RabbitConfig
from etl.queue.rabbit_link import Link
from etl.queue.wire import delivery_of


class Session:
    """Its I/O is done by whoever has the turn: a thread that waits for a message, and then works on it itself.

    Handed to another thread and back, a message would take twice as long as by bare pika. While all threads work,
    somebody must `attend` to the heartbeats. All methods but `consume` are for any thread.
    """

    def __init__(self, config: RabbitConfig, prefetch: int) -> None:
        self._link = Link(config, "consumer")
        self._channel = self._link.channel
        self._turn = threading.Lock()
        self._taken: deque[Taken] = deque()
        self._dealt_with: deque[int] = deque()
        self._waiting = False
        self._together = max(1, prefetch // 2)  # acknowledged: the server fills up one half while the other is done
        self._channel.add_on_cancel_callback(lambda _frame: self._link.fail(ConsumerCancelled()))
        # global: counted over all queues of the channel, not for each
        self._channel.basic_qos(prefetch_count=prefetch, global_qos=True)

    @property
    def over(self) -> bool:
        """Whether it gives no more messages."""
        return self._link.over.is_set()

    @property
    def lost(self) -> bool:
        """Whether what it delivered can no longer be acknowledged."""
        return self._link.broken_by is not None

    def consume(self, queue: str) -> None:
        """Begin to take messages from a queue; before anybody asks for the next one."""

        def on_message(
            _channel: Channel, method: pika.spec.Basic.Deliver, properties: pika.BasicProperties, body: bytes
        ) -> None:
            delivery = delivery_of(queue, bool(method.redelivered), properties, body)
            self._taken.append(Taken(self, method.delivery_tag, delivery))

        self._channel.basic_consume(queue, on_message)

    def next(self) -> "Taken | None":
        """The next message, waited for; None when it is over.

        One in hand needs no turn, so that what came in one piece is not handed from thread to thread.
        """
        if len(self._dealt_with) < self._together and not self.over and (taken := self._in_hand()) is not None:
            return taken
        while True:
            with self._turn:
                self._do(self._wait)
                if self.over:
                    return None
                if (taken := self._in_hand()) is not None:
                    return taken

    def acknowledge(self, tag: int) -> None:
        """Ack: before anybody waits, with half of the prefetch, or with `attend`, whichever is first.

        A lost session drops it, and the message comes again.
        """
        self._dealt_with.append(tag)
        # who waits says so, looks once more, and only then waits: he sees this one, or is seen here
        if self._waiting:
            self._waiting = False
            self._link.wake()

    def attend(self, seconds: float) -> None:
        """Wait so long, or until it is over; then do what I/O there is. Raises what broke the session."""
        self._link.over.wait(seconds)
        self.look_after()
        if self._link.broken_by is not None:
            raise self._link.broken_by

    def look_after(self) -> None:
        """Do what I/O there is, where nobody else is at it."""
        if self._turn.acquire(blocking=False):
            try:
                self._do(self._look)
            finally:
                self._turn.release()

    def end(self) -> None:
        """Give no more messages: everybody's `next` returns. What is in hand can still be acknowledged."""
        self._link.over.set()
        self._link.wake()

    def cancel(self) -> None:
        """Have the server deliver no more, and give it back what nobody has begun."""
        with self._turn:
            self._do(self._give_back)

    def close(self) -> None:
        """The server gives what was not acknowledged to others."""
        self.end()
        with self._turn:
            self._link.close()

    def _in_hand(self) -> "Taken | None":
        """A message that came already."""
        try:
            return self._taken.popleft()
        except IndexError:
            return None

    def _wait(self) -> None:
        while self._acknowledge_all() or not (self._taken or self.over):
            self._waiting = True
            self._acknowledge_all()
            self._link.turn()
            self._waiting = False

    def _look(self) -> None:
        self._acknowledge_all()
        self._link.look()

    def _give_back(self) -> None:
        # pika gives back what comes before the server hears of it
        for consumer in self._channel.consumer_tags:
            self._channel.basic_cancel(consumer)
        while (taken := self._in_hand()) is not None:
            self._channel.basic_nack(taken.tag)
        self._look()

    def _do(self, act: Callable[[], object]) -> None:
        """I/O. For who has the turn; an error breaks the session."""
        try:
            act()
        except Exception as error:  # whatever it is: another session may do better
            self._link.fail(error)

    def _acknowledge_all(self) -> bool:
        """Whether there was something: all at once, so it leaves in one piece with the next turn."""
        waiting = len(self._dealt_with) if self._channel.is_open else 0
        for _ in range(waiting):
            self._channel.basic_ack(self._dealt_with.popleft())
        return waiting > 0


@dataclass(frozen=True)
class Taken:
    """A delivery and the session that it must be acknowledged on: tags of another one would close it."""

    session: Session
    tag: int
    delivery: Delivery

    def acknowledge(self) -> None:
        """The message is dealt with."""
        self.session.acknowledge(self.tag)
