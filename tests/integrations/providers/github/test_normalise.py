from typing import Any

import pytest

from integrations.errors import Permanent
from integrations.provider import RawAnswer
from integrations.providers.github.normalise import (
    PULL_REQUEST_REST,
    PULL_REQUESTS,
    PULL_REQUESTS_BY_ID,
    REPOSITORIES,
    REPOSITORIES_REST,
    REPOSITORY,
    WEBHOOKS,
    digests,
    normalise,
)
from integrations.records import Batch, OwnerRepositories, RepositoryRecord

from .samples import (
    HOME,
    Json,
    comment,
    commit,
    given,
    listed,
    page,
    pull,
    pull_id,
    rest,
    rest_of_thread,
    review,
    thread,
)

NOT_FOUND = [{"type": "NOT_FOUND", "path": ["repository"], "message": "Could not resolve to a Repository"}]
FORBIDDEN = [{"type": "FORBIDDEN", "path": ["repository"], "message": "Resource protected by SAML enforcement"}]


def repository(number: int, name: str = "", **fields: Any) -> Json:
    return given(HOME | {"databaseId": number, "nameWithOwner": f"acme/{name or number}"} | fields)


def owned(*nodes: Any, more: bool = False, entity_type: str = REPOSITORIES, login: Any = "acme") -> RawAnswer:
    owner = {"login": login, "repositories": listed(*nodes, more=more)}
    return RawAnswer(entity_type, "owner:acme", {"data": {"repositoryOwner": owner}}, {"owner": "acme"})


def rest_of_owner(*nodes: Any, more: bool = False) -> RawAnswer:
    return owned(*nodes, more=more, entity_type=REPOSITORIES_REST)


def named(node: Any, errors: Any = None) -> RawAnswer:
    content = given({"data": {"repository": node}, "errors": errors or ...})
    return RawAnswer(REPOSITORY, "repository:acme/web", content, {"full_name": "acme/web"})


def by_id(*nodes: Any) -> RawAnswer:
    return RawAnswer(PULL_REQUESTS_BY_ID, "items:1", {"data": {"nodes": list(nodes)}})


def ids(batch: Batch) -> list[str]:
    return [found.external_id for found in batch.repositories]


def test_a_repository_is_read_whole() -> None:
    (found,) = normalise(named(HOME)).repositories
    assert found == RepositoryRecord(
        "207661645", "acme/web", "https://github.test/acme/web", "The shop", "main", True, False, False
    )


def test_what_a_repository_does_not_say_is_none() -> None:
    nothing = dict.fromkeys(["description", "defaultBranchRef", "url", "isFork", "isPrivate"])
    (found,) = normalise(named(HOME | nothing)).repositories
    assert found == RepositoryRecord("207661645", "acme/web")
    (same,) = normalise(named({"databaseId": 207661645, "nameWithOwner": "acme/web"})).repositories
    assert same == found


def test_an_owners_repositories_are_read_with_all_pages_and_told_to_be_all() -> None:
    batch = normalise(
        owned(repository(1), repository(2), more=True),
        [rest_of_owner(repository(2), repository(3), more=True), rest_of_owner(repository(4))],
    )
    assert ids(batch) == ["1", "2", "3", "4"]
    assert batch.owner_repositories == [OwnerRepositories("acme", ("1", "2", "3", "4"))]
    assert list(batch.quarantined) == []


def test_of_a_repository_that_comes_twice_the_later_name_counts() -> None:
    batch = normalise(owned(repository(1, "old"), more=True), [rest_of_owner(repository(1, "new"))])
    assert [found.full_name for found in batch.repositories] == ["acme/new"]


@pytest.mark.parametrize(
    ("first", "followups"),
    [
        (owned(repository(1), more=True), []),
        (owned(repository(1), more=True), [rest_of_owner(repository(2), more=True)]),
        (owned(repository(1), None), []),
        (owned(repository(1), {"nameWithOwner": "acme/x"}), []),
        (owned(repository(1), 7), []),
        (RawAnswer(REPOSITORIES, "x", {"data": {"repositoryOwner": {"repositories": {"nodes": [HOME]}}}}), []),
    ],
)
def test_a_list_that_may_lack_something_says_of_none_that_it_is_gone(
    first: RawAnswer, followups: list[RawAnswer]
) -> None:
    batch = normalise(first, followups)
    assert batch.repositories
    assert batch.owner_repositories == []


