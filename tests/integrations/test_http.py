import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import Mock

import httpx
import pytest

from integrations.errors import Permanent, RateLimited, StageError, TimedOut, Transient
from integrations.http import HttpClient, shared_client, throttled
from integrations.http import Response as Answered
from integrations.provider import Connection
from integrations.sandbox.http import HttpServer, Request, Response

SECRET = "s3cret-token"


class Site:
    """A server whose next answers a test decides; ``answer`` may be replaced at any time."""

    def __init__(self) -> None:
        self.answer: Callable[[Request], Response] = lambda request: Response.json({"path": request.path})
        self.server = HttpServer(lambda request: self.answer(request), 0, lambda: 1_700_000_000.0)

    def gives(self, status: int, body: bytes = b"{}", kind: str = "application/json", **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answer = lambda request: Response(status, body, kind, named)


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    site.server.start()
    yield site
    site.server.stop()


@pytest.fixture
def client(site: Site) -> HttpClient:
    return HttpClient(site.server.url, auth=("me@example.com", SECRET))


def refused(client: HttpClient, method: str = "GET", path: str = "/thing") -> StageError:
    with pytest.raises(StageError) as caught:
        client.request(method, path, params={"token": SECRET}).json()
    assert f"{method} {path}" in str(caught.value)
    assert SECRET not in str(caught.value)
    return caught.value


def test_an_answer_comes_with_its_bytes_and_the_clock_of_the_site(site: Site, client: HttpClient) -> None:
    body = b'{ "a":1.0,\t"a": 2.50 }'
    site.gives(200, body)
    response = client.request("GET", "/thing")
    assert (response.status, response.body, response.json()) == (200, body, {"a": 2.5})
    assert response.source_time == datetime.fromtimestamp(1_700_000_000, UTC)


def test_calls_name_pulse_and_keep_the_path_of_the_base_url(site: Site) -> None:
    client = HttpClient(f"{site.server.url}/ex/jira/cloud-1")
    assert client.request("GET", "/rest/x", params={"q": "a b"}).json() == {"path": "/ex/jira/cloud-1/rest/x"}
    assert site.server.requests[0].headers["user-agent"] == "Pulse"
    assert site.server.requests[0].query == {"q": ["a b"]}


def test_connections_are_used_again_by_many_threads(
    site: Site, client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[socket.socket] = []
    monkeypatch.setattr(site.server, "opened", opened.append)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda number: client.request("GET", f"/n/{number}").json(), range(40)))
    assert [answer["path"] for answer in answers] == [f"/n/{number}" for number in range(40)]
    assert len(opened) <= 4


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
def test_a_failing_server_is_transient(site: Site, client: HttpClient, status: int) -> None:
    site.gives(status, b"<html>oops</html>", "text/html")
    error = refused(client)
    assert isinstance(error, Transient)
    assert str(status) in str(error)


@pytest.mark.parametrize(
    ("status", "word"), [(400, "base_search"), (401, "credentials"), (403, "permission"), (404, "base_url"), (410, "")]
)
def test_a_refused_call_is_permanent_and_says_what_the_site_says(
    site: Site, client: HttpClient, status: int, word: str
) -> None:
    site.gives(status, b'{"errorMessages":["No such thing."],"errors":{"base_search":"is wrong"}}')
    error = refused(client, "POST", "/search")
    assert type(error) is Permanent
    for part in (str(status), "No such thing.", "base_search: is wrong", word):
        assert part in str(error)


def test_a_status_that_is_accepted_is_an_answer(site: Site, client: HttpClient) -> None:
    site.gives(404, b'{"errorMessages":["none"]}')
    assert client.request("GET", "/thing", accept=(404,)).status == 404


@pytest.mark.parametrize(("status", "text", "seconds"), [(429, "7", 7), (429, "0", 0), (503, "30", 30)])
def test_a_limit_tells_until_when_to_wait(site: Site, client: HttpClient, status: int, text: str, seconds: int) -> None:
    site.gives(status, retry_after=text)
    error = refused(client)
    assert isinstance(error, RateLimited)
    assert error.until is not None
    assert abs(error.until - datetime.now(UTC) - timedelta(seconds=seconds)) < timedelta(seconds=5)


