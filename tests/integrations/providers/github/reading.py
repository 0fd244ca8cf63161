"""Reading repositories of a site to their end, and what came of it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson

from integrations.provider import Answer, Connection, Partition
from integrations.providers.github.client import client_for
from integrations.sandbox.github import GitHubServer
from integrations.sandbox.github.repositories import Repository
from tests.integrations.providers.github.extraction import (
    PULL_REQUESTS,
    Read,
    connect,
    pages,
    plan_of,
    records,
    told,
    truth,
)

NOW = 1_800_000_000


class Clock:
    """A clock that a test moves."""

    at = NOW

    def __call__(self) -> float:
        return self.at


def home(server: GitHubServer, name: str) -> Repository:
    found = server.site.repository(name)
    assert found
    return found


def newest_first(server: GitHubServer, repository: Repository) -> list[int]:
    pulls = sorted(server.site.pulls(repository), key=lambda pull: (-pull.updated_at, -pull.number))
    return [pull.number for pull in pulls]


def nodes(answer: Answer) -> list[Any]:
    """The pull requests of a page, none where the repository is gone."""
    repository = orjson.loads(answer.body)["data"]["repository"]
    return list(repository["pullRequests"]["nodes"]) if repository else []


def numbers(read: Read) -> list[int]:
    return [node["number"] for answer, _ in read for node in nodes(answer)]


def sizes(read: Read) -> list[int]:
    return [answer.metadata["page_size"] for answer, _ in read]


def rest(read: Read) -> list[Answer]:
    """What completes the pages."""
    return [part for _, parts in read for part in parts]


def warnings(read: Read) -> list[str]:
    return [answer.warning for answer, _ in read if answer.warning]


def assert_whole(server: GitHubServer, repository: Repository, read: Read) -> None:
    """All that the site has of the repository came, and nothing else."""
    expected = {str(pull.full_database_id): truth(pull) for pull in server.site.pulls(repository)}
    assert {external_id: told(record) for external_id, record in records(read).items()} == expected


class Between:
    """Does something to the site after the n-th page, counted from 1."""

    def __init__(self, page: int, action: Callable[[], object]) -> None:
        self.left, self.action = page, action

    def __call__(self, answer: Answer) -> None:
        self.left -= 1
        if not self.left:
            self.action()


def fetch(connection: Connection, cursor: Any) -> Answer:
    return PULL_REQUESTS.fetch(client_for(connection), connection, cursor)


def planned(server: GitHubServer, repository: Repository, **settings: str) -> tuple[Connection, Partition]:
    connection = connect(server, **settings)
    return connection, plan_of(connection, repository)


def since(server: GitHubServer, repository: Repository, moment: float, **settings: str) -> Read:
    connection = connect(server, **settings)
    watermark = datetime.fromtimestamp(moment, UTC)
    return pages(PULL_REQUESTS, connection, plan_of(connection, repository, since=watermark))


def stale(cursor: Any, after: str = "Y3Vyc29yOm9sZA==") -> Partition:
    return Partition("repository", {**cursor, "after": after})
