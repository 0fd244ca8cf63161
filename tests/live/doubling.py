"""A broker on which every message of the stages comes twice."""

import threading
from types import TracebackType
from typing import Any, Self

import pika

from etl.queue.topology import ALL_QUEUES, EXCHANGE, FAILED_QUEUE

LOOK_SECONDS = 0.05
STOP_SECONDS = 10


class Doubling:
    """Copies what is published to any work queue, as it is published. `copied` counts. A context manager."""

    def __init__(self, url: str) -> None:
        self.copied = 0
        self._url = url
        self._ready = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="doubling", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(STOP_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        connection = pika.BlockingConnection(pika.URLParameters(self._url))
        channel = connection.channel()
        tap = channel.queue_declare("", exclusive=True).method.queue
        for queue in set(ALL_QUEUES) - {FAILED_QUEUE}:
            channel.queue_bind(tap, EXCHANGE, queue)
        channel.basic_consume(tap, self._copy, auto_ack=True)
        self._ready.set()
        while not self._stopping.is_set():
            connection.process_data_events(time_limit=LOOK_SECONDS)
        connection.close()

    def _copy(self, channel: Any, method: Any, properties: Any, body: bytes) -> None:
        # By the nameless exchange, straight into the queue: the copy is not tapped again.
        channel.basic_publish("", method.routing_key, body, properties)
        self.copied += 1
