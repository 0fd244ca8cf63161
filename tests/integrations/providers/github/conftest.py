"""A site for the tests of what is read of it."""

from collections.abc import Iterator

import pytest

from integrations.sandbox.github import GitHubServer, GitHubSite, GitHubSpec
from integrations.sandbox.github.repositories import Repository
from tests.integrations.providers.github.reading import Clock, home


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Iterator[GitHubServer]:
    """A site that has every oddity."""
    with GitHubServer(GitHubSite(GitHubSpec(180, seed=3), clock)) as running:
        yield running


@pytest.fixture
def identity(server: GitHubServer) -> Repository:
    return home(server, "acme/identity")