def test_an_owner_without_repositories_has_none() -> None:
    assert normalise(owned()) == Batch(owner_repositories=[OwnerRepositories("acme", ())])


def test_a_repository_that_cannot_be_read_is_quarantined_and_is_still_there() -> None:
    batch = normalise(owned(repository(1), repository(2, isFork="no"), repository(3)))
    assert ids(batch) == ["1", "3"]
    assert batch.owner_repositories == [OwnerRepositories("acme", ("1", "2", "3"))]
    (lost,) = batch.quarantined
    path = "data.repositoryOwner.repositories.nodes[1].isFork"
    assert (lost.table, lost.external_id, lost.path) == ("repositories", "2", path)
    assert lost.reason == f"{path} is 'no', not true or false"


def test_a_repository_on_a_later_page_is_quarantined_with_the_answer_that_holds_it() -> None:
    (lost,) = normalise(owned(more=True), [rest_of_owner(repository(2, nameWithOwner=""))]).quarantined
    assert lost.path == "followup(owner:acme).data.repositoryOwner.repositories.nodes[0].nameWithOwner"


def test_a_repository_that_does_not_exist_is_gone() -> None:
    assert normalise(named(None, NOT_FOUND)) == Batch(gone_repositories=["acme/web"])
    assert normalise(named(None)) == Batch(gone_repositories=["acme/web"])


def test_a_repository_that_may_not_be_seen_is_not_gone() -> None:
    for errors in (FORBIDDEN, [*NOT_FOUND, *FORBIDDEN], [None], {"type": "NOT_FOUND"}):
        batch = normalise(named(None, errors))
        assert batch.gone_repositories == []
        (lost,) = batch.quarantined
        assert (lost.table, lost.external_id, lost.path) == ("repositories", "acme/web", "data.repository")
    unnamed = RawAnswer(REPOSITORY, "x", {"data": {"repository": None}})
    assert normalise(unnamed).gone_repositories == []


def test_a_repository_asked_for_by_name_that_cannot_be_read_is_quarantined() -> None:
    (lost,) = normalise(named(HOME | {"databaseId": -7})).quarantined
    assert (lost.external_id, lost.path) == ("", "data.repository.databaseId")
    assert lost.reason == f"{lost.path} is -7, not an id"


def test_a_repository_whose_number_does_not_fit_goes_by_its_other_id() -> None:
    beyond = HOME | {"databaseId": None}
    assert ids(normalise(named(beyond))) == ["R_1"]
    assert normalise(owned(beyond)).owner_repositories == [OwnerRepositories("acme", ("R_1",))]
    (lost,) = normalise(named(beyond | {"id": None})).quarantined
    assert lost.path == "data.repository.id"


def test_a_renamed_repository_has_the_name_that_it_has_now() -> None:
    assert normalise(named(HOME | {"nameWithOwner": "umbrella/shop"})).repositories[0].full_name == "umbrella/shop"


def test_a_page_of_a_repository_that_went_away_says_nothing() -> None:
    nothing: list[Json | None] = [None, {}]
    for gone in nothing:
        answer = RawAnswer(PULL_REQUESTS, "x", {"data": {"repository": gone}, "errors": NOT_FOUND})
        assert normalise(answer) == Batch()
        assert digests(answer) == {}


@pytest.mark.parametrize(
    "answer",
    [
        rest_of_owner(repository(1)),
        rest(1, "commits", commit()),
        rest_of_thread(1, 1, comment()),
        RawAnswer(PULL_REQUEST_REST, "x", {"data": {"node": None}}, {"pull_request": "4000000001"}),
        RawAnswer(WEBHOOKS, "delivery:1", {"action": "opened", "pull_request": {"node_id": "PR_1"}}),
    ],
)
def test_what_only_completes_another_answer_makes_no_record_alone(answer: RawAnswer) -> None:
    assert normalise(answer) == Batch()


