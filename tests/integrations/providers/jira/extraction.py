"""Driving the provider's steps against the sandbox, over HTTP and without an engine."""

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from integrations.provider import Answer, Connection, Partition, PlanContext, ProjectRef, RawAnswer
from integrations.providers.jira.provider import JiraProvider
from integrations.records import Batch
from integrations.sandbox import SandboxServer

NOW = 1_790_000_000
jira = JiraProvider()
NAMES = {step.order: step.name for step in JiraProvider.steps}
PROJECTS_STEP, STATUSES_STEP, ISSUES_STEP, FIELDS_STEP, LISTING_STEP = (NAMES[order] for order in (1, 2, 3, 5, 6))
Read = list[tuple[Answer, Batch]]


def connect(server: SandboxServer, url: str = "", token: str = "", **settings: str) -> Connection:
    secrets = {"email": server.email, "api_token": token or server.token}
    return Connection(1, "Sandbox", {"base_url": url or server.url + "/", **settings}, secrets)


def pages(
    step: str, connection: Connection, partition: Partition, between: Callable[[Answer], None] = lambda answer: None
) -> list[tuple[Answer, list[Answer]]]:
    """All answers of a partition, and of those that it gives rise to, each with those that complete it.

    ``between`` is called after each answer that another one follows.
    """
    found = []
    waiting, cursor = [partition], partition.cursor
    while waiting:
        partition = waiting.pop(0)
        following: Any = partition.cursor
        while following is not None:
            cursor = orjson.loads(orjson.dumps(following))
            answer = jira.fetch(step, connection, Partition(partition.key, cursor, partition.scope))
            followed = [page for part in answer.followups for page, _ in pages(step, connection, part)]
            found.append((answer, followed))
            waiting += answer.partitions
            following = answer.next_cursor
            if following is not None:
                between(answer)
    return found


def stored(answer: Answer) -> RawAnswer:
    """As it is read back from the database."""
    metadata = orjson.loads(orjson.dumps(answer.metadata))
    return RawAnswer(answer.entity_type, answer.external_id, orjson.loads(answer.body), metadata)


def normalised(found: Sequence[tuple[Answer, list[Answer]]]) -> Read:
    return [(answer, jira.normalise(stored(answer), [stored(page) for page in followed])) for answer, followed in found]


def run(step: str, connection: Connection, context: PlanContext) -> Read:
    """Everything that a step fetches, normalised."""
    return [
        pair
        for partition in jira.plan(step, connection, context)
        for pair in normalised(pages(step, connection, partition))
    ]


def projects_of(server: SandboxServer) -> list[ProjectRef]:
    return [ProjectRef(found.id, found.key) for found in server.site.spec.projects]


def plan_of(server: SandboxServer, connection: Connection, project: int = 0, step: str = ISSUES_STEP) -> Partition:
    """The partition of one project of the site."""
    return jira.plan(step, connection, PlanContext([projects_of(server)[project]]))[0]


def first(step: str, connection: Connection, server: SandboxServer) -> Answer:
    return jira.fetch(step, connection, jira.plan(step, connection, PlanContext(projects_of(server)))[0])


def first_page(connection: Connection, server: SandboxServer) -> Answer:
    """The first page of issues of the first project: what comes after its count."""
    count = first(ISSUES_STEP, connection, server)
    assert count.next_cursor is not None
    return jira.fetch(ISSUES_STEP, connection, Partition("project", count.next_cursor))


def ids(read: Read) -> list[str]:
    """The ids of the issues read, one for each time that it came."""
    return [item.external_id for _, batch in read for item in batch.work_items]