@pytest.mark.parametrize("headers", [{"Retry_After": "30"}, {"X_RateLimit_Remaining": "0", "X_RateLimit_Reset": "30"}])
def test_a_permission_that_lacks_only_for_a_while_is_a_limit(site: Site, client: HttpClient, headers: Any) -> None:
    site.gives(403, b'{"message":"Slow down."}', **headers)
    error = refused(client)
    assert isinstance(error, RateLimited)
    assert error.until is not None
    assert abs(error.until - datetime.now(UTC) - timedelta(seconds=30)) < timedelta(seconds=5)
    assert "403: Slow down." in str(error)


@pytest.mark.parametrize("headers", [{}, {"X_RateLimit_Reset": "2020-01-01T00:00Z"}])
def test_a_limit_that_names_no_time_to_come_says_so(site: Site, client: HttpClient, headers: Any) -> None:
    site.gives(429, **headers)
    error = refused(client)
    assert isinstance(error, RateLimited)
    assert error.until is None


def test_a_limit_beside_a_budget_of_which_something_is_left_does_not_last_until_its_reset(
    site: Site, client: HttpClient
) -> None:
    site.gives(429, X_RateLimit_Remaining="4000", X_RateLimit_Reset="3000")
    error = refused(client)
    assert isinstance(error, RateLimited)
    assert error.until is None


def test_a_good_answer_says_for_how_long_nothing_is_left(site: Site, client: HttpClient) -> None:
    assert client.request("GET", "/thing").spent_seconds is None
    site.gives(200, X_RateLimit_Remaining="0", X_RateLimit_Reset="30")
    assert client.request("GET", "/thing").spent_seconds == 30


def test_a_site_with_refusals_of_its_own_has_a_judge_of_its_own(site: Site, client: HttpClient) -> None:
    def judge(response: Answered) -> Answered:
        if response.status != 200:
            raise RateLimited(f"{response.call}: {response.status}", None, 60)
        return replace(response, spent_seconds=response.json()["spent"])

    site.gives(200, b'{"spent": 7}')
    assert client.request("POST", "/graphql", judge=judge).spent_seconds == 7
    site.gives(418)
    throttle = Counting()
    with throttled(throttle), pytest.raises(RateLimited, match=r"^POST /graphql \(first page\): 418$") as caught:
        client.request("POST", "/graphql", judge=judge, name="first page")
    assert (caught.value.least_seconds, throttle.errors) == (60, [caught.value])
    assert client.request("POST", "/graphql", judge=judge, accept=(418,)).status == 418


def test_a_limit_says_why_as_far_as_the_site_does(site: Site, client: HttpClient) -> None:
    site.gives(429, b'{"errorMessages":["Rate limit exceeded."]}', RateLimit_Reason="jira-quota-tenant-based")
    assert "429: Rate limit exceeded. (jira-quota-tenant-based)" in str(refused(client))


@pytest.mark.parametrize("status", [400, 403, 404, 408, 429, 500, 503])
def test_an_error_has_the_status_that_was_its_cause(site: Site, client: HttpClient, status: int) -> None:
    site.gives(status)
    assert refused(client).status == status


def test_an_error_without_an_answer_has_no_status(client: HttpClient, site: Site) -> None:
    site.gives(200, b"<html>", "text/html")
    assert refused(client).status is None


class Counting:
    """A throttle that keeps the questions it is asked, and refuses once it is to."""

    def __init__(self) -> None:
        self.questions: list[str] = []
        self.errors: list[StageError] = []
        self.refuses = False

    @property
    def calls(self) -> int:
        return len(self.questions)

    def call(self, question: str, make: Callable[[], Answered]) -> Answered:
        self.questions.append(question)
        if self.refuses:
            raise RateLimited("GET /thing: not now", None)
        try:
            return make()
        except StageError as error:
            self.errors.append(error)
            raise


