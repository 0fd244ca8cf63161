"""Pages on which one record is not what it should be: they are kept and followed, and only that record is set aside."""

from typing import Any

import pytest

from integrations.provider import PlanContext, RepositoryRef
from integrations.providers.github.refetch import refetch
from tests.integrations.providers.github.extraction import PULL_REQUESTS, REPOSITORIES, normalised, pages
from tests.integrations.providers.github.samples import (
    HOME,
    Json,
    code_comment,
    comment,
    commit,
    listed,
    page,
    pull,
    rest,
    thread,
)
from tests.integrations.providers.github.scripted import GRAPHQL, ScriptedSite, scripted

CUT: Json = {"totalCount": 9, "nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": None}}
BAD_PULLS = {
    "no object": 7,
    "text": "PR_2",
    "lists that are none": pull(2, commits="x", labels=[1]),
    "a list without a place to go on": pull(2, comments=CUT),
    "a list whose place is empty": pull(2, comments=CUT | {"pageInfo": {"hasNextPage": True, "endCursor": ""}}),
    "a list whose place is no text": pull(2, reviews=CUT | {"pageInfo": {"hasNextPage": True, "endCursor": 7}}),
    "a list that may go on": pull(2, commits=CUT | {"pageInfo": {"hasNextPage": "yes", "endCursor": "x"}}),
    "a list of no nodes": pull(2, reviewThreads={"pageInfo": {"hasNextPage": False}, "nodes": {}}),
    "a list that may go on and has no nodes": pull(2, reviewThreads={"pageInfo": CUT["pageInfo"]}),
    "a thread that is none": pull(2, reviewThreads=listed(5)),
    "a thread without an id": pull(2, reviewThreads=listed(thread(1, code_comment(), more=True) | {"id": None})),
    "a thread of no list": pull(2, reviewThreads=listed(thread(1) | {"comments": []})),
    "a list that was cut of what has no id": pull(2, id=None, commits=listed(commit(), more=True)),
    "a time that is none": pull(2, updatedAt=5),
}


def page_of(first: Any, bad: Any, last: Any) -> Json:
    """What a site answers, in which the first one has more comments."""
    data: Json = page(first, bad, last).content["data"]
    return {"data": data}


def answered(site: ScriptedSite, answer: Json) -> Any:
    further = rest(1, "comments", comment(2)).content
    return lambda request: further if b"commentsOfPullRequest" in request.body else answer


@pytest.mark.parametrize("bad", BAD_PULLS.values(), ids=BAD_PULLS)
@pytest.mark.parametrize("is_last", [False, True])
def test_a_bad_pull_request_costs_nothing_but_itself(bad: Any, is_last: bool) -> None:
    more, good = pull(1, comments=listed(comment(1), more=True)), pull(3)
    answer = page_of(more, *((good, bad) if is_last else (bad, good)))
    with scripted({}) as site:
        site.answers[GRAPHQL] = answered(site, answer)
        context = PlanContext(repositories=[RepositoryRef("207661645", "acme/web")])
        (partition,) = PULL_REQUESTS.plan(site.connection(), context)
        (batch,) = normalised(pages(PULL_REQUESTS, site.connection(), partition))

    assert [(found.number, len(found.comments)) for found in batch.pull_requests] == [(1, 2), (3, 0)]
    assert [lost.table for lost in batch.quarantined] == ["prs"]


@pytest.mark.parametrize("bad", [7, {"id": "PR_2"}, pull(2, repository=5), pull(2, repository=HOME, labels=[1])])
def test_so_it_does_where_it_was_asked_for_by_id(bad: Any) -> None:
    nodes = [pull(1, repository=HOME), bad, pull(3, repository=HOME)]
    with scripted({GRAPHQL: {"data": {"nodes": nodes}}}) as site:
        (partition,) = refetch(site.connection(), ["PR_1", "PR_2", "PR_3"])
        (batch,) = normalised(pages(PULL_REQUESTS, site.connection(), partition))

    assert [found.number for found in batch.pull_requests] == [1, 3]
    assert len(batch.quarantined) == 1


@pytest.mark.parametrize("bad", [7, {}, HOME | {"nameWithOwner": None}, HOME | {"nameWithOwner": 7}])
def test_a_bad_repository_costs_nothing_but_itself(bad: Any) -> None:
    owner = {"login": "acme", "repositories": listed(HOME | {"databaseId": 1}, bad)}
    with scripted({GRAPHQL: {"data": {"repositoryOwner": owner}}}) as site:
        connection = site.connection(repositories="web, *-api")
        (listing,) = REPOSITORIES.plan(connection, PlanContext())[:1]
        (batch,) = normalised(pages(REPOSITORIES, connection, listing))

    assert [found.external_id for found in batch.repositories] == ["1"]
    assert len(batch.quarantined) == 1


def test_a_repository_that_does_not_say_its_name_is_set_aside() -> None:
    with scripted({GRAPHQL: {"data": {"repository": HOME | {"nameWithOwner": None}}}}) as site:
        connection = site.connection(organization="", repositories="acme/web")
        (named,) = REPOSITORIES.plan(connection, PlanContext())
        (batch,) = normalised(pages(REPOSITORIES, connection, named))

    assert [lost.path for lost in batch.quarantined] == ["data.repository.nameWithOwner"]
