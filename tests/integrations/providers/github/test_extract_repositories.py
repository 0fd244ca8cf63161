"""Listing repositories by owner and by name, against the sandbox."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from integrations.errors import Permanent
from integrations.provider import Connection, PlanContext
from integrations.providers.github.client import client_for
from integrations.records import OwnerRepositories
from integrations.sandbox.github import GitHubFaults, GitHubServer, GitHubSite, GitHubSpec
from integrations.sandbox.http import Response
from tests.integrations.providers.github.extraction import (
    REPOSITORIES,
    Read,
    connect,
    normalised,
    pages,
    reference,
)
from tests.integrations.providers.github.scripted import GRAPHQL, scripted

OF_ACME = 12


@pytest.fixture
def server() -> Iterator[GitHubServer]:
    with GitHubServer(GitHubSite(GitHubSpec(0, seed=3), lambda: 1_800_000_000)) as running:
        yield running


@pytest.fixture
def large() -> Iterator[GitHubServer]:
    """An organisation of three pages."""
    spec = GitHubSpec(0, seed=3, more_repositories=230 - OF_ACME)
    with GitHubServer(GitHubSite(spec, lambda: 1_800_000_000)) as running:
        yield running


def read(server: GitHubServer, **settings: str) -> Read:
    connection = connect(server, **settings)
    partitions = REPOSITORIES.plan(connection, PlanContext())
    assert len({partition.key for partition in partitions}) == len(partitions)
    assert {partition.scope for partition in partitions} <= {""}
    return [found for partition in partitions for found in pages(REPOSITORIES, connection, partition)]


def names(found: Read) -> list[str]:
    return [record.full_name for batch in normalised(found) for record in batch.repositories]


def warnings(found: Read) -> list[str]:
    return [one.warning for answer, parts in found for one in (answer, *parts) if one.warning]


def owned(server: GitHubServer, login: str) -> list[str]:
    return [found.name_with_owner for found in server.site.repositories if found.owner.login == login]


def test_all_repositories_of_an_organization_are_listed(server: GitHubServer) -> None:
    found = read(server)
    (batch,) = normalised(found)
    assert sorted(names(found)) == sorted(owned(server, "acme"))
    assert len(names(found)) == OF_ACME
    ours = [one for one in server.site.repositories if one.owner.login == "acme"]
    (listed,) = batch.owner_repositories
    assert listed.owner == "acme"
    assert set(listed.repository_ids) == {reference(one).external_id for one in ours}
    assert warnings(found) == []


def test_an_answer_says_whom_it_is_about_and_what_it_cost(server: GitHubServer) -> None:
    ((answer, _),) = read(server, organization="ACME")
    assert answer.external_id == "owner:acme"
    assert (answer.metadata["owner"], answer.metadata["cost"]) == ("ACME", 1)
    assert answer.source_time


def test_further_pages_complete_the_first_one(large: GitHubServer) -> None:
    found = read(large)
    ((answer, parts),) = found
    assert (answer.next_cursor, len(parts)) == (None, 2)
    assert sorted(names(found)) == sorted(owned(large, "acme"))
    (batch,) = normalised(found)
    (listed,) = batch.owner_repositories
    assert len(listed.repository_ids) == 230
    assert [part.entity_type for part in parts] == ["github_repositories_rest"] * 2
    assert len({one.external_id for one in (answer, *parts)}) == 3


def test_several_owners_are_listed_side_by_side_users_too(server: GitHubServer) -> None:
    found = read(server, organization="acme, acme-labs, ada-okafor")
    assert sorted(names(found)) == sorted(owned(server, "acme") + owned(server, "acme-labs"))
    lists = [one for batch in normalised(found) for one in batch.owner_repositories]
    assert OwnerRepositories("ada-okafor", ()) in lists


def test_only_what_belongs_to_the_owner_is_asked_for(server: GitHubServer) -> None:
    read(server)
    sent = orjson.loads(server.requests[-1].body)
    assert "ownerAffiliations: [OWNER]" in sent["query"]


def test_repositories_of_other_owners_are_asked_for_by_name(server: GitHubServer) -> None:
    found = read(server, repositories="acme/identity, ACME-LABS/Spikes")
    assert names(found) == ["acme/identity", "acme-labs/spikes"]
    assert [answer.external_id for answer, _ in found] == ["repository:acme/identity", "repository:acme-labs/spikes"]
    assert [batch.owner_repositories for batch in normalised(found)] == [[], []]


def test_one_that_is_not_there_is_told_and_is_gone(server: GitHubServer) -> None:
    found = read(server, repositories="acme/identity, acme/nothing")
    assert names(found) == ["acme/identity"]
    assert warnings(found) == ["setting repositories: acme/nothing is not visible to this account"]
    assert [batch.gone_repositories for batch in normalised(found)] == [[], ["acme/nothing"]]


def test_one_that_has_another_name_now_is_told(server: GitHubServer) -> None:
    found = read(server, repositories="acme/admin-console")
    assert warnings(found) == [
        "setting repositories: acme/admin-console is called acme/console now, and is read only under that name"
    ]
    assert [batch.gone_repositories for batch in normalised(found)] == [["acme/admin-console"]]
    # So it is where it was transferred to an owner who is not read.
    server.site.transfer_repository("acme/identity", "acme-labs")
    found = read(server, repositories="acme/identity")
    assert [(batch.repositories, batch.gone_repositories) for batch in normalised(found)] == [([], ["acme/identity"])]
    assert b"acme-labs" not in found[0][0].body


def test_one_that_has_another_name_now_is_read_where_that_is_named_too(server: GitHubServer) -> None:
    found = read(server, repositories="acme/admin-console, acme/console")
    assert set(names(found)) == {"acme/console"}


def test_an_owner_of_whom_the_account_sees_nothing_is_told(server: GitHubServer) -> None:
    server.faults = GitHubFaults(hidden=[home.name_with_owner for home in server.site.repositories])
    found = read(server, organization="acme")
    assert warnings(found) == ["acme has no repository that is visible to this account"]
    assert [batch.owner_repositories for batch in normalised(found)] == [[OwnerRepositories("acme", ())]]


def test_entries_that_no_repository_of_a_listed_owner_has_are_told(large: GitHubServer) -> None:
    """On whatever page those stand that are there."""
    found = read(large, organization="acme", repositories="service-2*, identity, nothing, no-*")
    assert warnings(found) == ["setting repositories: acme/nothing, acme/no-* is not visible to this account"]


def test_an_owner_that_is_not_there_is_an_error_of_its_own(server: GitHubServer) -> None:
    connection = connect(server, organization="acme, nobody-at-all")
    good, bad = REPOSITORIES.plan(connection, PlanContext())
    assert pages(REPOSITORIES, connection, good)
    with pytest.raises(Permanent, match="organisation or user 'nobody-at-all'"):
        pages(REPOSITORIES, connection, bad)


def test_an_organization_that_wants_single_sign_on_is_an_error(server: GitHubServer) -> None:
    server.faults = GitHubFaults(saml=("acme",))
    with pytest.raises(Permanent, match=r"repositories of acme: .*single sign-on") as raised:
        read(server)
    assert raised.value.status == 403


def test_what_single_sign_on_leaves_out_of_a_list_is_told() -> None:
    node = {"id": "R_7", "databaseId": 7, "nameWithOwner": "acme/web"}
    page = {"pageInfo": {"hasNextPage": False, "endCursor": None}, "nodes": [node]}
    body = Response.json({"data": {"repositoryOwner": {"login": "acme", "repositories": page}}}).body
    hidden = {"x-github-sso": "partial-results; organizations=21955855,20582480"}
    with scripted({GRAPHQL: Response(200, body, headers=hidden)}) as site:
        given = site.connection(repositories="acme/we*, acme/api")
        (found,) = [pages(REPOSITORIES, given, part) for part in REPOSITORIES.plan(given, PlanContext())]
    first, second = warnings(found)[0].split("; setting")
    assert first == (
        "repositories of acme: left out is what belongs to organisations with single sign-on "
        "(organizations=21955855,20582480): authorise the token for the organisation's single sign-on"
    )
    assert second == " repositories: acme/api is not visible to this account"


def test_a_site_that_repeats_a_cursor_is_told(large: GitHubServer) -> None:
    connection = connect(large)
    (partition,) = REPOSITORIES.plan(connection, PlanContext())
    answer = REPOSITORIES.fetch(client_for(connection), connection, partition.cursor)
    large.faults = GitHubFaults(repeat_token=True)
    with pytest.raises(Permanent, match=r"repositories of acme, page 2: .* again"):
        pages(REPOSITORIES, connection, answer.followups[0])


@pytest.mark.parametrize(
    "faults", [GitHubFaults(heavy_nodes=40), GitHubFaults(resource_nodes=40), GitHubFaults(short_share=0.9)]
)
def test_pages_that_are_too_much_or_short_come_all_the_same(large: GitHubServer, faults: GitHubFaults) -> None:
    large.faults = faults
    found = read(large)
    assert sorted(names(found)) == sorted(owned(large, "acme"))


def test_settings_that_cannot_be_right_are_told_when_planning(server: GitHubServer) -> None:
    connection = Connection(1, "Sandbox", {"base_url": server.url, "repositories": "*-service"}, {"token": "t"})
    with pytest.raises(Permanent, match="setting repositories has"):
        REPOSITORIES.plan(connection, PlanContext())


def test_recorded_answers_are_recognised_by_their_shape(large: GitHubServer) -> None:
    """A page alone does not say what is gone: only a whole list is taken for one."""
    ((page, parts),) = read(large)
    ((whole, _),) = read(large, organization="acme-labs")
    ((one, _),) = read(large, repositories="acme/identity")
    found: list[Any] = [REPOSITORIES.recognise(orjson.loads(answer.body)) for answer in (page, *parts, whole, one)]
    assert [kind for kind, _ in found] == [
        *["github_repositories_rest"] * 3,
        "github_repositories",
        "github_repository",
    ]
    assert [name for _, name in found][3:] == [whole.external_id, one.external_id]
    assert len(set(found)) == 5


@pytest.mark.parametrize("content", [None, {}, {"data": {"repository": {"nameWithOwner": "a/b", "pullRequests": {}}}}])
def test_what_is_no_answer_of_this_step_is_not_recognised(content: Any) -> None:
    assert REPOSITORIES.recognise(content) is None
