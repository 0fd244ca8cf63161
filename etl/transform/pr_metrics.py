"""What is derived of a pull request, from what belongs to it: in memory, one pass, no query.

Somebody else's review is one that was submitted (not PENDING), by no bot, and not by the author: authors "review" their
own pull requests by answering in threads. Who has no name any more is taken for the author only where the author has
none either.

``first_commit_at``
    The earliest time at which a commit was written; of a commit that does not say, when it was committed. Later than
    the creation where all commits were rewritten since.
``first_review_at``
    The earliest submission of somebody else's review; None without one.
``time_to_first_review_seconds``
    From the creation to ``first_review_at``; 0 where the clocks say that the review came before. None without one.
``review_rounds``
    How many groups the others' reviews form, in the order of their submission: a new one begins where a commit was
    committed after one review and not after the next. 0 without reviews.
``cycle_time_seconds``
    From ``first_commit_at`` to the merge, never negative; None unless merged, and where no commit says when.
``size_class``
    By additions + deletions: XS up to 9, S to 29, M to 99, L to 499, XL to 999, XXL above.

Times are whole seconds.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate, pairwise

from integrations.records import CommitRecord, Person, PullRequestRecord, ReviewRecord

PENDING = "PENDING"
SIZES = ("XS", "S", "M", "L", "XL", "XXL")
# The fewest changed lines of each size but the first.
SIZES_FROM = (10, 30, 100, 500, 1000)


@dataclass(frozen=True, slots=True)
class PrMetrics:
    """Names as in ``prs``."""

    first_commit_at: datetime | None
    first_review_at: datetime | None
    time_to_first_review_seconds: int | None
    review_rounds: int
    cycle_time_seconds: int | None
    size_class: str


PR_METRIC_NAMES: tuple[str, ...] = tuple(PrMetrics.__slots__)


def who(person: Person) -> str | None:
    """How a person is called in ``prs`` and what belongs to it: the account, else the name."""
    return person.account_id or person.name or None


def pr_metrics(record: PullRequestRecord) -> PrMetrics:
    """The metrics of a pull request with all its commits and reviews."""
    written = [at for commit in record.commits if (at := written_at(commit))]
    committed = committed_at(record)
    reviewed = sorted(at for review in record.reviews if (at := submitted_by_another(review, record.author)))
    first_commit, first_review = min(written, default=None), min(reviewed, default=None)
    return PrMetrics(
        first_commit_at=first_commit,
        first_review_at=first_review,
        time_to_first_review_seconds=_seconds(record.created, first_review),
        review_rounds=rounds(reviewed, committed)[-1] if reviewed else 0,
        cycle_time_seconds=_seconds(first_commit, record.merged),
        size_class=SIZES[bisect_right(SIZES_FROM, record.additions + record.deletions)],
    )


def written_at(commit: CommitRecord) -> datetime | None:
    return commit.authored or commit.committed


def committed_at(record: PullRequestRecord) -> list[datetime]:
    """When its commits came to be as they are, in order."""
    return sorted(at for commit in record.commits if (at := commit.committed or commit.authored))


def submitted_by_another(review: ReviewRecord, author: Person) -> datetime | None:
    """When it was submitted, where it is somebody else's review."""
    is_anothers = not review.bot and review.state != PENDING and who(review.author) != who(author)
    return review.submitted if is_anothers else None


def rounds(reviewed: Sequence[datetime], committed: Sequence[datetime]) -> list[int]:
    """The number of the round that each review is of, from 1. Both in order."""
    begins = (bisect_right(committed, last) < bisect_right(committed, at) for last, at in pairwise(reviewed))
    return list(accumulate(begins, initial=1)) if reviewed else []


def _seconds(start: datetime | None, end: datetime | None) -> int | None:
    return max(0, int((end - start).total_seconds())) if start and end else None
