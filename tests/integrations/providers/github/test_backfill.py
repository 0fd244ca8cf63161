"""Reading only what was last changed within some time."""

from datetime import UTC, datetime, timedelta

import pytest

from integrations.provider import Connection, Partition, PlanContext
from integrations.providers.github import places
from integrations.providers.github.questions import oldest_wanted
from integrations.sandbox.github import GitHubServer
from integrations.sandbox.github.repositories import Repository
from tests.integrations.providers.github.extraction import (
    PULL_REQUESTS,
    Read,
    connect,
    normalised,
    pages,
    records,
    reference,
)


def partition_of(
    connection: Connection, repository: Repository, first: float | None, end: float | None, size: int = 10
) -> Partition:
    moments = [None if bound is None else datetime.fromtimestamp(bound, UTC) for bound in (first, end)]
    context = PlanContext(
        repositories=[reference(repository)], batch_size=size, updated_from=moments[0], updated_to=moments[1]
    )
    (partition,) = PULL_REQUESTS.plan(connection, context)
    return partition


def backfill(server: GitHubServer, repository: Repository, first: float | None, end: float | None) -> Read:
    connection = connect(server)
    return pages(PULL_REQUESTS, connection, partition_of(connection, repository, first, end))


def updates(server: GitHubServer, repository: Repository) -> list[int]:
    """When its pull requests were last updated, oldest first."""
    return sorted(int(pull.updated_at) for pull in server.site.pulls(repository))


def wanted(server: GitHubServer, repository: Repository, first: float | None, end: float | None) -> set[int]:
    return {
        pull.number
        for pull in server.site.pulls(repository)
        if (first is None or pull.updated_at >= first) and (end is None or pull.updated_at < end)
    }


def test_what_was_updated_in_the_range_is_read_and_nothing_else(server: GitHubServer, identity: Repository) -> None:
    at = updates(server, identity)
    for first, end in ((at[10], at[20]), (None, at[5]), (at[-5], None), (at[3], at[3] + 1), (at[2] + 0.5, at[9] - 0.5)):
        read = backfill(server, identity, first, end)

        found = {record.number for record in records(read).values()}
        assert found == wanted(server, identity, first, end)
        assert found
        # Nor is anything else compared, followed up, or asked for by itself.
        assert {name for answer, _ in read for name in answer.digests} == set(records(read))


def test_what_is_newer_is_passed_over_cheaply(
    server: GitHubServer, identity: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "_PLACES_A_PAGE", 4)
    at = updates(server, identity)

    read = backfill(server, identity, at[5], at[10])

    passed = [answer for answer, _ in read if answer.entity_type == "github_pull_request_places"]
    assert len(passed) == (len(at) - 10) // 4 + 1
    assert len({answer.external_id for answer in passed}) == len(passed)
    (page,) = [answer for answer, _ in read if answer not in passed]
    assert page.body.count(b'"title"') == 10
    assert {record.number for record in records(read).values()} == wanted(server, identity, at[5], at[10])


def test_a_range_in_which_nothing_was_updated_costs_a_call(server: GitHubServer, identity: Repository) -> None:
    first = updates(server, identity)[0]

    read = backfill(server, identity, first - 1000, first)

    assert [answer.entity_type for answer, _ in read] == ["github_pull_request_places"]
    assert [batch.pull_requests for batch in normalised(read)] == [[]]


def test_a_range_of_few_is_read_in_a_page_of_few(server: GitHubServer, identity: Repository) -> None:
    at = updates(server, identity)

    read = backfill(server, identity, at[5], at[7])

    (page,) = [answer for answer, _ in read if answer.entity_type == "github_pull_requests"]
    # An older one tells that there are no more.
    assert page.body.count(b'"title"') == len(wanted(server, identity, at[5], at[7])) + 1 == 3
    assert {record.number for record in records(read).values()} == wanted(server, identity, at[5], at[7])


def test_a_range_between_two_updates_needs_no_page(server: GitHubServer, identity: Repository) -> None:
    at = updates(server, identity)

    read = backfill(server, identity, at[5] + 1, at[5] + 2)

    assert [answer.entity_type for answer, _ in read] == ["github_pull_request_places"]


def test_what_is_updated_while_places_are_looked_for_hides_no_other(
    server: GitHubServer, identity: Repository, monkeypatch: pytest.MonkeyPatch, clock: object
) -> None:
    monkeypatch.setattr(places, "_PLACES_A_PAGE", 4)
    at, connection = updates(server, identity), connect(server)
    before = wanted(server, identity, at[5], at[15])
    touched = min(wanted(server, identity, at[8], at[9]))

    def touch(answer: object) -> None:
        server.site.comment_pull(f"acme/identity#{touched}")

    read = pages(PULL_REQUESTS, connection, partition_of(connection, identity, at[5], at[15]), touch)

    assert {record.number for record in records(read).values()} == before - {touched}


def test_a_cursor_that_the_site_forgot_while_places_are_looked_for_is_made_up_for(
    server: GitHubServer, identity: Repository
) -> None:
    at, connection = updates(server, identity), connect(server)
    partition = partition_of(connection, identity, at[5], at[10])
    lost = Partition(partition.key, {**partition.cursor, "after": "forgotten"}, partition.scope)

    read = pages(PULL_REQUESTS, connection, lost)

    assert {record.number for record in records(read).values()} == wanted(server, identity, at[5], at[10])


def test_a_repository_that_is_hidden_by_then_is_warned_of(server: GitHubServer, identity: Repository) -> None:
    at, connection = updates(server, identity), connect(server)
    partition = partition_of(connection, identity, at[5], at[10])
    server.site.delete_repository("acme/identity")

    ((answer, _),) = pages(PULL_REQUESTS, connection, partition)

    assert "acme/identity is not visible to this account any more" in answer.warning
    assert answer.broken_off


def test_a_backfill_has_a_scope_and_names_of_its_own(server: GitHubServer, identity: Repository) -> None:
    connection, at = connect(server, start_date="2020-01-01"), datetime(2024, 1, 1, tzinfo=UTC).timestamp()
    scopes = {
        partition_of(connection, identity, first, end).scope for first, end in ((None, None), (at, None), (None, at))
    }

    assert len(scopes) == 3
    question = partition_of(connection, identity, at, at + timedelta(days=1).total_seconds()).cursor["question"]
    assert oldest_wanted(question) == "2024-01-01T00:00:00Z"
    assert question["updated"] == ["2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"]
