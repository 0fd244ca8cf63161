"""A small HTTP/1.1 server for tests and demos: keep-alive, a thread per connection, routes, a record of the calls."""

import logging
import re
import socket
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from enum import Enum, auto
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qs, urlsplit

import orjson

log = logging.getLogger(__name__)
REMEMBERED_REQUESTS = 10_000
JSON_TYPE = "application/json;charset=UTF-8"


class ApiError(Exception):
    """An answer other than success, in the error shape that Jira uses."""

    def __init__(self, status: int, *messages: str, **errors: str) -> None:
        super().__init__(status, *messages)
        self.status, self.messages, self.errors = status, messages, errors

    def response(self) -> "Response":
        return Response.json({"errorMessages": self.messages, "errors": self.errors}, self.status)


@dataclass(frozen=True, slots=True)
class Request:
    """One call as it came. `query` holds every value of a parameter; `params` what the route took from the path."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes = b""
    params: dict[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise ApiError(400, "The request body is not valid JSON.") from None

    def text(self, name: str, default: str = "") -> str:
        return self.query.get(name, [default])[-1]

    def listed(self, name: str) -> list[str]:
        """A parameter that may be repeated and may hold several values with commas."""
        return [part for value in self.query.get(name, []) for part in value.split(",") if part]


class Cut(Enum):
    """Where the connection ends in the middle of an answer."""

    BEFORE_HEAD = auto()
    WITHIN_BODY = auto()


@dataclass(frozen=True, slots=True)
class Response:
    """One answer; `body` goes out as it is. With `cut` it does not arrive whole, and the connection is closed."""

    status: int
    body: bytes
    content_type: str = JSON_TYPE
    headers: dict[str, str] = field(default_factory=dict)
    cut: Cut | None = None

    @classmethod
    def json(cls, value: Any, status: int = 200) -> "Response":
        return cls(status, orjson.dumps(value))


App = Callable[[Request], Response]
Context = TypeVar("Context")
Handler = Callable[[Context, Request], Response]


class Router(Generic[Context]):
    """Finds the handler by method and path; `{name}` in a pattern is one path segment, given as `request.params`."""

    def __init__(self) -> None:
        self._routes: list[tuple[str, re.Pattern[str], Handler[Context]]] = []

    def on(self, method: str, pattern: str) -> Callable[[Handler[Context]], Handler[Context]]:
        """Registers a handler; raises nothing, the first route that fits wins."""
        compiled = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern))

        def register(handler: Handler[Context]) -> Handler[Context]:
            self._routes.append((method, compiled, handler))
            return handler

        return register

    def handle(self, context: Context, request: Request) -> Response:
        """Raises ApiError 404 for an unknown path and 405 for a known one that is not served in this method."""
        # Looked up by path alone first: a known path with another method is a 405.
        found = list(self._fitting(request.path))
        for method, handler, match in found:
            if method == request.method:
                request.params.update(match.groupdict())
                return handler(context, request)
        raise ApiError(405 if found else 404, "Method Not Allowed" if found else f"No such path: {request.path}")

    def _fitting(self, path: str) -> Iterator[tuple[str, Handler[Context], re.Match[str]]]:
        for method, pattern, handler in self._routes:
            if match := pattern.fullmatch(path):
                yield method, handler, match


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    # Idle keep-alive connections would hold the stop back for ever: stop() closes their sockets instead.
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], owner: "HttpServer") -> None:
        self.owner = owner
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that hangs up is everyday life here, not a traceback on somebody's terminal.
        log.debug("connection of %s ended", client_address, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Small answers on a kept connection would wait for the delayed acknowledgement otherwise.
    disable_nagle_algorithm = True
    server: _Listener

    def setup(self) -> None:
        super().setup()
        self.server.owner.opened(self.connection)

    def finish(self) -> None:
        self.server.owner.closed(self.connection)
        super().finish()

    def serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        parts = urlsplit(self.path)
        # Names of headers have no case; one spelling saves every reader from thinking of that.
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = parse_qs(parts.query, keep_blank_values=True)
        self._answer(
            self.server.owner.answer(Request(self.command, parts.path, query, headers, self.rfile.read(length)))
        )

    do_GET = do_POST = do_PUT = do_DELETE = serve

    def _answer(self, response: Response) -> None:
        """Head and body in one write: two would wait for each other's acknowledgement."""
        lines = [
            f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}",
            f"Date: {self.server.owner.date()}",
        ]
        lines += [f"Content-Type: {response.content_type}", f"Content-Length: {len(response.body)}"]
        lines += [f"{name}: {value}" for name, value in response.headers.items()]
        head = "\r\n".join(lines).encode() + b"\r\n\r\n"
        if response.cut is None:
            self.wfile.write(head + response.body)
            return
        # The head has promised the whole length, so the client can tell that something is missing.
        if response.cut is Cut.WITHIN_BODY:
            self.wfile.write(head + response.body[: len(response.body) // 2])
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        log.debug(format, *args)


class HttpServer:
    """Serves `app` on the loopback until stopped. `clock` (epoch seconds) is what the Date header shows.

    `requests` are the last calls in order, `counts` the calls per path. Raises OSError where the port is taken.
    """

    def __init__(self, app: App, port: int, clock: Callable[[], float]) -> None:
        # Bounded: a demo may run for days.
        self.requests: deque[Request] = deque(maxlen=REMEMBERED_REQUESTS)
        self.counts: Counter[str] = Counter()
        self.stopping = threading.Event()
        self._app, self._clock = app, clock
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._listener = _Listener(("127.0.0.1", port), self)
        # Short poll: it is how long a stop may take.
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.02,), daemon=True, name="sandbox")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.server_address[1]}"

    def date(self) -> str:
        return formatdate(self._clock(), usegmt=True)

    def answer(self, request: Request) -> Response:
        with self._lock:
            self.requests.append(request)
            self.counts[request.path] += 1
        try:
            return self._app(request)
        except ApiError as error:
            return error.response()
        except Exception as error:
            # A bug of the sandbox must not look like an answer of Jira, so it is told in its own words.
            log.exception("the sandbox itself failed at %s", request.path)
            return ApiError(500, f"sandbox error: {error!r}").response()

    def opened(self, connection: socket.socket) -> None:
        with self._lock:
            self._connections.add(connection)

    def closed(self, connection: socket.socket) -> None:
        with self._lock:
            self._connections.discard(connection)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends the listener and every open connection; safe to call twice."""
        self.stopping.set()
        if self._thread.is_alive():
            self._listener.shutdown()
            self._thread.join()
        self._listener.server_close()
        with self._lock:
            for connection in self._connections:
                _hang_up(connection)


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        log.debug("the other side was gone already")