def test_of_pull_requests_asked_for_by_id_each_tells_its_own_repository() -> None:
    other = HOME | {"databaseId": 5, "nameWithOwner": "acme/api"}
    batch = normalise(by_id(pull(1, repository=HOME), None, {}, pull(2, repository=other), pull(3)))
    told = [(found.number, found.repository.full_name) for found in batch.pull_requests]
    assert told == [(1, "acme/web"), (2, "acme/api")]
    (lost,) = batch.quarantined
    assert (lost.external_id, lost.path) == (pull_id(3), "data.nodes[4].repository")


def test_pull_requests_that_were_asked_for_by_id_in_vain_say_nothing() -> None:
    assert normalise(by_id(None, {}, None)) == Batch()
    assert digests(by_id(None, {})) == {}


def test_the_same_pull_request_has_the_same_hash_however_it_was_asked_for() -> None:
    said = digests(page(pull(1), pull(2)))
    assert said.keys() == {pull_id(1), pull_id(2)}
    assert digests(by_id(pull(1, repository=HOME), None)) == {pull_id(1): said[pull_id(1)]}
    assert digests(page(pull(1), description="Another", nameWithOwner="acme/x"))[pull_id(1)] == said[pull_id(1)]


@pytest.mark.parametrize(
    "change",
    [
        {"title": "Another"},
        {"state": "CLOSED"},
        {"commits": listed(commit())},
        {"reviews": listed(review(state="DISMISSED"))},
        {"reviewThreads": listed(thread(1, isResolved=False))},
        {"labels": listed({"name": "bug"})},
    ],
)
def test_whatever_changes_in_a_pull_request_changes_its_hash_alone(change: Json) -> None:
    said, changed = digests(page(pull(1), pull(2))), digests(page(pull(1, **change), pull(2)))
    assert said[pull_id(1)] != changed[pull_id(1)]
    assert said[pull_id(2)] == changed[pull_id(2)]


def test_a_followups_hash_counts_under_the_pull_request_that_it_completes() -> None:
    for answer, changed in (
        (rest(1, "commits", commit(1)), rest(1, "commits", commit(2))),
        (rest_of_thread(1, 1, comment(1)), rest_of_thread(1, 1, comment(1, body="edited"))),
    ):
        assert digests(answer).keys() == digests(changed).keys() == {pull_id(1)}
        assert digests(answer) != digests(changed)
    asked_for_alone = RawAnswer(PULL_REQUEST_REST, "x", {"data": {"node": {"databaseId": 7, "commits": None}}})
    assert digests(asked_for_alone).keys() == {"7"}


def test_answers_that_are_about_no_pull_request_have_no_hashes() -> None:
    assert digests(owned(repository(1))) == digests(named(HOME)) == digests(RawAnswer(WEBHOOKS, "1", {})) == {}


@pytest.mark.parametrize("entity_type", [REPOSITORIES, REPOSITORIES_REST, REPOSITORY, PULL_REQUESTS, PULL_REQUEST_REST])
@pytest.mark.parametrize(
    "content", [None, [], "<html>", {}, {"data": None}, {"data": []}, {"data": {}}, {"message": "Bad credentials"}]
)
def test_an_answer_that_is_something_else_is_refused_as_a_whole(entity_type: str, content: Any) -> None:
    answer = RawAnswer(entity_type, "the question", content)
    with pytest.raises(Permanent, match=rf"{entity_type} 'the question' holds "):
        normalise(answer)


@pytest.mark.parametrize(
    "home",
    [{"databaseId": "x"}, {"nameWithOwner": 7}, {"pullRequests": None}, {"pullRequests": {"nodes": None}}],
)
def test_a_page_whose_repository_or_list_cannot_be_read_is_refused_as_a_whole(home: Json) -> None:
    with pytest.raises(Permanent, match="github_pull_requests 'repository:207661645:page:1' holds an object of "):
        normalise(page(pull(1), **home))


def test_a_followup_that_does_not_tell_what_it_completes_is_refused() -> None:
    answer = RawAnswer(PULL_REQUEST_REST, "rest:1", {"data": {"node": {"id": "PRRT_1", "comments": listed()}}})
    with pytest.raises(Permanent, match=r"metadata\.pull_request is None, not the id of one"):
        normalise(page(pull(1)), [answer])


def test_an_unknown_entity_type_is_named_with_those_that_are_known() -> None:
    with pytest.raises(Permanent, match="'gitlab_projects' is unknown; known are: github_repositories, "):
        normalise(RawAnswer("gitlab_projects", "", {}))
