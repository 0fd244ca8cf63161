"""What is made of answers, whatever GitHub puts into them."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from integrations.errors import Permanent
from integrations.http import Response
from integrations.provider import Answer, Connection, PlanContext, RawAnswer, RepositoryRef
from integrations.providers.github.answers import check_whole, first_page, next_page, present
from integrations.providers.github.client import GitHubClient, GraphAnswer
from integrations.providers.github.normalise import normalise
from integrations.providers.github.refetch import refetch
from tests.integrations.providers.github.extraction import PULL_REQUESTS

AT = datetime(2026, 1, 1, tzinfo=UTC)
PULL = {"id": "PR_1", "fullDatabaseId": "1", "updatedAt": "2026-01-01T00:00:00Z"}


def answer(data: Mapping[str, Any], *errors: dict[str, Any]) -> GraphAnswer:
    response = Response("POST /graphql (pullRequests)", 200, {}, orjson.dumps({"data": data}), AT)
    return GraphAnswer(response, dict(data), list(errors), 8, 4992, AT)


class Site(GitHubClient):
    """Always gives the same answer."""

    def __init__(self, given: GraphAnswer) -> None:
        self.given = given

    def query(self, document: str, variables: Mapping[str, Any], name: str) -> GraphAnswer:
        return self.given


def repository(nodes: list[Any] | None, **page_info: Any) -> dict[str, Any]:
    info = {"hasNextPage": False, "endCursor": None, **page_info}
    return {
        "id": "R_1",
        "databaseId": 7,
        "nameWithOwner": "acme/web",
        "pullRequests": {"pageInfo": info, "nodes": nodes},
    }


def fetched(found: Any, *errors: dict[str, Any]) -> Any:
    connection = Connection(1, "GitHub", {"organization": "acme"}, {"token": "t"})
    context = PlanContext(repositories=[RepositoryRef("7", "acme/web")])
    (partition,) = PULL_REQUESTS.plan(connection, context)
    return PULL_REQUESTS.fetch(Site(answer({"repository": found}, *errors)), connection, partition.cursor)


def error(type: str, *path: str | int) -> dict[str, Any]:
    return {"type": type, "path": list(path), "message": "Resource protected by organization SAML enforcement."}


@pytest.mark.parametrize("name", ["headRepository", "author", "mergedBy"])
def test_what_others_hide_is_no_part_of_a_pull_request(name: str) -> None:
    found = fetched(
        repository([{**PULL, name: None}]), error("FORBIDDEN", "repository", "pullRequests", "nodes", 0, name)
    )
    assert set(found.digests) == {"1"}


@pytest.mark.parametrize("path", [["repository"], ["repository", "pullRequests", "nodes", 0, "commits"], []])
def test_any_other_hidden_part_is_an_error_that_names_it(path: list[str | int]) -> None:
    with pytest.raises(Permanent, match="acme/web, page 1") as raised:
        fetched(repository([PULL]), error("FORBIDDEN", *path))
    assert f"FORBIDDEN at {'.'.join(map(str, path))}:" in str(raised.value)
    assert raised.value.status == 403


OTHER = {**PULL, "id": "PR_2", "fullDatabaseId": "2"}
PULLS = ("repository", "pullRequests", "nodes")


def test_a_pull_request_that_may_not_be_seen_whole_is_asked_for_by_itself() -> None:
    found = fetched(repository([PULL, OTHER]), error("FORBIDDEN", *PULLS, 1, "mergeCommit"))
    (aside,) = found.partitions
    assert (aside.cursor["items"], aside.scope) == (["PR_2"], "pull_request:PR_2")
    assert found.metadata["put_aside"] == ["PR_2"]


def test_a_pull_request_of_which_nothing_may_be_seen_is_quarantined() -> None:
    found = fetched(repository([None, PULL]), error("FORBIDDEN", *PULLS, 0))
    content = {"data": {"repository": repository([None, PULL])}, "errors": [error("FORBIDDEN", *PULLS, 0)]}
    batch = normalise(RawAnswer(found.entity_type, found.external_id, content, found.metadata))
    told = [(refused.path, refused.reason) for refused in batch.quarantined if not refused.external_id]
    (path, reason) = told[0]
    assert (path, len(told)) == ("data.repository.pullRequests.nodes[0]", 1)
    assert "may not be seen: Resource protected" in reason


@pytest.mark.parametrize("count", [1, 4])
def test_where_all_or_many_are_refused_it_is_the_account_that_is(count: int) -> None:
    pulls = [{**PULL, "id": f"PR_{number}"} for number in range(count)]
    errors = [error("FORBIDDEN", *PULLS, number, "mergeCommit") for number in range(count)]
    with pytest.raises(Permanent, match="FORBIDDEN at repository"):
        fetched(repository([*pulls, *([OTHER] if count > 1 else [])]), *errors)


def test_of_those_asked_for_by_id_the_one_that_may_not_be_seen_whole_is_asked_for_alone() -> None:
    connection = Connection(1, "GitHub", {"organization": "acme"}, {"token": "t"})
    refused = error("FORBIDDEN", "nodes", 1, "mergeCommit")

    def asked(pulls: list[Any], *errors: dict[str, Any]) -> Answer:
        (partition,) = refetch(connection, [pull["id"] for pull in pulls])
        return PULL_REQUESTS.fetch(Site(answer({"nodes": pulls}, *errors)), connection, partition.cursor)

    found = asked([PULL, OTHER], refused)
    assert [(part.cursor["items"], part.scope) for part in found.partitions] == [(["PR_2"], "pull_request:PR_2")]
    with pytest.raises(Permanent, match=r"FORBIDDEN at nodes\.0\.mergeCommit"):
        asked([OTHER], error("FORBIDDEN", "nodes", 0, "mergeCommit"))


def test_what_does_not_exist_is_no_error() -> None:
    check_whole(answer({}, error("NOT_FOUND", "nodes", 3)), "pull requests")


def test_pull_requests_that_are_null_are_told() -> None:
    found = fetched(repository([None, PULL, None]))
    assert found.warning == "pull requests of acme/web, page 1 (cursor None): the site gave null instead of 2 of them"
    assert set(found.digests) == {"1"}


@pytest.mark.parametrize("nodes", [[], [None]])
def test_a_page_of_nothing_that_goes_on_is_followed(nodes: list[Any]) -> None:
    found = fetched(repository(nodes, hasNextPage=True, endCursor="c1"))
    assert (found.next_cursor["after"], found.next_cursor["node_id"], found.next_cursor["page"]) == ("c1", "R_1", 2)


def test_more_without_a_cursor_is_told() -> None:
    with pytest.raises(Permanent, match="there is more, and the site gave cursor None again"):
        fetched(repository([PULL], hasNextPage=True))


def walk(cursors: Iterable[str]) -> Any:
    """The state after pages that lead to these cursors."""
    state: Any = first_page()
    for cursor in cursors:
        state = next_page({"pageInfo": {"hasNextPage": True, "endCursor": cursor}}, state, "pages of it")
    return state


@pytest.mark.parametrize("length", range(1, 9))
def test_a_circle_of_any_length_ends(length: int) -> None:
    with pytest.raises(Permanent, match="pages of it, page"):
        walk(f"c{place % length}" for place in range(10 * length))


def test_a_long_list_is_no_circle() -> None:
    state = walk(f"c{place}" for place in range(300))
    assert state["page"] == 301
    assert next_page({"pageInfo": {"hasNextPage": False, "endCursor": "c300"}}, state, "pages of it") is None


def test_entries_that_are_null_are_left_out() -> None:
    assert (present(None), present([None, 1, None])) == ([], [1])
