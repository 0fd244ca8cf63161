from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from integrations.sandbox import SandboxServer, Site, SiteSpec

Search = Callable[..., dict[str, Any]]


@pytest.fixture
def site() -> Site:
    return Site(SiteSpec(issues=300, seed=3))


@pytest.fixture
def server(site: Site) -> Iterator[SandboxServer]:
    with SandboxServer(site) as running:
        yield running


@pytest.fixture
def client(server: SandboxServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, auth=(server.email, server.token), timeout=10) as opened:
        yield opened


@pytest.fixture
def search(client: httpx.Client) -> Search:
    """One page as the server gives it; keyword arguments are the body."""

    def ask(jql: str, **body: Any) -> dict[str, Any]:
        response = client.post("/rest/api/3/search/jql", json={"jql": jql} | body)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    return ask
