from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.providers.github.normalise import digests, normalise
from integrations.records import NOBODY, CommentRecord, CommitRecord, Person, ReviewRecord

from .samples import (
    HOME,
    ROBOT,
    Json,
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
    review,
    thread,
)


def moment(day: int, hour: int, second: int = 0) -> datetime:
    return datetime(2025, 3, day, hour, 0, second, tzinfo=UTC)


def test_a_pull_request_is_read_whole() -> None:
    found = record(
        pull(
            7,
            title="PAY-1 Refund",
            body="Long\r\nstory",
            state="MERGED",
            isDraft=True,
            closedAt="2025-03-05T10:00:00+01:00",
            mergedAt="2025-03-05T09:00:00Z",
            mergedBy={"__typename": "User", "login": "bob", "name": None},
            reviewDecision="APPROVED",
            headRefName="feature/pay-2-refund",
            headRepository={"nameWithOwner": "ada/web"},
            mergeCommit={"oid": oid(99)},
            labels=listed(*({"name": name} for name in "urgent bug ops web api db".split())),
            commits=listed(commit(1, message="PAY-3: Refund\n\nAll of it")),
            reviews=listed(review(1)),
            comments=listed(comment(1)),
            reviewThreads=listed(thread(1, code_comment(2))),
        )
    )
    assert (found.external_id, found.number, found.title) == (pull_id(7), 7, "PAY-1 Refund")
    assert (found.repository.external_id, found.repository.full_name) == ("207661645", "acme/web")
    assert (found.state, found.draft, found.review_decision) == ("MERGED", True, "APPROVED")
    assert (found.created, found.updated) == (moment(1, 9), moment(5, 9))
    assert found.closed == found.merged == moment(5, 9)
    assert (found.author, found.merged_by, found.bot) == (Person("ada", "Ada Quill"), Person("bob", None), False)
    assert (found.url, found.body) == ("https://github.test/acme/web/pull/7", "Long\r\nstory")
    assert (found.additions, found.deletions, found.changed_files) == (10, 2, 3)
    assert (found.base, found.head, found.head_repository) == ("main", "feature/pay-2-refund", "ada/web")
    assert (found.merge_commit, found.labels) == (oid(99), ("api", "bug", "db", "ops", "urgent", "web"))
    assert found.mentioned_keys == ("PAY-1", "PAY-2", "PAY-3")
    ada = Person("ada", "Ada Quill")
    assert found.commits == (
        CommitRecord(
            oid(1), moment(1, 9), moment(2, 9, 1), "PAY-3: Refund\n\nAll of it", ada, "ada@example.com", False, 3, 1
        ),
    )
    assert found.reviews == (ReviewRecord("6000000001", "APPROVED", ada, False, moment(3, 10, 1), None),)
    assert found.comments == (
        CommentRecord("7000000001", moment(4, 9, 1), ada, False, moment(4, 10), "Comment 1"),
        CommentRecord(
            "r7000000002", moment(4, 9, 2), ada, False, moment(4, 10), "Comment 2", "src/main.py", 7, "6000000001", True
        ),
    )


@pytest.mark.parametrize("nothing", [None, ...])
def test_what_a_pull_request_does_not_say_is_none(nothing: Any) -> None:
    names = "title body closedAt mergedAt author mergedBy reviewDecision baseRefName headRefName headRepository url"
    more = "mergeCommit labels commits reviews comments reviewThreads additions deletions changedFiles isDraft"
    found = record(pull(1, **dict.fromkeys([*names.split(), *more.split()], nothing)))
    assert (found.title, found.body, found.url, found.base, found.head) == ("", None, "", "", "")
    assert (found.closed, found.merged, found.review_decision, found.merge_commit) == (None, None, None, None)
    assert (found.author, found.merged_by, found.bot, found.draft) == (NOBODY, NOBODY, False, False)
    assert (found.head_repository, found.labels, found.mentioned_keys) == (None, (), ())
    assert (found.commits, found.reviews, found.comments) == ((), (), ())
    assert (found.additions, found.deletions, found.changed_files) == (0, 0, 0)


def test_nobody_is_invented_for_an_account_that_is_gone() -> None:
    found = record(
        pull(
            1,
            author=None,
            reviews=listed(review(author=None, submittedAt=None, state="PENDING", body=None)),
            comments=listed(comment(author=None)),
            commits=listed(commit(author=None)),
        )
    )
    assert {found.author, found.reviews[0].author, found.comments[0].author, found.commits[0].author} == {NOBODY}
    assert (found.reviews[0].submitted, found.reviews[0].state) == (None, "PENDING")
    assert found.commits[0].author_email is None


