"""Asking again for what deliveries named: pull requests by id, repositories by name."""

from collections.abc import Iterator

import orjson
import pytest

from integrations.errors import Permanent
from integrations.provider import Answer, Connection, Cursor, RawAnswer
from integrations.providers.github.client import TooMuch, client_for
from integrations.providers.github.extract_pull_requests import PullRequestsStep
from integrations.providers.github.normalise import normalise
from integrations.providers.github.refetch import (
    ITEMS_A_PARTITION,
    NEWEST,
    head_item,
    newest_item,
    refetch,
    repository_item,
)
from integrations.records import Batch, PullRequestRecord
from integrations.sandbox.github import GitHubFaults, GitHubServer, GitHubSite, GitHubSpec
from tests.support.github_deliveries import PULL_REQUEST_ID

HOME = "acme/identity"
NOW = 1_800_000_000
STEP = PullRequestsStep()
Read = list[tuple[Answer, Batch]]


@pytest.fixture
def server() -> Iterator[GitHubServer]:
    with GitHubServer(GitHubSite(GitHubSpec(60, seed=3), lambda: NOW)) as running:
        yield running


def connect(server: GitHubServer, **settings: str) -> Connection:
    return Connection(
        1, "Sandbox", {"base_url": server.url, "organization": "acme", **settings}, {"token": server.token}
    )


def calls(connection: Connection, cursor: Cursor | None) -> list[Answer]:
    """All answers from a cursor on, each cursor as it is read back from the database."""
    found = []
    while cursor is not None:
        found.append(STEP.fetch(client_for(connection), connection, orjson.loads(orjson.dumps(cursor))))
        cursor = found[-1].next_cursor
    return found


def stored(answer: Answer) -> RawAnswer:
    metadata = orjson.loads(orjson.dumps(answer.metadata))
    return RawAnswer(answer.entity_type, answer.external_id, orjson.loads(answer.body), metadata)


def read(connection: Connection, items: list[str]) -> Read:
    """The answers that the items are asked for with, normalised together with their follow-ups."""
    found = []
    for partition in refetch(connection, items):
        for answer in calls(connection, partition.cursor):
            rest = [stored(page) for part in answer.followups for page in calls(connection, part.cursor)]
            found.append((answer, normalise(stored(answer), rest)))
    return found


def pulls(found: Read) -> dict[str, PullRequestRecord]:
    return {record.external_id: record for _, batch in found for record in batch.pull_requests}


def ids_of(server: GitHubServer, names: list[str]) -> list[str]:
    return [server.site.find(name).id for name in names]


def numbers(server: GitHubServer, names: list[str]) -> set[str]:
    return {server.site.find(name).full_database_id for name in names}


# Partitions


def test_every_item_is_in_one_partition_and_keys_are_stable() -> None:
    connection = Connection(1, "Acme", {"organization": "acme"}, {})
    wanted = [f"PR_{number}" for number in range(2 * ITEMS_A_PARTITION)] + [repository_item(HOME)]

    partitions = refetch(connection, [*wanted, wanted[0], wanted[-1]])

    assert [item for part in partitions for item in part.cursor["items"]] == wanted
    assert [len(part.cursor["items"]) for part in partitions] == [ITEMS_A_PARTITION, ITEMS_A_PARTITION, 1]
    assert {(part.cursor["call"], part.scope) for part in partitions} == {("items", "")}
    assert len({part.key for part in partitions}) == 3
    assert partitions == refetch(connection, wanted)
    assert refetch(connection, []) == []


# Pull requests


def test_pull_requests_come_whole_with_what_their_page_cut(server: GitHubServer) -> None:
    names = [name for name in server.site.names() if name.startswith("acme/")][:60]

    found = read(connect(server), ids_of(server, names))

    assert set(pulls(found)) == numbers(server, names)
    for name in names:
        site_has = server.site.find(name)
        record = pulls(found)[site_has.full_database_id]
        assert record.repository.full_name == name.partition("#")[0]
        assert record.title == site_has.title
        assert {commit.sha for commit in record.commits} == {one.commit.oid for one in site_has.commits}
        assert len(record.comments) == len(site_has.comments) + sum(len(one.comments) for one in site_has.threads)
    assert max(len(record.commits) for record in pulls(found).values()) > 100
    assert [answer.entity_type for answer, _ in found] == ["github_pull_requests_by_id"] * 2
    assert not [lost for _, batch in found for lost in batch.quarantined]


