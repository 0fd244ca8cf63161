"""A server that is never silent for long, and never done: no timeout of a socket ends a call to it."""

import socketserver
import threading
from types import TracebackType

from tests.support.serving import Serving

EVERY_SECONDS = 0.02
BYTES = 500


class Trickling(Serving):
    """Says ``begins`` and then letters, one by one.

    ``heard_out`` counts who waited for all of it: ten seconds.
    """

    def __init__(self, begins: bytes) -> None:
        self.calls = self.heard_out = 0
        self._begins = begins
        self._over = threading.Event()
        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), self._handler())
        server.daemon_threads = True
        super().__init__(server)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        super().__exit__(kind, error, trace)

    def _handler(self) -> type[socketserver.BaseRequestHandler]:
        server = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                server.calls += 1
                try:
                    self.request.sendall(server._begins)
                    for _ in range(BYTES):
                        if server._over.wait(EVERY_SECONDS):
                            return
                        self.request.sendall(b"a")
                    server.heard_out += 1
                except OSError:
                    """Whoever called has enough."""

        return Handler
