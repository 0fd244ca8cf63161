"""A connection with one channel through pika's asynchronous interface, driven by whoever wants something of it.

pika's blocking one takes two turns of its loop for a message and two for an acknowledgement, sends each by itself, and
waits for each confirm: 1,500 messages a second are published with it here, 14,000 by callbacks. The loop is turned as
pika's blocking one turns it: to start and stop it for each message takes a third more of the processor's time.
"""

import threading
from collections.abc import Callable
from typing import Any

import pika
from pika.channel import Channel

from etl.queue.rabbit_connection import RabbitConfig, declare, parameters_of
from etl.queue.topology import EXCHANGE

Ask = Callable[[Channel, Callable[[Any], None]], object]  # asks something on a channel, with whom to tell the answer


class Link:
    """Nothing happens on it but while somebody waits: one thread at a time. `wake` is for any thread."""

    def __init__(self, config: RabbitConfig, purpose: str) -> None:
        """Connect and declare the topology, so that a server that lost its data heals. Raises what prevents it."""
        self.over = threading.Event()
        self.broken_by: BaseException | None = None
        self._connection = pika.SelectConnection(
            parameters_of(config, purpose), on_open_error_callback=self._on_close, on_close_callback=self._on_close
        )
        self._loop = self._connection.ioloop
        self._loop.activate_poller()
        try:
            self.until(lambda: self._connection.is_open)
            self.channel: Channel = self._connection.channel()
            self.channel.add_on_close_callback(self._on_close)
            self.until(lambda: self.channel.is_open)
            declare(self.channel, config)
            # pika has asked for no answers; the server answers in order, so all is done with this one
            self.answer(lambda channel, tell: channel.exchange_declare(EXCHANGE, passive=True, callback=tell))
        except BaseException:
            self.close()
            raise

    def answer(self, ask: Ask) -> Any:
        """What the server answers. Raises what broke the connection."""
        answers: list[Any] = []
        ask(self.channel, answers.append)
        self.until(lambda: bool(answers))
        return answers[0]

    def until(self, done: Callable[[], bool]) -> None:
        """Do I/O, and wait for it, until that is so. Raises what broke the connection."""
        while not done():
            if self.broken_by is not None:
                raise self.broken_by
            self.turn()

    def turn(self) -> None:
        """Wait for the next thing that happens, and let it. Heartbeats are attended to."""
        self._loop.poll()
        self._loop.process_timeouts()

    def look(self) -> None:
        """Do what I/O there is, without waiting."""
        self._loop.process_timeouts()  # a heartbeat that is due leaves now
        self._loop.call_later(0, lambda: None)
        self.turn()

    def wake(self, act: Callable[[], None] = lambda: None) -> None:
        """Have who waits do that, and look whether he still has to wait. Of a closed connection nobody does it."""
        self._loop.add_callback_threadsafe(act)

    def fail(self, error: BaseException) -> None:
        """It is over, by an error."""
        self.broken_by = self.broken_by or error
        self.over.set()

    def close(self) -> None:
        """Close it, broken or not. A server that does not answer is given up when it misses its heartbeat."""
        if not (self._connection.is_closing or self._connection.is_closed):
            self._connection.close()
        while not self._connection.is_closed:
            self.turn()
        self._loop.close()

    def _on_close(self, _closed: object, reason: BaseException) -> None:
        self.fail(reason)
