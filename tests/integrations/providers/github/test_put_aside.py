"""Pull requests that the site never gives whole: the others do not wait for them."""

import re
from collections.abc import Callable, Iterator

import pytest

from integrations.errors import Permanent
from integrations.providers.github.client import TooMuch
from integrations.providers.github.sizes import MOST_BARE
from integrations.sandbox.github import GitHubServer, GitHubSite, GitHubSpec
from integrations.sandbox.github.pulls import PullRequest
from integrations.sandbox.github.repositories import Repository
from integrations.sandbox.http import Request, Response
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
from tests.integrations.providers.github.reading import fetch

# What GitHub says of commits that are too large for it.
UNCOUNTED = {
    "data": {"repository": None},
    "errors": [{"type": "SERVICE_UNAVAILABLE", "message": "The additions count for this commit is unavailable."}],
}


class TroubledServer(GitHubServer):
    """Gives ``instead`` of each answer in which it ``finds`` something."""

    finds: Callable[[str], object] = staticmethod(lambda body: False)
    instead = Response(502, b"<html></html>", "text/html")

    def _answer(self, request: Request) -> Response:
        response = super()._answer(request)
        return self.instead if self.finds(response.body.decode()) else response


@pytest.fixture
def server() -> Iterator[TroubledServer]:
    with TroubledServer(GitHubSite(GitHubSpec(180, seed=3), lambda: 1_800_000_000)) as running:
        yield running


@pytest.fixture
def home(server: TroubledServer) -> Repository:
    """The one that has the pull request with the most commits."""
    pulls = [pull for pull in map(server.site.find, server.site.names()) if pull.repository.owner.login == "acme"]
    return max(pulls, key=lambda pull: len(pull.commits)).repository


def read(server: GitHubServer, home: Repository) -> Read:
    connection = connect(server)
    return pages(PULL_REQUESTS, connection, plan_of(connection, home))


def assert_all_but(lost: PullRequest, server: TroubledServer, home: Repository, found: Read) -> None:
    """It is asked for by itself until it comes, and is the only one that is lost where it does not."""
    expected = {str(pull.full_database_id): truth(pull) for pull in server.site.pulls(home) if pull is not lost}
    assert {external_id: told(record) for external_id, record in records(found).items()} == expected
    aside = [part for answer, rest in found for one in (answer, *rest) for part in one.partitions]
    (alone,) = aside
    # Another scope: what is read later of the repository does not wait for it.
    assert (alone.cursor["items"], alone.scope) == ([lost.id], f"pull_request:{lost.id}")
    with pytest.raises(TooMuch, match=lost.id if "page" in alone.key else "not even a single one comes"):
        pages(PULL_REQUESTS, connect(server), alone)
    server.finds = lambda body: False
    again = records(pages(PULL_REQUESTS, connect(server), alone))
    assert [told(record) for record in again.values()] == [truth(lost)]


def test_one_that_never_comes_costs_none_of_the_others(server: TroubledServer, home: Repository) -> None:
    lost = server.site.pulls(home)[4]
    named = re.compile(rf'"id": ?"{lost.id}".*?"title"', re.DOTALL)
    server.finds = lambda body: lost.url in body and named.search(body)
    assert_all_but(lost, server, home, read(server, home))


def test_one_of_which_a_part_behind_its_page_never_comes_costs_none_of_the_others(
    server: TroubledServer, home: Repository
) -> None:
    lost = max(server.site.pulls(home), key=lambda pull: len(pull.commits))
    assert len(lost.commits) > 100
    last = lost.commits[60].commit.oid
    server.finds = lambda body: last in body
    assert_all_but(lost, server, home, read(server, home))


def test_one_of_which_a_part_behind_its_page_may_not_be_seen_costs_none_of_the_others(
    server: TroubledServer, home: Repository
) -> None:
    lost = max(server.site.pulls(home), key=lambda pull: len(pull.commits))
    last = lost.commits[60].commit.oid
    server.finds = lambda body: last in body
    refusal = {"type": "FORBIDDEN", "path": ["node", "commits"], "message": "Resource not accessible by integration"}
    server.instead = Response.json({"data": {"node": {"id": lost.id, "commits": None}}, "errors": [refusal]})

    found = read(server, home)

    expected = {str(pull.full_database_id) for pull in server.site.pulls(home) if pull is not lost}
    assert set(records(found)) == expected
    (alone,) = [part for answer, rest in found for one in (answer, *rest) for part in one.partitions]
    assert (alone.cursor["items"], alone.scope) == ([lost.id], f"pull_request:{lost.id}")
    with pytest.raises(Permanent, match=r"FORBIDDEN at node\.commits"):
        pages(PULL_REQUESTS, connect(server), alone)


@pytest.mark.parametrize("place", [0, 60])
def test_only_the_commit_whose_lines_nobody_counts_comes_without_their_numbers(
    server: TroubledServer, home: Repository, place: int
) -> None:
    pull = max(server.site.pulls(home), key=lambda pull: len(pull.commits))
    uncounted = pull.commits[place].commit.oid
    named = re.compile(rf'"oid": ?"{uncounted}", ?"message": ?"(?:[^"\\]|\\.)*", ?"additions"')
    server.finds = named.search
    server.instead = Response.json(UNCOUNTED)

    found = read(server, home)

    expected = {str(pull.full_database_id): truth(pull) for pull in server.site.pulls(home)}
    assert {external_id: told(record) for external_id, record in records(found).items()} == expected
    commits = [commit for record in records(found).values() for commit in record.commits]
    assert {commit.sha for commit in commits if commit.additions is None} == {uncounted}


def test_where_none_comes_the_site_is_to_be_asked_again_later(server: TroubledServer, home: Repository) -> None:
    server.finds = lambda body: '"title"' in body
    connection = connect(server)
    cursor = plan_of(connection, home).cursor
    for _ in range(MOST_BARE):
        answer = fetch(connection, cursor)
        assert len(answer.partitions) == 1
        assert answer.next_cursor
        cursor = answer.next_cursor
    with pytest.raises(TooMuch):
        fetch(connection, cursor)
    server.finds = lambda body: False
    assert not fetch(connection, cursor).partitions
