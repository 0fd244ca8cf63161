import pytest

from integrations.records import NOBODY, Person

from .samples import (
    Json,
    code_comment,
    comment,
    commit,
    listed,
    oid,
    pull,
    pull_id,
    read,
    record,
    review,
    thread,
)


@pytest.mark.parametrize(
    ("author", "person", "address", "bot"),
    [
        ({"name": "Ada", "email": "ada@x.org", "user": None}, Person(None, "Ada"), "ada@x.org", False),
        ({"name": "Ada", "email": "", "user": {"login": "ada"}}, Person("ada", "Ada"), None, False),
        ({"name": None, "email": None, "user": None}, NOBODY, None, False),
        ({"name": "renovate[bot]", "email": "bot@x.org"}, Person(None, "renovate"), "bot@x.org", True),
        ({"name": "A" * 300, "email": "a" * 321}, Person(None, "A" * 255), None, False),
        (
            {"name": "dependabot[bot]", "email": "49699333+dependabot[bot]@users.noreply.github.com"},
            Person(None, "dependabot"),
            "49699333+dependabot[bot]@users.noreply.github.com",
            True,
        ),
        ({"name": "CI", "email": "1+ci[bot]@users.noreply.x"}, Person(None, "CI"), "1+ci[bot]@users.noreply.x", True),
    ],
)
def test_who_wrote_a_commit_is_an_account_or_a_name(
    author: Json, person: Person, address: str | None, bot: bool
) -> None:
    (found,) = record(pull(1, commits=listed(commit(author=author)))).commits
    assert (found.author, found.author_email, found.bot) == (person, address, bot)


def test_comments_on_code_and_below_have_numbers_of_their_own() -> None:
    found = record(pull(1, comments=listed(comment(5)), reviewThreads=listed(thread(1, code_comment(5)))))
    assert [said.external_id for said in found.comments] == ["7000000005", "r7000000005"]


def test_an_outdated_comment_on_code_has_no_line_and_may_belong_to_no_review() -> None:
    odd = code_comment(1, line=None, pullRequestReview=None)
    (found,) = record(pull(1, reviewThreads=listed(thread(1, odd, isResolved=None)))).comments
    assert (found.path, found.line, found.review_id, found.resolved) == ("src/main.py", None, None, None)


@pytest.mark.parametrize(
    ("table", "lists", "name", "path"),
    [
        (
            "prs_commits",
            {"commits": listed(commit(1), commit(2, committedDate="2106000-02-07T06:28:15Z"), commit(3))},
            oid(2),
            "commits.nodes[1].commit.committedDate",
        ),
        (
            "prs_commits",
            {"commits": listed(commit(1), commit(2, oid="no hash"), commit(3))},
            "no hash",
            "commits.nodes[1].commit.oid",
        ),
        (
            "prs_commits",
            {"commits": listed(commit(1), {"commit": None}, commit(3))},
            "commits.nodes[1]",
            "commits.nodes[1].commit",
        ),
        (
            "prs_commits",
            {"commits": listed(commit(1), commit(2, additions=-3), commit(3))},
            oid(2),
            "commits.nodes[1].commit.additions",
        ),
        (
            "prs_commits",
            {"commits": listed(commit(1), commit(2, author={"user": 7}), commit(3))},
            oid(2),
            "commits.nodes[1].commit.author.user",
        ),
        (
            "prs_reviews",
            {"reviews": listed(review(1), review(2, state=None), review(3))},
            "6000000002",
            "reviews.nodes[1].state",
        ),
        (
            "prs_reviews",
            {"reviews": listed(review(1), review(2, submittedAt=5), review(3))},
            "6000000002",
            "reviews.nodes[1].submittedAt",
        ),
        ("prs_reviews", {"reviews": listed(review(1), "review", review(3))}, "reviews.nodes[1]", "reviews.nodes[1]"),
        (
            "prs_comments",
            {"comments": listed(comment(1), comment(2, createdAt=None), comment(3))},
            "7000000002",
            "comments.nodes[1].createdAt",
        ),
        (
            "prs_comments",
            {"comments": listed(comment(1), comment(2, fullDatabaseId=None, id=None), comment(3))},
            "comments.nodes[1]",
            "comments.nodes[1].id",
        ),
        (
            "prs_comments",
            {"reviewThreads": listed(thread(1, code_comment(1), code_comment(2, line=-1), code_comment(3)))},
            "r7000000002",
            "reviewThreads.nodes[0].comments.nodes[1].line",
        ),
        (
            "prs_comments",
            {
                "reviewThreads": listed(
                    thread(1, code_comment(1), code_comment(2, pullRequestReview=[]), code_comment(3))
                )
            },
            "r7000000002",
            "reviewThreads.nodes[0].comments.nodes[1].pullRequestReview",
        ),
    ],
)
def test_a_bad_part_is_quarantined_and_its_pull_request_stands(table: str, lists: Json, name: str, path: str) -> None:
    batch = read(pull(1, **lists), pull(2))
    (found, _) = batch.pull_requests
    assert len(found.commits + found.reviews + found.comments) == 2
    (lost,) = batch.quarantined
    assert (lost.table, lost.external_id) == (table, f"{pull_id(1)}:{name}")
    assert lost.path == f"data.repository.pullRequests.nodes[0].{path}"
    assert lost.reason.startswith(f"{lost.path} is ")


def test_entries_that_nobody_may_see_are_left_out() -> None:
    lists = {"commits": listed(None, commit()), "comments": listed(None), "labels": listed(None, {"name": "x"})}
    batch = read(None, pull(1, **lists, reviewThreads=listed(None, thread(1, None, code_comment()))), None)
    (found,) = batch.pull_requests
    assert (len(found.commits), len(found.comments), found.labels) == (1, 1, ("x",))
    assert list(batch.quarantined) == []


def test_parts_stand_in_the_order_of_their_times() -> None:
    earlier, never = "2025-01-01T00:00:00Z", {"authoredDate": None, "committedDate": None}
    commits = listed(commit(1), commit(2, committedDate=None, authoredDate=earlier), commit(3, **never))
    reviews = listed(review(1), review(2, submittedAt=earlier), review(3, submittedAt=None, state="PENDING"))
    comments = listed(comment(1), comment(2, createdAt=earlier))
    found = record(pull(1, commits=commits, reviews=reviews, comments=comments))
    assert [said.sha for said in found.commits] == [oid(3), oid(2), oid(1)]
    assert [said.external_id for said in found.reviews] == ["6000000003", "6000000002", "6000000001"]
    assert [said.external_id for said in found.comments] == ["7000000002", "7000000001"]
