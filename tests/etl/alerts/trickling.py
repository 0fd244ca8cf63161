"""A server that is never silent for long, and never done: no timeout of a socket ends a call to it."""

import socketserver
import threading
from types import TracebackType
from typing import Self

EVERY_SECONDS = 0.02
BYTES = 500


class Trickling:
    """Listens on a loopback port within a `with` block, and says ``begins`` and then letters, one by one.

    ``heard_out`` counts who waited for all of it: ten seconds.
    """

    def __init__(self, begins: bytes) -> None:
        self.calls = self.heard_out = 0
        self._begins = begins
        self._over = threading.Event()
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()

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
