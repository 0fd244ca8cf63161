"""Questions to the server that are asked now and then: one connection, opened when needed."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError

from etl.queue.rabbit_connection import RabbitConfig, close_quietly, connect, server_errors

T = TypeVar("T")


class RabbitControl:
    """Runs short calls one at a time. Nobody serves its connection in between, so it has no heartbeat."""

    def __init__(self, config: RabbitConfig) -> None:
        self._config = replace(config, heartbeat_seconds=0)
        self._lock = threading.Lock()
        self._connection: pika.BlockingConnection | None = None

    def call(self, ask: Callable[[BlockingChannel], T]) -> T:
        """Ask on a fresh channel; a connection that was lost meanwhile is opened again. Raises BrokerUnavailable."""
        with self._lock, server_errors(self._config):
            if self._connection is not None:
                try:
                    return self._ask(self._connection, ask)
                except (AMQPError, OSError):
                    self._drop()
            self._connection = connect(self._config, "control")
            return self._ask(self._connection, ask)

    def close(self) -> None:
        """Close the connection; a later call opens another."""
        with self._lock:
            self._drop()

    def _ask(self, connection: pika.BlockingConnection, ask: Callable[[BlockingChannel], T]) -> T:
        with connection.channel() as channel:
            return ask(channel)

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            close_quietly(connection)
