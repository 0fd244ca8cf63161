"""Driving the provider's steps against the sandbox, over HTTP and without an engine."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson

from integrations.provider import Answer, Connection, Partition, PlanContext, RawAnswer, RepositoryRef
from integrations.providers.github.client import client_for
from integrations.providers.github.extract_pull_requests import PullRequestsStep
from integrations.providers.github.extract_repositories import RepositoriesStep
from integrations.providers.github.normalise import normalise
from integrations.providers.github.steps import GitHubStep
from integrations.records import Batch, PullRequestRecord
from integrations.sandbox.github import GitHubServer
from integrations.sandbox.github.pulls import PullRequest
from integrations.sandbox.github.repositories import Repository

REPOSITORIES, PULL_REQUESTS = RepositoriesStep(), PullRequestsStep()
# An answer, and those that complete it.
Read = list[tuple[Answer, list[Answer]]]


def connect(server: GitHubServer, **settings: str) -> Connection:
    """To all of the organisation acme, unless other settings say what is to be read."""
    given = settings if {"organization", "repositories"} & settings.keys() else {"organization": "acme", **settings}
    return Connection(1, "Sandbox", {"base_url": server.url, **given}, {"token": server.token})


def pages(
    step: GitHubStep,
    connection: Connection,
    partition: Partition,
    between: Callable[[Answer], None] = lambda answer: None,
) -> Read:
    """All answers of a partition, each with those that complete it; ``between`` is called after each."""
    found: Read = []
    for answer in _answers(step, connection, partition):
        parts = [page for part in answer.followups for page in _answers(step, connection, part)]
        found.append((answer, parts))
        between(answer)
    return found


def _answers(step: GitHubStep, connection: Connection, partition: Partition) -> Iterator[Answer]:
    following: Any = partition.cursor
    while following is not None:
        # As it is kept from one page to the next.
        cursor = orjson.loads(orjson.dumps(following))
        answer = step.fetch(client_for(connection), connection, cursor)
        yield answer
        following = answer.next_cursor


def stored(answer: Answer) -> RawAnswer:
    """As it is read back from the database."""
    metadata = orjson.loads(orjson.dumps(answer.metadata))
    return RawAnswer(answer.entity_type, answer.external_id, orjson.loads(answer.body), metadata)


def normalised(read: Read) -> list[Batch]:
    return [normalise(stored(answer), [stored(part) for part in parts]) for answer, parts in read]


def records(read: Read) -> dict[str, PullRequestRecord]:
    """What was read of each pull request, by its id; nothing is quarantined."""
    batches = normalised(read)
    assert [entry for batch in batches for entry in batch.quarantined] == []
    return {record.external_id: record for batch in batches for record in batch.pull_requests}


def reference(repository: Repository) -> RepositoryRef:
    """As its listing names it: numbers beyond 32 bits are not told."""
    return RepositoryRef(str(repository.database_id or repository.id), repository.name_with_owner)


def plan_of(
    connection: Connection, repository: Repository, since: datetime | None = None, batch_size: int = 50
) -> Partition:
    """The partition of one repository; ``since`` is when the last sync of it began."""
    context = PlanContext(repositories=[reference(repository)], batch_size=batch_size)
    (partition,) = PULL_REQUESTS.plan(connection, context)
    if since is not None:
        (partition,) = PULL_REQUESTS.plan(connection, replace(context, watermarks={partition.scope: since}))
    return partition


def read_repository(
    server: GitHubServer,
    repository: Repository,
    between: Callable[[Answer], None] = lambda answer: None,
    **settings: Any,
) -> Read:
    """All pull requests of a repository."""
    size = settings.pop("batch_size", 50)
    connection = connect(server, **settings)
    return pages(PULL_REQUESTS, connection, plan_of(connection, repository, batch_size=size), between)


def truth(pull: PullRequest) -> tuple[int, set[str], int, int]:
    """What the site holds of a pull request: its number, commits, and how many reviews and comments it has."""
    said = len(pull.comments) + sum(len(thread.comments) for thread in pull.threads)
    return pull.number, {made.commit.oid for made in pull.commits}, len(pull.reviews), said


def told(record: PullRequestRecord) -> tuple[int, set[str], int, int]:
    """The same of what was read."""
    return record.number, {commit.sha for commit in record.commits}, len(record.reviews), len(record.comments)
