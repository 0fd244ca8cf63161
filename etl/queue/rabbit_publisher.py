"""Publishing from any thread: one background thread owns the connection and pipelines what all of them submit."""

import logging
import threading
from collections import deque
from collections.abc import Mapping, Sequence

from etl.queue.rabbit_connection import RabbitConfig, describe
from etl.queue.rabbit_link import Link
from etl.queue.rabbit_window import Batch, Item, Publication, Window

CONFIRM_SECONDS = 30
logger = logging.getLogger(__name__)


class RabbitPublisher:
    """Connects when there is something to publish; after a lost connection what was submitted is reported failed."""

    def __init__(self, config: RabbitConfig) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._pending: deque[Item] = deque()
        self._work = threading.Event()
        self._closing = False
        self._thread: threading.Thread | None = None
        self._link: Link | None = None
        self._window: Window | None = None

    def publish(self, publications: Sequence[Publication]) -> Mapping[int, str]:
        """Wait for the confirms. The indices of what was not confirmed, with the reasons; empty when all is well."""
        if not publications:
            return {}
        batch = Batch(len(publications))
        if not self._submit([Item(one, batch, index) for index, one in enumerate(publications)]):
            return batch.failures_with("the publisher is closed")
        batch.over.wait(CONFIRM_SECONDS)
        return batch.failures_with(f"no confirm within {CONFIRM_SECONDS} s")

    def close(self) -> None:
        """Publish nothing more; what still waits is reported as failed."""
        with self._lock:
            self._closing = True
            self._wake()
        if self._thread is not None:
            self._thread.join()

    def _submit(self, items: Sequence[Item]) -> bool:
        with self._lock:
            if self._closing:
                return False
            self._pending.extend(items)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="rabbit-publisher", daemon=True)
                self._thread.start()
            self._wake()
        return True

    def _wake(self) -> None:
        self._work.set()
        link = self._link
        if link is not None:
            link.wake(self._pump)

    def _run(self) -> None:
        while not self._closing:
            self._work.wait()
            try:
                self._serve()
            except Exception as error:  # whatever it is, no caller may be left waiting
                logger.warning("publisher: %s", describe(self._config, error))
                self._fail_all(describe(self._config, error))
        self._fail_all("the publisher was closed")

    def _serve(self) -> None:
        """One connection's life; ends with an error, or with `close`."""
        if self._closing:
            return
        link = Link(self._config, "publisher")
        try:
            self._window = Window(link.channel, self._pump)
            self._link = link
            self._pump()
            link.until(lambda: self._closing)
        finally:
            self._link = None
            link.close()

    def _pump(self) -> None:
        """Fill the window. Called when something was submitted or confirmed, on the connection's thread."""
        while self._window is not None and self._pending and self._window.has_room:
            self._window.send(self._pending.popleft())

    def _fail_all(self, error: str) -> None:
        with self._lock:
            waiting = [*self._pending]
            self._pending.clear()
            if not self._closing:
                self._work.clear()  # connect again only when there is something to publish
        window, self._window = self._window, None
        if window is not None:
            window.abandon(error)
        for item in waiting:
            item.end(error)
