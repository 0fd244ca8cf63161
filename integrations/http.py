"""One way to call a site over HTTP, for all providers: bounded in time and size, with errors that say what to do."""

import logging
import os
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Protocol, TypeVar, cast

import httpx

from integrations.errors import ForbiddenHost, Passing, Permanent, StageError, TimedOut, Transient
from integrations.http_errors import judged, of_json
from integrations.http_limits import Quota, quota, source_time, spent_seconds
from integrations.json_text import parse_site
from integrations.outgoing import guarded
from integrations.provider import Connection

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 10
READ_SECONDS = 60
# For the whole body: the read timeout begins again with each byte.
ANSWER_SECONDS = 300
ANSWER_BYTES = 64 * 1024 * 1024
KEEP_ALIVE_SECONDS = 30
REDIRECTS = 3


@dataclass(frozen=True)
class Response:
    """An answer whose ``body`` is JSON as it came. ``source_time`` is the site's own clock.

    ``spent_seconds`` is for how long nothing is left for the next call; None where the site does not say so.
    """

    call: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    source_time: datetime | None
    spent_seconds: float | None = None

    @property
    def quota(self) -> Quota | None:
        """What the site says is left for the calls to come."""
        return quota(self.headers)

    def json(self) -> Any:
        """The parsed body. Raises Transient where it is cut off."""
        try:
            return parse_site(self.body)
        except ValueError:
            declared = self.headers.get("content-length", "an unknown number")
            raise Transient(
                f"{self.call} answered JSON that is not whole: {len(self.body)} bytes came, {declared} were declared"
            ) from None


Judge = Callable[[Response], Response]
"""Gives an answer as it is to be taken: some sites say in the body that they refuse, or what is left of a budget.
Raises the StageError that an answer means instead.
"""


class Throttle(Protocol):
    """Whoever counts the calls of an integration: all that are made within `throttled`."""

    def call(self, question: str, make: Callable[[], Response]) -> Response:
        """Makes a call. Raises RateLimited where it may not be made now, and whatever ``make`` raises.

        ``question`` tells it from other calls. A fetch that is put aside between two calls begins anew: to calls that
        it made before it may get the answers (or errors) that it got then.
        """


_throttle: ContextVar[Throttle | None] = ContextVar("throttle", default=None)


@contextmanager
def throttled(throttle: Throttle | None) -> Iterator[None]:
    """Makes the calls of this thread under the throttle, or none: those of all clients, since a site may count them
    together.
    """
    token = _throttle.set(throttle)
    try:
        yield
    finally:
        _throttle.reset(token)


