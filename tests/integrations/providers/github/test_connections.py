from dataclasses import replace
from itertools import permutations

import pytest

from integrations.provider import RawAnswer
from integrations.providers.github.normalise import PULL_REQUEST_REST, normalise

from .samples import (
    code_comment,
    comment,
    commit,
    listed,
    oid,
    page,
    pull,
    pull_id,
    read,
    record,
    refusal,
    rest,
    rest_of_thread,
    review,
    thread,
)


def test_a_list_that_was_cut_is_completed_by_followups_in_any_order() -> None:
    whole = pull(
        1,
        labels=listed({"name": "b"}, more=True),
        commits=listed(commit(1), commit(2), more=True),
        reviews=listed(review(1), more=True),
        comments=listed(comment(1), more=True),
        reviewThreads=listed(thread(1, code_comment(1), more=True), more=True),
    )
    followups = [
        rest(1, "labels", {"name": "a"}),
        rest(1, "commits", commit(2), commit(3, message="PAY-1"), more=True, place=2),
        rest(1, "commits", commit(4), commit(3, message="PAY-1"), place=3),
        rest(1, "reviews", review(2), place=4),
        rest(1, "comments", comment(2), place=5),
        rest(1, "reviewThreads", thread(2, code_comment(5), more=True), thread(1, code_comment(1)), place=6),
        rest_of_thread(1, 1, code_comment(2), code_comment(3), place=7),
        rest_of_thread(1, 2, code_comment(6), place=8),
        rest(2, "commits", commit(9), place=9),
    ]
    found = record(whole, *followups)
    assert found.labels == ("a", "b")
    assert [said.sha for said in found.commits] == [oid(number) for number in (1, 2, 3, 4)]
    assert [said.external_id for said in found.reviews] == ["6000000001", "6000000002"]
    numbers = [said.external_id for said in found.comments]
    assert sorted(numbers) == ["7000000001", "7000000002", *(f"r700000000{number}" for number in (1, 2, 3, 5, 6))]
    assert "PAY-1" in found.mentioned_keys
    assert all(said.review_id == "6000000001" for said in found.comments if said.path)
    for some in permutations(followups[1:6]):
        assert record(whole, followups[0], *some, *followups[6:]) == found


def test_of_a_part_that_comes_twice_the_newer_version_counts() -> None:
    old, new = comment(1, body="old"), comment(1, body="new", updatedAt="2025-03-04T10:00:01Z")
    said_twice = [comment(1, body="a"), comment(1, body="b")]
    for first, second in ((old, new), (new, old)):
        (found,) = record(pull(1, comments=listed(first, more=True)), rest(1, "comments", second)).comments
        assert found.body == "new"
    bodies = {record(pull(1, comments=listed(*both))).comments[0].body for both in permutations(said_twice)}
    assert len(bodies) == 1


@pytest.mark.parametrize(
    "followups",
    [
        [],
        [rest(1, "commits", commit(2))],
        [rest(2, "reviews", review(2))],
        [rest(2, "commits", commit(2), more=True)],
        [RawAnswer(PULL_REQUEST_REST, "x", {"data": {"node": None}}, {"pull_request": pull_id(2)})],
    ],
)
def test_a_list_that_is_not_told_to_its_end_costs_its_pull_request(followups: list[RawAnswer]) -> None:
    cut = pull(2, commits=listed(commit(1), more=True))
    lost = refusal(cut, *followups)
    assert lost.path == "data.repository.pullRequests.nodes[1].commits.pageInfo.hasNextPage"
    assert lost.reason == f"{lost.path} is True, not followed to its end"


def test_a_thread_that_is_not_told_to_its_end_costs_its_pull_request_unless_it_is_gone() -> None:
    cut = pull(2, reviewThreads=listed(thread(1, code_comment(1), more=True)))
    where = "data.repository.pullRequests.nodes[1].reviewThreads.nodes[0].comments.pageInfo.hasNextPage"
    assert refusal(cut).path == where
    gone = RawAnswer(PULL_REQUEST_REST, "x", {"data": {"node": None}}, {"pull_request": pull_id(2), "thread": "PRRT_1"})
    assert [said.external_id for said in record(cut, gone).comments] == ["r7000000001"]


def test_a_part_that_a_followup_brings_is_quarantined_with_its_place_there() -> None:
    batch = read(
        pull(1, commits=listed(commit(1), more=True)),
        followups=[rest(1, "commits", commit(2, message=7), commit(3), place=4)],
    )
    assert len(batch.pull_requests[0].commits) == 2
    (lost,) = batch.quarantined
    assert lost.external_id == f"{pull_id(1)}:{oid(2)}"
    assert lost.path.endswith("nodes[0].followup(rest:4).data.node.commits.nodes[0].commit.message")


def test_a_followup_whose_list_cannot_be_read_costs_only_the_pull_request_that_it_completes() -> None:
    broken = RawAnswer(PULL_REQUEST_REST, "x", {"data": {"node": {"commits": None}}}, {"pull_request": pull_id(2)})
    lost = refusal(pull(2, commits=listed(commit(1), more=True)), broken)
    assert lost.path == "data.repository.pullRequests.nodes[1].followup(x).data.node.commits"
    # Of one that does not say its id, nobody knows what completes it.
    nameless = RawAnswer(PULL_REQUEST_REST, "x", {"data": {"node": {"commits": listed()}}}, {"pull_request": ""})
    assert refusal(pull(2, fullDatabaseId=None, id=None), nameless).external_id == ""


@pytest.mark.parametrize(("task", "path"), [({}, "commits"), ({"thread": "PRRT_1"}, "reviewThreads.comments")])
def test_what_a_call_failed_to_bring_costs_its_pull_request_and_no_other(task: dict[str, str], path: str) -> None:
    cut = pull(2, commits=listed(commit(1), more=True))
    still_open = [{"home": cut["id"], "connection": "commits", **task}, {"home": cut["id"], "connection": "labels"}]
    missing = [{"cursor": {"open": still_open}, "error": "GitHub: 500 of commits"}]
    batch = normalise(replace(page(pull(1), cut), metadata={"missing": missing}))
    (refused,) = batch.quarantined
    assert [found.external_id for found in batch.pull_requests] == [pull_id(1)]
    assert (refused.external_id, refused.path) == (pull_id(2), f"data.repository.pullRequests.nodes[1].{path}")
    assert refused.reason == f"{refused.path} is not whole: GitHub: 500 of commits"