def test_a_throttle_is_asked_before_each_call_of_its_block(site: Site, client: HttpClient) -> None:
    throttle = Counting()
    client.request("GET", "/before")
    with throttled(throttle):
        client.request("GET", "/one")
        client.request("GET", "/two")
        throttle.refuses = True
        assert isinstance(refused(client), RateLimited)
    client.request("GET", "/after")
    assert throttle.calls == 3
    assert [request.path for request in site.server.requests] == ["/before", "/one", "/two", "/after"]


def test_a_throttle_is_told_calls_apart_by_all_that_they_ask(site: Site, client: HttpClient) -> None:
    throttle, other = Counting(), HttpClient(f"{site.server.url}/other")
    with throttled(throttle):
        for _ in range(2):
            client.request("GET", "/thing", params={"page": 1})
        client.request("GET", "/thing", params={"page": 2})
        client.request("POST", "/thing", json={"jql": "x"})
        client.request("POST", "/thing", json={"jql": "y"})
        other.request("POST", "/thing", json={"jql": "y"})
    first, again, *others = throttle.questions
    assert first == again
    assert len({first, *others}) == 5


def test_a_throttle_is_asked_for_each_of_the_two_calls_that_a_failure_is_answered_with(
    site: Site, client: HttpClient
) -> None:
    throttle = Counting()
    site.gives(500)
    with throttled(throttle):
        refused(client)
    assert throttle.calls == len(site.server.requests) == 2


def test_a_throttle_of_one_thread_is_not_that_of_another(client: HttpClient, site: Site) -> None:
    throttle = Counting()
    with throttled(throttle), ThreadPoolExecutor(1) as pool:
        pool.submit(client.request, "GET", "/thing").result()
    assert (throttle.calls, len(site.server.requests)) == (0, 1)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<!DOCTYPE html><title>Log in</title>", "text/html;charset=UTF-8"),
        (b"  <html>", "application/json"),
        (b"hello", "text/plain"),
    ],
)
def test_a_page_for_people_is_permanent(site: Site, client: HttpClient, body: bytes, kind: str) -> None:
    site.gives(200, body, kind)
    error = refused(client)
    assert type(error) is Permanent
    assert "a login page or a proxy answered" in str(error)


def test_json_that_is_cut_off_is_transient_and_names_the_sizes(site: Site, client: HttpClient) -> None:
    site.gives(200, b'{"issues": [{"id": "1"')
    error = refused(client)
    assert type(error) is Transient
    assert "22 bytes came, 22 were declared" in str(error)


def test_json_that_only_a_database_refuses_is_read(site: Site, client: HttpClient) -> None:
    site.gives(200, rb'{"lone": "\ud83d", "nul": "\u0000"}')
    assert client.request("GET", "/thing").json() == {"lone": "\ud83d", "nul": "\0"}


def test_one_record_without_a_bottom_leaves_the_others(site: Site, client: HttpClient) -> None:
    site.gives(200, b'[{"id": 1}, %b%b, {"id": 2}]' % (b"[" * 200_000, b"]" * 200_000))
    first, _, last = client.request("GET", "/thing").json()
    assert (first, last) == ({"id": 1}, {"id": 2})


def test_an_answer_beyond_the_limit_is_permanent(site: Site) -> None:
    client = HttpClient(site.server.url, answer_bytes=1000)
    site.gives(200, b'"' + b"x" * 998 + b'"')
    assert len(client.request("GET", "/thing").body) == 1000
    site.gives(200, b'"' + b"x" * 999 + b'"')
    error = refused(client)
    assert type(error) is Permanent
    assert "more than 1000 bytes" in str(error)


def test_an_answer_that_takes_too_long_is_cut_off(site: Site) -> None:
    error = refused(HttpClient(site.server.url, answer_seconds=-1))
    assert type(error) is TimedOut
    assert "took more than" in str(error)


