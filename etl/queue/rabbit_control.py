"""Questions to the server that are asked now and then: one connection, opened when needed."""

import threading
from dataclasses import replace
from typing import Any

from pika.exceptions import AMQPError

from etl.queue.rabbit_connection import RabbitConfig, server_errors
from etl.queue.rabbit_link import Ask, Link


class RabbitControl:
    """Asks one at a time. Nobody serves its connection in between, so it has no heartbeat."""

    def __init__(self, config: RabbitConfig) -> None:
        self._config = replace(config, heartbeat_seconds=0)
        self._lock = threading.Lock()
        self._link: Link | None = None

    def ask(self, ask: Ask) -> Any:
        """What the server answers; on a new connection where the one there was is lost. Raises BrokerUnavailable."""
        with self._lock, server_errors(self._config):
            if self._link is not None:
                try:
                    return self._link.answer(ask)
                except (AMQPError, OSError):
                    self._drop()
            return self._connect().answer(ask)

    def declare(self) -> None:
        """Declare the topology, by connecting again. Raises BrokerUnavailable."""
        with self._lock, server_errors(self._config):
            self._drop()
            self._connect()

    def close(self) -> None:
        """Close the connection; a later question opens another."""
        with self._lock:
            self._drop()

    def _connect(self) -> Link:
        self._link = Link(self._config, "control")
        return self._link

    def _drop(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.close()