@pytest.mark.parametrize(
    ("author", "person", "bot"),
    [
        (ROBOT, Person("dependabot"), True),
        ({"__typename": "Bot", "login": "dependabot[bot]"}, Person("dependabot"), True),
        ({"__typename": "User", "login": "renovate[bot]"}, Person("renovate"), True),
        ({"__typename": "Mannequin", "login": "mona-imported"}, Person("mona-imported"), False),
        ({"__typename": "User", "login": "robot"}, Person("robot"), False),
        ({"__typename": "User", "login": "ghost", "name": "Deleted user"}, Person("ghost", "Deleted user"), False),
        ({"login": "ada"}, Person("ada"), False),
        ({"__typename": "Bot", "login": "[bot]"}, NOBODY, True),
        ({}, NOBODY, False),
    ],
)
def test_bots_are_recognised_and_called_the_same_everywhere(author: Json, person: Person, bot: bool) -> None:
    parts = {"reviews": listed(review(author=author)), "comments": listed(comment(author=author))}
    threads = listed(thread(1, code_comment(author=author)))
    found = record(pull(1, author=author, reviewThreads=threads, **parts))
    assert (found.author, found.bot) == (found.reviews[0].author, found.reviews[0].bot) == (person, bot)
    assert [(said.author, said.bot) for said in found.comments] == [(person, bot)] * 2


def test_ids_are_text_of_any_size_and_old_servers_have_only_the_small_ones() -> None:
    old: Json = {"fullDatabaseId": None, "databaseId": 719598011}
    found = record(pull(1, **old, reviews=listed(review(**old)), comments=listed(comment(**old))))
    assert {found.external_id, found.reviews[0].external_id, found.comments[0].external_id} == {"719598011"}
    assert record(pull(1, fullDatabaseId=...) | {"databaseId": 5}).external_id == "5"
    assert record(pull(1, fullDatabaseId=str(2**63 - 1))).external_id == str(2**63 - 1)
    assert record(pull(1, fullDatabaseId=2**40)).external_id == str(2**40)


def test_what_has_no_number_goes_by_its_node_id() -> None:
    none: Json = {"fullDatabaseId": None, "databaseId": None}
    on_code = code_comment(2, **none, pullRequestReview={"id": "PRR_1", **none})
    whole = pull(1, **none, reviews=listed(review(1, **none)), comments=listed(comment(1, **none), more=True))
    threads = listed(thread(1, on_code))
    further = rest(1, "comments", comment(3))
    further = replace(further, metadata={"pull_request": "PR_1"})
    found = record(whole | {"reviewThreads": threads}, further)

    assert (found.external_id, found.reviews[0].external_id) == ("PR_1", "PRR_1")
    assert [(said.external_id, said.review_id) for said in found.comments] == [
        ("IC_1", None),
        ("rIC_2", "PRR_1"),
        ("7000000003", None),
    ]
    assert digests(page(whole)).keys() == {"PR_1"}
    assert refusal(whole | {"id": None}).path == "data.repository.pullRequests.nodes[1].id"


