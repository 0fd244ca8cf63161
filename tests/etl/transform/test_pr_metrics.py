"""Metrics of pull requests, worked out by hand. Times are in hours since the creation."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.transform.pr_metrics import PrMetrics, pr_metrics, who
from integrations.records import NOBODY, CommitRecord, Person, PullRequestRecord, ReviewRecord
from tests.support.records import at, commit, pull_request, review

HOUR = 3600


def metrics(**fields: Any) -> PrMetrics:
    return pr_metrics(pull_request(**fields))


def test_a_pull_request_without_anything_has_a_size_and_no_times() -> None:
    assert metrics() == PrMetrics(None, None, None, 0, None, "XS")


COMMITS: dict[str, tuple[tuple[CommitRecord, ...], datetime | None]] = {
    "none": ((), None),
    "the earliest, in whatever order": ((commit(1, 3), commit(2, -5), commit(3, 1)), at(-5)),
    "when it was written, not when it was rebased": ((commit(1, -9, committed=4), commit(2, 2)), at(-9)),
    "when it was committed, where that alone is known": (
        (CommitRecord("a", None, at(1)), CommitRecord("b", at(2))),
        at(1),
    ),
    "when it was written, where that alone is known": ((CommitRecord("a", at(2)), commit(2, 3)), at(2)),
    "nothing known of any": ((CommitRecord("a"), CommitRecord("b")), None),
}


@pytest.mark.parametrize(("commits", "first"), COMMITS.values(), ids=COMMITS)
def test_the_first_commit_is_the_one_written_first(commits: tuple[CommitRecord, ...], first: datetime | None) -> None:
    assert metrics(commits=commits).first_commit_at == first


FIRST_REVIEWS: dict[str, tuple[tuple[ReviewRecord, ...], datetime | None]] = {
    "none": ((), None),
    "the earliest, in whatever order": ((review(1, 7), review(2, 3), review(3, 5)), at(3)),
    "not the author's own": ((review(1, 1, "ann", state="COMMENTED"), review(2, 4)), at(4)),
    "not a bot's": ((review(1, 1, "linter", bot=True), review(2, 4)), at(4)),
    "not one that was not submitted": ((review(1, None, state="PENDING"),), None),
    "not one that is pending, though it has a time": ((review(1, 1, state="PENDING"), review(2, 4)), at(4)),
    "dismissed later, yet somebody looked": ((review(1, 2, state="DISMISSED"),), at(2)),
    "by an account that was deleted": ((review(1, 2, None),), at(2)),
}


@pytest.mark.parametrize(("reviews", "first"), FIRST_REVIEWS.values(), ids=FIRST_REVIEWS)
def test_the_first_review_is_somebody_elses_that_was_submitted_first(
    reviews: tuple[ReviewRecord, ...], first: datetime | None
) -> None:
    assert metrics(reviews=reviews).first_review_at == first


def test_where_the_authors_account_was_deleted_reviews_by_deleted_accounts_do_not_count() -> None:
    found = metrics(author=NOBODY, reviews=(review(1, 1, None), review(2, 4)))

    assert (found.first_review_at, found.review_rounds) == (at(4), 1)


@pytest.mark.parametrize(
    ("hours", "seconds"), [(0.5, 1800), (26, 26 * HOUR), (0, 0), (-1, 0)], ids=["soon", "late", "at once", "before"]
)
def test_the_time_to_the_first_review_begins_with_the_creation_and_is_never_negative(
    hours: float, seconds: int
) -> None:
    found = metrics(reviews=(review(1, hours),), commits=(commit(1, -50),))

    assert found.time_to_first_review_seconds == seconds


ROUNDS: dict[str, tuple[tuple[float, ...], tuple[float, ...], int]] = {
    "no review": ((), (1, 2, 3), 0),
    "one review": ((2,), (1, 3), 1),
    "two after one another": ((2, 3), (1, 4), 1),
    "two with a commit in between": ((2, 4), (1, 3), 2),
    "two with many commits in between": ((2, 9), (1, 3, 4, 5), 2),
    "three in two rounds": ((2, 3, 9), (1, 5), 2),
    "in no order": ((9, 2, 5), (7, 3), 3),
    "a commit at the time of the earlier review belongs to what it was about": ((2, 4), (2,), 1),
    "a commit at the time of the later review came before it": ((2, 4), (4,), 2),
    "two at one time": ((2, 2), (2,), 1),
}


@pytest.mark.parametrize(("reviewed", "committed", "rounds"), ROUNDS.values(), ids=ROUNDS)
def test_a_round_of_reviews_ends_where_commits_follow(
    reviewed: tuple[float, ...], committed: tuple[float, ...], rounds: int
) -> None:
    reviews = tuple(review(number, hours) for number, hours in enumerate(reviewed))
    commits = tuple(commit(number, -9, committed=hours) for number, hours in enumerate(committed))

    assert metrics(reviews=reviews, commits=commits).review_rounds == rounds


def test_the_authors_answers_and_bots_make_no_round() -> None:
    reviews = (review(1, 1), review(2, 3, "ann"), review(3, 5, "linter", bot=True))

    assert metrics(reviews=reviews, commits=(commit(1, 2), commit(2, 4))).review_rounds == 1


def test_the_cycle_time_is_from_the_first_commit_to_the_merge() -> None:
    commits = (commit(1, -4), commit(2, 1))

    assert metrics(commits=commits, state="MERGED", merged=at(6), closed=at(6)).cycle_time_seconds == 10 * HOUR
    assert metrics(commits=commits, state="CLOSED", closed=at(6)).cycle_time_seconds is None
    assert metrics(state="MERGED", merged=at(6)).cycle_time_seconds is None
    assert metrics(commits=(commit(1, 9),), state="MERGED", merged=at(6)).cycle_time_seconds == 0


@pytest.mark.parametrize(
    ("lines", "size"),
    [(0, "XS"), (9, "XS"), (10, "S"), (29, "S"), (30, "M"), (99, "M"), (100, "L"), (499, "L"), (500, "XL"),
     (999, "XL"), (1000, "XXL"), (10**12, "XXL")],
)  # fmt: skip
@pytest.mark.parametrize("deleted", [0.0, 0.5, 1.0])
def test_the_size_is_by_added_and_deleted_lines_together(lines: int, size: str, deleted: float) -> None:
    deletions = int(lines * deleted)

    assert metrics(additions=lines - deletions, deletions=deletions).size_class == size


@pytest.mark.parametrize(
    ("person", "name"), [(Person("ann", "Ann"), "ann"), (Person(None, "Ann"), "Ann"), (Person("", ""), None)]
)
def test_people_go_by_their_account_else_by_their_name(person: Person, name: str | None) -> None:
    assert who(person) == name


HOURS = st.floats(-100, 100)
PULL_REQUESTS = st.builds(
    lambda commits, reviews, merged: pull_request(
        commits=tuple(commit(n, hours, committed=again) for n, (hours, again) in enumerate(commits)),
        reviews=tuple(review(n, hours, by) for n, (hours, by) in enumerate(reviews)),
        merged=None if merged is None else at(merged),
    ),
    st.lists(st.tuples(HOURS, HOURS), max_size=8),
    st.lists(st.tuples(HOURS, st.sampled_from(["ann", "bob", None])), max_size=8),
    st.none() | HOURS,
)


@given(PULL_REQUESTS)
def test_no_time_is_negative_and_there_are_no_more_rounds_than_reviews_or_gaps(record: PullRequestRecord) -> None:
    found = pr_metrics(record)

    others = [one for one in record.reviews if one.author.account_id != "ann"]
    assert (found.time_to_first_review_seconds or 0) >= 0
    assert (found.cycle_time_seconds or 0) >= 0
    assert bool(others) <= found.review_rounds <= min(len(others), len(record.commits) + 1)
    assert (found.first_review_at is None) == (not others)
