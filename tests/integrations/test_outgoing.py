"""What tenants may not have called, however they write it, and wherever it leads to by the time it is called."""

import ast
import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from pytest_django import Settings

from integrations.addresses import checked_address
from integrations.errors import ForbiddenHost
from integrations.http import HttpClient
from integrations.outgoing import guarded
from pulse.hosts import AllowedHosts
from tests.support.serving import Serving

ROOT = Path(__file__).resolve().parents[2]
OTHER = "127.0.0.2"
LOOPBACK = ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "[::ffff:7f00:1]"]
# Not every resolver knows them.
WRITTEN = ["x.localhost", "0177.0.0.1", "[::1]", "[fe80::1]"]
# The installation's own services, and the sandbox with itself.
OUR_OWN = {"etl/queue/rabbit_management.py", "etl/demo/setting.py", "integrations/sandbox/github/hooks.py"}


class Asked(Serving):
    """A site that counts what it is asked, and may send its callers elsewhere. It ends each connection."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.paths: list[str] = []
        self.location = ""
        asked = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.paths.append(self.path)
                body = b"{}"
                self.send_response(302 if asked.location else 200)
                for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                if asked.location:
                    self.send_header("Location", asked.location)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        super().__init__(ThreadingHTTPServer((host, 0), Handler))


@pytest.fixture
def site() -> Iterator[Asked]:
    with Asked() as served:
        yield served


@pytest.fixture
def nobody(settings: Settings) -> None:
    settings.PULSE_ALLOW_PRIVATE_HOSTS = AllowedHosts()


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Has names lead to those addresses: with each lookup to the next list of them. What was looked up."""
    real, asked = socket.getaddrinfo, []

    def use(*answers: list[str]) -> list[str]:
        left = iter(answers)

        def answer(host: Any, port: Any, *more: Any, **named: Any) -> list[Any]:
            if str(host)[0].isdigit():
                return real(host, port, *more, **named)
            asked.append(str(host))
            return [found for address in next(left) for found in real(address, port, type=socket.SOCK_STREAM)]

        monkeypatch.setattr(socket, "getaddrinfo", answer)
        return asked

    return use


@pytest.mark.parametrize("host", LOOPBACK + WRITTEN)
@pytest.mark.usefixtures("nobody")
def test_an_address_is_refused_where_it_is_written_in_whatever_way(host: str) -> None:
    address = f"http://{host}:8080"
    with pytest.raises(ForbiddenHost) as error:
        checked_address("base_url", address, "https://acme.atlassian.net", "email")
    assert f"setting base_url is '{address}', which leads to an address that is not public" in str(error.value)


@pytest.mark.parametrize("host", LOOPBACK)
def test_it_is_refused_when_it_is_called_too(site: Asked, settings: Settings, host: str) -> None:
    client = HttpClient(f"http://{host}:{site.port}")
    settings.PULSE_ALLOW_PRIVATE_HOSTS = AllowedHosts()
    with pytest.raises(ForbiddenHost) as error:
        client.request("GET", "/thing")
    said = str(error.value)
    assert said.startswith(f"GET /thing: base_url is 'http://{host}:{site.port}': the host ")
    assert "PULSE_ALLOW_PRIVATE_HOSTS" in said
    assert site.paths == []


@pytest.mark.usefixtures("nobody")
def test_a_name_that_leads_inside_is_refused_and_where_it_leads_is_not_told(
    site: Asked, resolve: Callable[..., list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    resolve(["127.0.0.1", "10.0.0.5"])
    with pytest.raises(ForbiddenHost) as error:
        HttpClient(f"http://jira.example:{site.port}").request("GET", "/thing")
    assert "10.0.0.5" not in str(error.value)
    assert "'jira.example' was not called: 127.0.0.1, 10.0.0.5 is not public" in caplog.text
    assert site.paths == []


def test_what_was_checked_is_what_is_connected_to(site: Asked, resolve: Callable[..., list[str]]) -> None:
    asked = resolve(["127.0.0.1"], [OTHER])
    client = HttpClient(f"http://jira.example:{site.port}")
    client.request("GET", "/one")
    assert asked == ["jira.example"]
    with pytest.raises(ForbiddenHost):
        client.request("GET", "/two")
    assert (asked, site.paths) == (["jira.example"] * 2, ["/one"])


def test_of_several_addresses_only_those_are_called_that_may_be(
    site: Asked, resolve: Callable[..., list[str]], settings: Settings
) -> None:
    settings.PULSE_ALLOW_PRIVATE_HOSTS = AllowedHosts.of("127.0.0.1", "127.0.0.9")
    # Nobody listens at the last one but one.
    resolve([OTHER, "127.0.0.9", "127.0.0.1"])
    with Asked(OTHER) as other:
        HttpClient(f"http://jira.example:{site.port}").request("GET", "/thing")
        assert (site.paths, other.paths) == (["/thing"], [])


def test_a_redirect_is_looked_at_as_well(site: Asked) -> None:
    with Asked(OTHER) as other, guarded(httpx.Client(follow_redirects=True)) as client:
        site.location = f"http://{OTHER}:{other.port}/inside"
        with pytest.raises(ForbiddenHost):
            client.get(f"http://127.0.0.1:{site.port}/")
        assert other.paths == []


def test_asyncios_calls_are_looked_at_as_well(site: Asked, resolve: Callable[..., list[str]]) -> None:
    async def ask() -> int:
        async with guarded(httpx.AsyncClient()) as client:
            return (await client.get(f"http://hooks.example:{site.port}/")).status_code

    resolve(["127.0.0.9", "127.0.0.1"], [OTHER])
    assert asyncio.run(ask()) == 200
    with pytest.raises(ForbiddenHost):
        asyncio.run(ask())
    assert site.paths == ["/"]


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Asked]:
    with ExitStack() as served:
        found = served.enter_context(Asked())
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{found.port}")
        for name in ("NO_PROXY", "no_proxy", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
        yield found


def test_an_installations_proxy_gets_what_may_be_called(proxy: Asked) -> None:
    # Only the proxy knows it.
    HttpClient("http://pulse.invalid").request("GET", "/thing")
    assert proxy.paths == ["http://pulse.invalid/thing"]


@pytest.mark.parametrize("host", [OTHER, "127.2", "169.254.169.254"])
def test_an_installations_proxy_is_not_asked_for_what_may_not_be_called(proxy: Asked, host: str) -> None:
    async def ask() -> None:
        async with guarded(httpx.AsyncClient()) as client:
            await client.get(f"http://{host}/")

    with pytest.raises(ForbiddenHost):
        HttpClient(f"http://{host}").request("GET", "/thing")
    with pytest.raises(ForbiddenHost):
        asyncio.run(ask())
    assert proxy.paths == []


def _makes_calls(path: Path) -> bool:
    """Whether a module makes a client of httpx, or calls without one."""
    names = {"Client", "AsyncClient", "get", "post", "request", "stream", "put"}
    nodes = ast.walk(ast.parse(path.read_text()))
    called = [node.func for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    return any(isinstance(one.value, ast.Name) and one.value.id == "httpx" and one.attr in names for one in called)


def test_whoever_calls_for_a_tenant_guards_its_client() -> None:
    callers = {
        str(path.relative_to(ROOT)): path.read_text()
        for folder in ("pulse", "integrations", "custommapping", "etl")
        for path in (ROOT / folder).rglob("*.py")
        if _makes_calls(path)
    }
    assert set(callers) > OUR_OWN
    assert {name for name, text in callers.items() if "import guarded" not in text} == OUR_OWN
