"""What the server of any sandbox site can do for a test or a demo."""

from collections import Counter, deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

from integrations.sandbox.http import App, HttpServer, Request


class SiteServer:
    """`with server:` serves `server.url` on a free port until the block ends.

    `requests` are the calls as they came, `counts` their number per path. `clock` gives the Date header, in epoch
    seconds. Raises OSError on a taken port.
    """

    def __init__(self, app: App, port: int, clock: Callable[[], float]) -> None:
        self._http = HttpServer(app, port, clock)

    @property
    def url(self) -> str:
        return self._http.url

    @property
    def requests(self) -> deque[Request]:
        return self._http.requests

    @property
    def counts(self) -> Counter[str]:
        return self._http.counts

    def start(self) -> None:
        self._http.start()

    def stop(self) -> None:
        self._http.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