def test_a_redirect_within_the_site_is_followed(site: Site, client: HttpClient) -> None:
    moved = Response(302, b"", headers={"Location": "/new"})
    site.answer = lambda request: moved if request.path == "/thing" else Response.json({"at": request.path})
    assert client.request("GET", "/thing").json() == {"at": "/new"}
    assert "authorization" in site.server.requests[1].headers


def test_a_redirect_to_another_host_is_not_followed(site: Site, client: HttpClient) -> None:
    site.gives(302, b"", Location=f"http://localhost:{site.server.url.rpartition(':')[2]}/login?{SECRET}")
    error = refused(client)
    assert type(error) is Permanent
    assert "http://localhost" in str(error)
    assert len(site.server.requests) == 1


def test_redirects_in_a_circle_end(site: Site, client: HttpClient) -> None:
    site.gives(302, b"", Location="/thing")
    assert "more than 3 times" in str(refused(client))


def test_a_host_that_cannot_be_reached_is_transient_and_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        base_url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    error = refused(HttpClient(base_url))
    assert type(error) is Transient
    assert f"base_url {base_url} could not be reached" in str(error)


def test_a_host_that_is_not_known_is_transient_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = Mock(side_effect=socket.gaierror(-2, "Name or service not known"))
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = refused(HttpClient("http://pulse.invalid"))
    assert type(error) is Transient
    assert "base_url http://pulse.invalid could not be reached" in str(error)
    assert "Name or service not known" in str(error)


@pytest.mark.parametrize("twice", ["gzip, gzip", "gzip,deflate", "identity, gzip"])
def test_an_answer_that_was_compressed_more_than_once_is_not_unpacked(
    site: Site, client: HttpClient, twice: str
) -> None:
    site.gives(200, gzip.compress(gzip.compress(b"[" + b" " * 1_000_000 + b"]")), Content_Encoding=twice)
    error = refused(client)
    assert type(error) is Permanent
    assert "answered in several encodings" in str(error)


@pytest.mark.parametrize("base_url", ["http://x\0y", "http://" + "a" * 300, "http://x..y", "http://\ud83d"])
def test_a_base_url_that_no_host_can_have_is_permanent(base_url: str) -> None:
    with pytest.raises(Permanent) as caught:
        HttpClient(base_url).request("GET", "/thing")
    assert f"base_url is {base_url!r}" in str(caught.value)


def served(*answers: bytes) -> str:
    """The address of a server that sends these bytes to its callers, one after another, and hangs up each time."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listener:
            for answer in answers:
                with listener.accept()[0] as connection:
                    connection.recv(65536)
                    connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"issues": [',
        b"this is not HTTP\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
    ],
)
def test_a_cut_connection_is_transient(answer: bytes) -> None:
    error = refused(HttpClient(served(answer, answer)))
    assert isinstance(error, Transient)
    assert "was cut off" in str(error)


def test_a_site_that_does_not_speak_tls_is_told_with_what_to_check(site: Site) -> None:
    error = refused(HttpClient(site.server.url.replace("http:", "https:")))
    assert isinstance(error, Transient)
    assert str(error).endswith("check its certificate, and https or http")


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"])
def test_what_fails_once_is_asked_for_again_at_once(first: bytes) -> None:
    good = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    assert HttpClient(served(first, good)).request("GET", "/thing").json() == {}


def test_a_silent_server_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        error = refused(HttpClient(address, timeout=httpx.Timeout(0.1)))
    assert type(error) is TimedOut
    assert "did not answer in time" in str(error)


def test_an_integration_shares_one_client_until_its_settings_change() -> None:
    connection = Connection(4711, "Acme", {"base_url": "http://127.0.0.1"}, {"api_token": SECRET})

    def build(wanted: Connection) -> HttpClient:
        return HttpClient(wanted.setting("base_url"))

    first = shared_client(connection, build)
    assert shared_client(replace(connection), build) is first
    assert shared_client(replace(connection, integration_id=4712), build) is not first
    assert shared_client(replace(connection, secrets={"api_token": "new"}), build) is not first
    assert SECRET not in repr(connection)
