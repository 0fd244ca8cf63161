from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from integrations.sandbox.github import GitHubServer, GitHubSite, GitHubSpec

Answer = dict[str, Any]
Ask = Callable[..., Answer]


class Clock:
    """A clock that a test moves."""

    def __init__(self, at: float) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock(1_800_000_000)


@pytest.fixture
def site(clock: Clock) -> GitHubSite:
    return GitHubSite(GitHubSpec(60, seed=3), clock)


@pytest.fixture
def server(site: GitHubSite) -> Iterator[GitHubServer]:
    with GitHubServer(site) as running:
        yield running


@pytest.fixture
def client(server: GitHubServer) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"bearer {server.token}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=20) as opened:
        yield opened


@pytest.fixture
def post(client: httpx.Client) -> Callable[..., httpx.Response]:
    """The whole answer to a query; keyword arguments are its variables."""

    def send(query: str, **variables: Any) -> httpx.Response:
        return client.post("/graphql", json={"query": query, "variables": variables})

    return send


@pytest.fixture
def ask(post: Callable[..., httpx.Response]) -> Ask:
    """The data of a query that must have no errors."""

    def send(query: str, **variables: Any) -> Answer:
        response = post(query, **variables)
        assert response.status_code == 200, response.text
        body: Answer = response.json()
        assert "errors" not in body, body["errors"]
        data: Answer = body["data"]
        return data

    return send