def test_a_page_by_id_costs_at_most_ten_points(server: GitHubServer) -> None:
    (partition,) = refetch(connect(server), ids_of(server, server.site.names()[:50]))

    (answer,) = calls(connect(server), partition.cursor)

    assert 0 < answer.metadata["cost"] <= 10


def test_of_what_is_not_there_nothing_is_said(server: GitHubServer) -> None:
    name, repository = server.site.names(HOME)[0], server.site.repository(HOME)
    assert repository is not None

    found = read(connect(server), [PULL_REQUEST_ID, *ids_of(server, [name]), repository.id])

    assert set(pulls(found)) == numbers(server, [name])
    ((answer, batch),) = found
    assert (batch.gone, batch.gone_repositories, batch.quarantined, answer.warning) == ([], [], [], "")


def test_of_what_may_not_be_read_the_run_warns_and_the_others_stand(server: GitHubServer) -> None:
    secret = next(one.name_with_owner for one in server.site.repositories if one.is_private and server.site.pulls(one))
    names = [server.site.names(secret)[0], server.site.names(HOME)[0]]
    server.faults = GitHubFaults(saml=["acme"])
    open_home = server.site.repository(HOME)
    assert open_home is not None
    assert not open_home.is_private

    ((answer, batch),) = read(connect(server), ids_of(server, names))

    assert {record.external_id for record in batch.pull_requests} == numbers(server, names[1:])
    assert answer.warning.startswith("1 pull requests of which a webhook told may not be read: ")
    assert "SAML" in answer.warning


def test_where_a_part_of_a_pull_request_may_not_be_read_nothing_is_stored(server: GitHubServer) -> None:
    server.faults = GitHubFaults(lacking=["contents"])
    settings = Connection(
        1, "S", {"base_url": server.url, "organization": "acme"}, {"token": server.fine_grained_token}
    )
    (partition,) = refetch(settings, ids_of(server, server.site.names(HOME)[:2]))

    with pytest.raises(Permanent, match=r"FORBIDDEN at nodes\.0"):
        calls(settings, partition.cursor)


def test_what_is_too_much_at_once_comes_in_smaller_parts(server: GitHubServer) -> None:
    names = server.site.names()[:20]
    server.faults = GitHubFaults(heavy_nodes=200)

    found = read(connect(server), ids_of(server, names))

    assert set(pulls(found)) == numbers(server, names)
    assert len(found) > 1
    assert sorted(one for answer, _ in found for one in answer.metadata["ids"]) == sorted(ids_of(server, names))


def test_what_does_not_come_even_alone_is_asked_for_again_later(server: GitHubServer) -> None:
    server.faults = GitHubFaults(heavy_nodes=1)
    ids = ids_of(server, server.site.names(HOME)[:2])
    (both,) = refetch(connect(server), ids)

    found = calls(connect(server), both.cursor)

    # Together they wait for neither; alone each is tried again.
    assert [part.cursor["items"] for answer in found for part in answer.partitions] == [[one] for one in ids]
    assert not [record for answer in found for record in normalise(stored(answer)).pull_requests]
    with pytest.raises(TooMuch, match=f"pull request {ids[0]}: not even"):
        calls(connect(server), found[0].partitions[0].cursor)


def test_nothing_is_kept_of_a_pull_request_whose_repository_left_the_scope(server: GitHubServer) -> None:
    names = [server.site.names(HOME)[0], next(name for name in server.site.names() if not name.startswith(HOME))]
    wanted = ids_of(server, names)
    server.site.transfer_repository(HOME, "acme-labs")

    ((answer, batch),) = read(connect(server), wanted)

    assert {record.external_id for record in batch.pull_requests} == numbers(server, names[1:])
    assert b"acme-labs" not in answer.body
    assert batch.quarantined == []


