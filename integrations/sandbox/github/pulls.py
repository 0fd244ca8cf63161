"""Pull requests and what belongs to them."""

from dataclasses import dataclass, field
from typing import ClassVar

from integrations.sandbox.github.accounts import Account, Located
from integrations.sandbox.github.ids import PARTS, as_int32, node_id
from integrations.sandbox.github.repositories import Commit, Label, Repository

OPEN, CLOSED, MERGED = "OPEN", "CLOSED", "MERGED"
APPROVED, CHANGES_REQUESTED, COMMENTED = "APPROVED", "CHANGES_REQUESTED", "COMMENTED"
DISMISSED, PENDING = "DISMISSED", "PENDING"


@dataclass(slots=True, eq=False)
class Part(Located):
    """A part of a pull request: `place` is its place among those of its kind, and stays."""

    pull: "PullRequest"
    place: int

    @property
    def number(self) -> int:
        """The id as a number, far beyond 32 bits."""
        return self.pull.number_in_database * PARTS + self.place

    @property
    def full_database_id(self) -> str:
        return str(self.number)

    @property
    def database_id(self) -> int | None:
        return as_int32(self.number)

    @property
    def pull_request(self) -> "PullRequest":
        return self.pull

    @property
    def repository(self) -> Repository:
        return self.pull.repository

    def _node_id(self, prefix: str) -> str:
        return node_id(prefix, self.pull.number_in_database, self.place)


@dataclass(slots=True, eq=False)
class PullRequestCommit(Part):
    typename: ClassVar[str] = "PullRequestCommit"
    commit: Commit

    @property
    def id(self) -> str:
        return node_id("PURC", self.pull.number_in_database, int(self.commit.oid[:15], 16))

    @property
    def resource_path(self) -> str:
        return f"{self.pull.resource_path}/commits/{self.commit.oid}"


@dataclass(slots=True, eq=False)
class Written(Part):
    """What somebody wrote; a null author is an account that is gone."""

    author: Account | None
    body: str
    created_at: int
    updated_at: int

    @property
    def body_text(self) -> str:
        return self.body.replace("\r\n", "\n")

    @property
    def published_at(self) -> int | None:
        return self.created_at

    @property
    def last_edited_at(self) -> int | None:
        return self.updated_at if self.updated_at > self.created_at else None

    @property
    def author_association(self) -> str:
        return "MEMBER" if self.author and self.author.typename == "User" else "NONE"


@dataclass(slots=True, eq=False)
class IssueComment(Written):
    typename: ClassVar[str] = "IssueComment"

    @property
    def id(self) -> str:
        return self._node_id("IC")

    @property
    def resource_path(self) -> str:
        return f"{self.pull.resource_path}#issuecomment-{self.number}"


@dataclass(slots=True, eq=False)
class Review(Written):
    """`submitted_at` is None as long as it is PENDING."""

    typename: ClassVar[str] = "PullRequestReview"
    state: str
    submitted_at: int | None
    commit: Commit | None

    @property
    def id(self) -> str:
        return self._node_id("PRR")

    @property
    def published_at(self) -> int | None:
        return self.submitted_at

    @property
    def resource_path(self) -> str:
        return f"{self.pull.resource_path}#pullrequestreview-{self.number}"


@dataclass(slots=True, eq=False)
class ReviewThread(Part):
    typename: ClassVar[str] = "PullRequestReviewThread"
    path: str
    original_line: int
    is_outdated: bool
    resolved_by: Account | None
    comments: list["ReviewComment"] = field(default_factory=list)

    @property
    def id(self) -> str:
        return self._node_id("PRRT")

    @property
    def line(self) -> int | None:
        return None if self.is_outdated else self.original_line

    @property
    def is_resolved(self) -> bool:
        return self.resolved_by is not None

    is_collapsed = is_resolved

    @property
    def resource_path(self) -> str:
        return f"{self.pull.resource_path}/files"


@dataclass(slots=True, eq=False)
class ReviewComment(Written):
    typename: ClassVar[str] = "PullRequestReviewComment"
    thread: ReviewThread
    review: Review
    reply_to: "ReviewComment | None" = None

    @property
    def id(self) -> str:
        return self._node_id("PRRC")

    @property
    def pull_request_review(self) -> Review:
        return self.review

    @property
    def commit(self) -> Commit | None:
        return self.review.commit

    original_commit = commit

    @property
    def path(self) -> str:
        return self.thread.path

    @property
    def line(self) -> int | None:
        return self.thread.line

    @property
    def original_line(self) -> int:
        return self.thread.original_line

    @property
    def outdated(self) -> bool:
        return self.thread.is_outdated

    @property
    def state(self) -> str:
        return "PENDING" if self.review.submitted_at is None else "SUBMITTED"

    @property
    def resource_path(self) -> str:
        return f"{self.pull.resource_path}#discussion_r{self.number}"


@dataclass(slots=True, eq=False)
class Event(Part):
    """Something on the timeline: `typename` is one of those of the union PullRequestTimelineItems."""

    typename: str
    actor: Account | None
    created_at: int
    before_commit: Commit | None = None
    after_commit: Commit | None = None
    review: Review | None = None
    previous_review_state: str | None = None
    dismissal_message: str | None = None

    @property
    def id(self) -> str:
        return self._node_id("EV")

    @property
    def resource_path(self) -> str:
        return f"{self.pull.resource_path}#event-{self.number}"


@dataclass(slots=True, eq=False)
class PullRequest(Located):
    """`number_in_database` is its id, `number` its place in the repository. `updated_at` is its latest change."""

    typename: ClassVar[str] = "PullRequest"
    repository: Repository
    number: int
    number_in_database: int
    created_at: int
    updated_at: int
    state: str
    title: str
    body: str
    author: Account | None
    head_ref_name: str
    base_ref_name: str
    # None where the fork is gone; its owner may still be there.
    head_repository: Repository | None
    head_repository_owner: Account | None
    is_draft: bool = False
    changed_files: int = 1
    additions: int = 0
    deletions: int = 0
    base_ref_oid: str = ""
    merged_at: int | None = None
    closed_at: int | None = None
    merged_by: Account | None = None
    merge_commit: Commit | None = None
    # The branch is deleted after most merges.
    has_head_ref: bool = True
    is_cross_repository: bool = False
    last_edited_at: int | None = None
    labels: list[Label] = field(default_factory=list)
    commits: list[PullRequestCommit] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    threads: list[ReviewThread] = field(default_factory=list)
    comments: list[IssueComment] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    @property
    def id(self) -> str:
        return node_id("PR", self.number_in_database)

    @property
    def full_database_id(self) -> str:
        return str(self.number_in_database)

    @property
    def database_id(self) -> int | None:
        return as_int32(self.number_in_database)

    @property
    def resource_path(self) -> str:
        return f"{self.repository.resource_path}/pull/{self.number}"

    @property
    def last_commit(self) -> Commit:
        return self.commits[-1].commit

    @property
    def review_decision(self) -> str | None:
        """By each reviewer's last opinion; None where nobody reviewed."""
        opinions: dict[Account | None, str] = {}
        for review in self.reviews:
            if review.state in (APPROVED, CHANGES_REQUESTED, DISMISSED):
                opinions[review.author] = review.state
        if CHANGES_REQUESTED in opinions.values():
            return CHANGES_REQUESTED
        if APPROVED in opinions.values():
            return APPROVED
        return "REVIEW_REQUIRED" if self.reviews else None

    @property
    def total_comments_count(self) -> int:
        return len(self.comments) + sum(len(thread.comments) for thread in self.threads)