class HttpClient:
    """Calls one site, keeping its connections. Safe to share between threads.

    ``setting`` is the one that ``base_url`` comes from, for messages.
    """

    def __init__(
        self,
        base_url: str,
        auth: tuple[str, str] | httpx.Auth | None = None,
        headers: Mapping[str, str] | None = None,
        answer_bytes: int = ANSWER_BYTES,
        answer_seconds: float = ANSWER_SECONDS,
        timeout: httpx.Timeout | None = None,
        setting: str = "base_url",
    ) -> None:
        self.base_url, self._setting = base_url, setting
        self._answer_bytes, self._answer_seconds = answer_bytes, answer_seconds
        try:
            client = httpx.Client(
                base_url=base_url,
                auth=auth,
                headers={"User-Agent": "Pulse", "Accept": "application/json", **(headers or {})},
                timeout=timeout or httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
                limits=httpx.Limits(keepalive_expiry=KEEP_ALIVE_SECONDS),
            )
        except (httpx.InvalidURL, UnicodeError) as error:
            raise self._no_address(error) from error
        self._client = guarded(client)

    def request(
        self,
        method: str,
        path: str,
        params: Mapping[str, str | int] | None = None,
        json: Any = None,
        accept: Collection[int] = (),
        judge: Judge = judged,
        name: str = "",
    ) -> Response:
        """Makes one call and gives its answer, if it is JSON with a good status or one of ``accept``.

        ``judge`` says of the others what they are. ``name`` says what is asked for, where the path does not.

        A server error or a lost connection is answered by asking once more at once, which harms nothing: all calls
        only read. Single ones are common, and in a sync of thousands of calls some would happen three times in a row.

        Raises RateLimited where the site asks to wait, Transient for what may pass, else Permanent. Messages name the
        call; they hold neither headers nor parameters.
        """
        question = repr((self.base_url, method, path, params, json))
        call = f"{method} {path} ({name})" if name else f"{method} {path}"
        # A leading slash would leave out the path of a base URL that has one.
        build = partial(self._client.build_request, method, path.lstrip("/"), params=params, json=json)
        make = partial(self._made, call, build, accept, judge)
        try:
            return _asked(question, make)
        except Passing as error:
            logger.info("%s: asking once more", error)
            return _asked(question, make)

    def _made(self, call: str, build: Callable[[], httpx.Request], accept: Collection[int], judge: Judge) -> Response:
        try:
            answer, body = self._send(call, build())
        except httpx.HTTPError as error:
            raise self._unreached(call, error) from error
        except ForbiddenHost as error:
            raise ForbiddenHost(f"{call}: {self._setting} is {self.base_url!r}: {error}") from None
        except UnicodeError as error:
            # The resolver's own complaint about a name with labels that no host can have.
            raise self._no_address(error) from error
        status, headers = answer.status_code, answer.headers
        response = Response(call, status, headers, body, source_time(headers), spent_seconds(headers))
        return of_json(response) if status in accept else judge(response)

    def _send(self, call: str, request: httpx.Request) -> tuple[httpx.Response, bytes]:
        """The answer, after redirects that stay on the site: credentials go nowhere else."""
        for _ in range(REDIRECTS + 1):
            answer = self._client.send(request, stream=True)
            try:
                body = self._read(call, answer)
            finally:
                answer.close()
            if answer.next_request is None:
                return answer, body
            origin, request = request.url, answer.next_request
            if (request.url.scheme, request.url.netloc) != (origin.scheme, origin.netloc):
                raise self._led_away(call, request.url)
        raise Permanent(f"{call} was redirected more than {REDIRECTS} times")

    def _read(self, call: str, answer: httpx.Response) -> bytes:
        """The whole body, within the bounds of size and time."""
        # One encoding makes of what is read at once 64 MB at most; of two, a kilobyte may become more than there is.
        if "," in answer.headers.get("Content-Encoding", ""):
            raise Permanent(f"{call} answered in several encodings, one within the other, which is not read")
        parts, size, deadline = [], 0, time.monotonic() + self._answer_seconds
        for part in answer.iter_bytes():
            parts.append(part)
            size += len(part)
            if size > self._answer_bytes:
                raise Permanent(f"{call} answered more than {self._answer_bytes} bytes")
            if time.monotonic() > deadline:
                raise TimedOut(f"{call} took more than {self._answer_seconds:g} s: {size} bytes came")
        return b"".join(parts)

    def _led_away(self, call: str, to: httpx.URL) -> Permanent:
        target = f"{to.scheme}://{to.netloc.decode('ascii')}"
        hint = "a login page, or the site has moved"
        if to.host == self._client.base_url.host:
            hint = f"write {self._setting} with {target}"
        site = f"the site of {self._setting} {self.base_url}"
        return Permanent(f"{call} was redirected to {target}, which is not {site} ({hint})")

    def _no_address(self, error: Exception) -> Permanent:
        return Permanent(f"{self._setting} is {self.base_url!r}: not the address of a host ({error})")

    def _unreached(self, call: str, error: httpx.HTTPError) -> StageError:
        reason = f"{type(error).__name__}: {error}"
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            reached = f"{call}: the host of {self._setting} {self.base_url} could not be reached ({reason})"
            return Transient(f"{reached}: check its certificate, and https or http" if "SSL" in reason else reached)
        if isinstance(error, httpx.TimeoutException):
            return TimedOut(f"{call} did not answer in time ({reason})")
        return Passing(f"{call} was cut off ({reason})")


def _asked(question: str, make: Callable[[], Response]) -> Response:
    throttle = _throttle.get()
    return make() if throttle is None else throttle.call(question, make)


Client = TypeVar("Client")
_shared: dict[int, tuple[Connection, Any]] = {}
_lock = threading.Lock()
# A forked process must not write into its parent's connections.
os.register_at_fork(after_in_child=_shared.clear)


def shared_client(connection: Connection, build: Callable[[Connection], Client]) -> Client:
    """This process's client for an integration; another one is built when its settings have changed.

    The old one may still be in use by another thread, so it is left to end with its last user.
    """
    with _lock:
        kept = _shared.get(connection.integration_id)
        if kept is None or kept[0] != connection:
            kept = _shared[connection.integration_id] = connection, build(connection)
        return cast(Client, kept[1])