# Repositories


def rows(found: Read) -> list[tuple[str, bool]]:
    return [(record.full_name, record.archived) for _, batch in found for record in batch.repositories]


def gone(found: Read) -> list[str]:
    return [name for _, batch in found for name in batch.gone_repositories]


def test_a_repositorys_row_is_asked_for_by_its_name(server: GitHubServer) -> None:
    server.site.archive_repository(HOME)

    found = read(connect(server), [repository_item(HOME)])

    assert (rows(found), gone(found)) == ([(HOME, True)], [])
    ((answer, _),) = found
    assert (answer.entity_type, answer.external_id) == ("github_repository", "repository:acme/identity")


def test_a_repository_that_was_deleted_is_gone(server: GitHubServer) -> None:
    server.site.delete_repository(HOME)

    found = read(connect(server), [repository_item(HOME)])

    assert (rows(found), gone(found)) == ([], [HOME])


def test_a_repository_that_left_the_scope_is_gone_under_the_name_that_it_had(server: GitHubServer) -> None:
    server.site.transfer_repository(HOME, "acme-labs")

    found = read(connect(server), [repository_item(HOME)])

    assert (rows(found), gone(found)) == ([], [HOME])
    assert b"acme-labs" not in found[0][0].body


def test_a_late_delivery_finds_a_repository_that_was_renamed_meanwhile(server: GitHubServer) -> None:
    server.site.rename_repository(HOME, "accounts")

    assert rows(read(connect(server), [repository_item(HOME)])) == [("acme/accounts", False)]


def test_the_newest_pull_requests_are_those_that_were_just_pushed_to(server: GitHubServer) -> None:
    name = server.site.open_pull(HOME)
    server.site.push_commits(name, 3)

    found = read(connect(server), [newest_item(HOME)])

    pushed = server.site.find(name)
    record = pulls(found)[pushed.full_database_id]
    assert len(record.commits) == 4
    assert len(pulls(found)) == NEWEST < len(server.site.names(HOME))
    ((answer, batch),) = found
    assert answer.entity_type == "github_pull_requests"
    assert answer.metadata["cost"] <= 2
    assert batch.repositories == []


def test_those_of_a_branch_are_found_however_many_are_newer(server: GitHubServer) -> None:
    name = server.site.open_pull(HOME, branch="fix/ä,b")
    for _ in range(NEWEST):
        server.site.open_pull(HOME)

    ((answer, batch),) = read(connect(server), [head_item(HOME, "fix/ä,b")])

    assert [record.external_id for record in batch.pull_requests] == [server.site.find(name).full_database_id]
    assert (answer.entity_type, answer.metadata["full_name"]) == ("github_pull_requests", HOME)
    assert answer.metadata["cost"] <= 2


@pytest.mark.parametrize("owner", ["", "acme-labs"])
def test_of_a_repository_that_was_lost_after_a_push_nothing_is_said(server: GitHubServer, owner: str) -> None:
    """That it was deleted, or left the scope, is told by a delivery of its own."""
    if owner:
        server.site.transfer_repository(HOME, owner)
    else:
        server.site.delete_repository(HOME)

    for item in (newest_item(HOME), head_item(HOME, "main")):
        ((answer, batch),) = read(connect(server), [item])
        assert batch.is_empty
        assert b"acme-labs" not in answer.body


def test_all_kinds_are_asked_for_by_one_partition_one_after_another(server: GitHubServer) -> None:
    names = server.site.names(HOME)[:2]
    first, second = ids_of(server, names)

    found = read(connect(server), [repository_item(HOME), first, newest_item(HOME), second])

    assert [answer.entity_type for answer, _ in found] == [
        "github_pull_requests_by_id", "github_repository", "github_pull_requests",
    ]  # fmt: skip
    assert numbers(server, names) <= set(pulls(found))
    assert len({answer.external_id for answer, _ in found}) == 3
    remaining = [answer.next_cursor["items"] for answer, _ in found[:-1] if answer.next_cursor]
    assert remaining == [[repository_item(HOME), newest_item(HOME)], [newest_item(HOME)]]
