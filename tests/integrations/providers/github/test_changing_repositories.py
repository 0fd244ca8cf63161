"""Repositories that are deleted, renamed, transferred or hidden while they are read."""

import orjson
import pytest

from integrations.errors import Permanent
from integrations.provider import Connection, PlanContext, RepositoryRef
from integrations.sandbox.github import GitHubFaults, GitHubServer
from integrations.sandbox.github.repositories import Repository
from tests.integrations.providers.github.extraction import (
    PULL_REQUESTS,
    connect,
    normalised,
    pages,
    plan_of,
    read_repository,
    reference,
)
from tests.integrations.providers.github.reading import Between, assert_whole, fetch, home, numbers, planned, warnings


def test_an_empty_and_a_disabled_repository_end_at_once(server: GitHubServer) -> None:
    for name in ("acme/handbook", "acme/templates", "acme/frozen-app"):
        read = read_repository(server, home(server, name))
        assert (len(read), warnings(read)) == (1, [])


def test_a_repository_that_was_deleted_has_no_pages_and_no_watermark(
    server: GitHubServer, identity: Repository
) -> None:
    connection, partition = planned(server, identity)
    server.site.delete_repository("acme/identity")
    read = pages(PULL_REQUESTS, connection, partition)
    ((answer, _),) = read
    assert warnings(read) == ["repository acme/identity is not visible to this account any more"]
    assert answer.broken_off
    assert [(batch.pull_requests, batch.quarantined) for batch in normalised(read)] == [([], [])]


def test_one_that_is_deleted_while_it_is_read_ends_there(server: GitHubServer, identity: Repository) -> None:
    read = read_repository(
        server, identity, Between(2, lambda: server.site.delete_repository("acme/identity")), batch_size=10
    )
    assert len(numbers(read)) == 20
    assert len(warnings(read)) == 1
    assert [answer.broken_off for answer, _ in read] == [False, False, True]


def test_lists_of_a_repository_that_is_deleted_meanwhile_end(server: GitHubServer, identity: Repository) -> None:
    connection, partition = planned(server, identity)
    answer = fetch(connection, partition.cursor)
    server.site.delete_repository("acme/identity")
    parts = [page for page, _ in pages(PULL_REQUESTS, connection, answer.followups[0])]
    assert {orjson.loads(part.body)["data"]["node"] for part in parts} == {None}
    assert parts[-1].broken_off
    # Those that were whole already stand.
    (batch,) = normalised([(answer, parts)])
    assert len(batch.pull_requests) > len(batch.quarantined) > 0


@pytest.mark.parametrize("page", [0, 1, 3])
@pytest.mark.parametrize("change", ["rename", "transfer"])
def test_a_repository_that_is_renamed_or_transferred_is_read_to_its_end(
    server: GitHubServer, identity: Repository, page: int, change: str
) -> None:
    site = server.site

    def move() -> None:
        if change == "rename":
            site.rename_repository("acme/identity", "passports")
        else:
            site.transfer_repository("acme/identity", "acme-labs")

    connection, partition = planned(server, identity, batch_size="10")
    if not page:
        move()
    read = pages(PULL_REQUESTS, connection, partition, Between(page, move))
    assert_whole(server, identity, read)
    assert read[-1][0].metadata["full_name"] == identity.name_with_owner


def test_a_name_that_another_repository_took_meanwhile_is_not_followed(
    server: GitHubServer, identity: Repository
) -> None:
    signup = home(server, "acme/signup")

    def swap() -> None:
        server.site.rename_repository("acme/identity", "passports")
        server.site.rename_repository("acme/signup", "identity")

    read = read_repository(server, identity, Between(1, swap), batch_size=10)
    assert_whole(server, identity, read)
    # Asked for by its old name it would be the other one.
    connection = connect(server)
    renamed = RepositoryRef(reference(identity).external_id, "acme/identity")
    (partition,) = PULL_REQUESTS.plan(connection, PlanContext(repositories=[renamed]))
    with pytest.raises(Permanent, match=f"acme/identity is another repository now, {reference(signup).external_id}"):
        pages(PULL_REQUESTS, connection, partition)


@pytest.mark.parametrize("lacking", ["pull_requests", "contents"])
def test_a_permission_that_is_missing_is_told_and_nothing_is_stored(
    server: GitHubServer, identity: Repository, lacking: str
) -> None:
    server.faults = GitHubFaults(lacking=(lacking,))
    given = connect(server)
    connection = Connection(1, "Sandbox", given.settings, {"token": server.fine_grained_token})
    with pytest.raises(Permanent, match=r"acme/identity.*Resource not accessible by personal access token") as raised:
        pages(PULL_REQUESTS, connection, plan_of(connection, identity))
    assert raised.value.status == 403
