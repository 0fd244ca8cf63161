"""Consuming: threads that take messages and work on them, and one that opens the connection and keeps it alive.

So heartbeats go on however long a handler takes. When a connection is lost, what was taken from it and not yet
begun is dropped, and acks for it too: the server delivers it again.
"""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Protocol

from etl.queue.broker import Dead, Delivery, Done, Handler, PublishFailed, RetryIn, Subscription
from etl.queue.outcomes import outcome_of
from etl.queue.rabbit_connection import RabbitConfig, describe
from etl.queue.rabbit_session import Session, Taken
from etl.queue.topology import QueueSpec, spec_of

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 10.0
# How often it is seen to a connection on which nobody waits, and that at least four times a heartbeat.
ATTEND_SECONDS = 1.0
logger = logging.getLogger(__name__)


class Forward(Protocol):
    """Publishes a message to where its outcome says; raises PublishFailed."""

    def __call__(self, delivery: Delivery, outcome: RetryIn | Dead) -> None: ...


class RabbitSubscription(Subscription):
    """Connects again by itself, with growing pauses, until it is stopped."""

    def __init__(
        self,
        config: RabbitConfig,
        queues: Sequence[str],
        handler: Handler,
        forward: Forward,
        threads: int,
        prefetch: int,
    ) -> None:
        self._config = config
        self._specs: Mapping[str, QueueSpec] = {name: spec_of(name, config.queues) for name in queues}
        self._handler = handler
        self._forward = forward
        self._prefetch = prefetch
        self._attend_seconds = min(ATTEND_SECONDS, config.heartbeat_seconds / 4)
        self._stopping = threading.Event()
        self._session: Session | None = None
        self._pause_seconds = FIRST_PAUSE_SECONDS
        self._changed = threading.Condition()
        self._working = threads
        work = [threading.Thread(target=self._work, name=f"rabbit-work-{i}", daemon=True) for i in range(threads)]
        self._threads = [threading.Thread(target=self._run, name="rabbit-consumer", daemon=True), *work]
        for thread in self._threads:
            thread.start()

    @property
    def alive(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def stop(self, timeout_seconds: float) -> bool:
        deadline = time.monotonic() + timeout_seconds
        with self._changed:
            self._stopping.set()
            if self._session is not None:
                self._session.end()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not self.alive

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._serve()
            except Exception as error:  # whatever it is: without this thread nothing would be taken any more
                logger.warning("consumer: %s; again in %.1f s", describe(self._config, error), self._pause_seconds)
                self._stopping.wait(self._pause_seconds)
                self._pause_seconds = min(2 * self._pause_seconds, LONGEST_PAUSE_SECONDS)

    def _serve(self) -> None:
        """One session's life; after `stop` it lives on until the work in hand is acknowledged."""
        session = Session(self._config, self._prefetch)
        try:
            for name in self._specs:
                session.consume(name)
            self._have(session)
            self._pause_seconds = FIRST_PAUSE_SECONDS
            while not self._stopping.is_set():
                session.attend(self._attend_seconds)
            session.cancel()
            while not self._all_done(self._attend_seconds):
                session.look_after()
        finally:
            self._have(None)
            session.close()

    def _have(self, session: Session | None) -> None:
        with self._changed:
            self._session = session
            self._changed.notify_all()

    def _all_done(self, seconds: float) -> bool:
        """Whether all threads have ended so many seconds later, or sooner."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._working, seconds)

    def _work(self) -> None:
        while (session := self._current()) is not None:
            while (taken := session.next()) is not None:
                self._handle(taken)
        with self._changed:
            self._working -= 1
            self._changed.notify_all()

    def _current(self) -> Session | None:
        """A session that gives messages, waited for; None when it was stopped."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping.is_set() or (self._session and not self._session.over))
            return None if self._stopping.is_set() else self._session

    def _handle(self, taken: Taken) -> None:
        outcome = outcome_of(self._handler, taken.delivery, self._specs[taken.delivery.queue])
        if isinstance(outcome, Done) or self._forwarded(taken, outcome):
            taken.acknowledge()

    def _forwarded(self, taken: Taken, outcome: RetryIn | Dead) -> bool:
        """Whether the message is safe elsewhere. Not acknowledged it comes again, so nothing is lost either way."""
        pause_seconds = FIRST_PAUSE_SECONDS
        while True:
            try:
                self._forward(taken.delivery, outcome)
                return True
            except PublishFailed as error:
                logger.warning("%s: could not forward: %s", taken.delivery.queue, error)
            if taken.session.lost or self._stopping.wait(pause_seconds):
                return False
            pause_seconds = min(2 * pause_seconds, LONGEST_PAUSE_SECONDS)