@pytest.mark.parametrize(
    "text",
    [
        "\U0001f389 Ship it 👩‍👩‍👧‍👦 to 日本",
        "a\u200bb\u200f",
        "NUL \0 here",
        "lone \ud83d",
        "x" * 1200,
        "é" * 3_000_000,
        "{}",
    ],
)
def test_texts_pass_through_as_they_are(text: str) -> None:
    parts = {"comments": listed(comment(body=text)), "reviews": listed(review(body=text))}
    found = record(pull(1, title=text, body=text, commits=listed(commit(message=text)), **parts))
    said = {found.title, found.body, found.commits[0].message, found.comments[0].body, found.reviews[0].body}
    assert said == {text}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2025-03-01T09:00:00Z", moment(1, 9)),
        ("2025-03-01T09:00:00+08:00", moment(1, 1)),
        ("2025-03-01T09:00:00-0700", moment(1, 16)),
        ("2025-03-01 09:00:00.000Z", moment(1, 9)),
        ("20250301T090000Z", moment(1, 9)),
        ("2025-W09-6T09Z", moment(1, 9)),
        ("1970-01-01T00:00:00Z", datetime(1970, 1, 1, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
    ],
)
def test_an_instant_is_read_however_it_is_written(written: str, expected: datetime) -> None:
    found = record(pull(1, createdAt=written, commits=listed(commit(authoredDate=written))))
    assert found.created == found.commits[0].authored == expected
    assert found.created.tzinfo is UTC


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("fullDatabaseId", "PR_1"),
        ("fullDatabaseId", "-5"),
        ("fullDatabaseId", "007"),
        ("fullDatabaseId", -5),
        ("fullDatabaseId", 0),
        ("fullDatabaseId", True),
        pytest.param("fullDatabaseId", 10**5000, id="a huge id"),
        ("number", None),
        ("number", 0),
        ("number", -1),
        ("number", 2**31),
        ("number", "1"),
        ("state", None),
        ("state", "LOCKED"),
        ("state", 1),
        ("createdAt", None),
        ("createdAt", ...),
        ("createdAt", "yesterday"),
        ("createdAt", "2025-03-01T09:00:00"),
        ("createdAt", "2025-03-01"),
        ("createdAt", 1740819600),
        ("updatedAt", "12017-09-05T00:00:00Z"),
        ("updatedAt", "9999-12-31T23:00:00-08:00"),
        ("updatedAt", "0001-01-01T00:00:00+14:00"),
        ("mergedAt", "12/okt/2022"),
        ("mergedAt", ""),
        ("closedAt", {}),
        ("title", 12),
        ("body", ["x"]),
        ("isDraft", "true"),
        ("additions", -1),
        ("additions", 2**63),
        ("additions", 1.5),
        ("deletions", "2"),
        ("changedFiles", 2**31),
        ("author", "ada"),
        ("author", []),
        ("mergedBy", 7),
        ("headRefName", 7),
        ("headRepository", "acme/web"),
        ("mergeCommit", "0123"),
        ("labels", []),
        ("commits", 5),
        ("reviews", "none"),
        ("comments", True),
        ("reviewThreads", []),
    ],
)
def test_one_bad_pull_request_is_quarantined_and_the_others_stand(name: str, value: Any) -> None:
    lost = refusal(pull(2, **{name: value}))
    assert (lost.table, lost.external_id) == ("prs", "" if name == "fullDatabaseId" else pull_id(2))
    assert lost.path == f"data.repository.pullRequests.nodes[1].{name}"
    assert lost.reason.startswith(f"{lost.path} is ")
    assert len(lost.reason) < 400


@pytest.mark.parametrize(
    ("name", "value", "path"),
    [
        ("author", {"login": 7}, "author.login"),
        ("headRepository", {"nameWithOwner": 7}, "headRepository.nameWithOwner"),
        ("mergeCommit", {"oid": "main"}, "mergeCommit.oid"),
        ("labels", listed({"name": 7}), "labels.nodes[0].name"),
        ("labels", listed({"name": None}), "labels.nodes[0].name"),
        ("labels", listed(5), "labels.nodes[0]"),
        ("commits", {"nodes": {}}, "commits.nodes"),
        ("commits", {"pageInfo": 7}, "commits.pageInfo"),
        ("commits", {"pageInfo": {"hasNextPage": 1}}, "commits.pageInfo.hasNextPage"),
        ("reviewThreads", listed(5), "reviewThreads.nodes[0]"),
        ("reviewThreads", listed({"comments": 5}), "reviewThreads.nodes[0].comments"),
        ("reviewThreads", listed(thread(1, isResolved=1)), "reviewThreads.nodes[0].isResolved"),
        ("repository", HOME | {"databaseId": "x"}, "repository.databaseId"),
    ],
)
def test_a_list_that_is_none_costs_its_pull_request(name: str, value: Any, path: str) -> None:
    assert refusal(pull(2, **{name: value})).path == f"data.repository.pullRequests.nodes[1].{path}"


def test_what_is_no_object_at_all_is_quarantined() -> None:
    assert refusal(7).reason == "data.repository.pullRequests.nodes[1] is 7, not an object"


def test_of_a_pull_request_that_comes_twice_the_newer_version_counts() -> None:
    bad_part = {"reviews": listed(review(state=7))}
    old, new = pull(1, title="old", **bad_part), pull(1, title="new", updatedAt="2025-03-05T09:00:01Z")
    for both in ([old, new], [new, old]):
        batch = read(pull(2), *both)
        assert [found.title for found in batch.pull_requests] == ["Thing 2", "new"]
        assert list(batch.quarantined) == []
    assert [found.title for found in read(old, pull(1, title="later")).pull_requests] == ["later"]


def test_what_is_skipped_is_not_even_looked_at() -> None:
    bad = pull(2, createdAt="never")
    batch = normalise(page(pull(1), bad, pull(3)), skip={pull_id(2), pull_id(3)})
    assert [found.number for found in batch.pull_requests] == [1]
    assert list(batch.quarantined) == []
