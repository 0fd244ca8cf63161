"""What belongs to a pull request: its commits, reviews, and comments, below it and on lines of its code.

A part that cannot be read is set aside alone; a list that cannot be read as one costs the pull request.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Generic, TypeVar

from integrations.json_values import Json, UnreadableError, instant, join, section
from integrations.providers.github.connections import Followed
from integrations.providers.github.values import (
    actor,
    count,
    git_actor,
    id_of,
    name_of,
    optional_flag,
    optional_instant,
    optional_section,
    required_text,
    text,
    text_of,
)
from integrations.records import CommentRecord, CommitRecord, Quarantined, ReviewRecord

COMMITS, REVIEWS, COMMENTS = "prs_commits", "prs_reviews", "prs_comments"

_OID = re.compile(r"[0-9a-fA-F]{40,64}")
# Comments on code are numbered apart from the others: the address of one ends in #discussion_r123.
_ON_CODE = "r"
_LARGEST_LINE = 2**31 - 1
_NEVER = datetime.min.replace(tzinfo=UTC)

Record = TypeVar("Record", CommitRecord, ReviewRecord, CommentRecord)


@dataclass(frozen=True, slots=True)
class Whole:
    """A pull request as it is read: where it stands in its answer, and what follow-ups tell of it."""

    external_id: str
    path: str
    node: Json
    followed: Followed

    def nodes(self, name: str) -> Iterator[tuple[str, Any]]:
        """`Followed.nodes` of its list of that name."""
        return self.followed.nodes(self.node, name, self.external_id)


@dataclass(slots=True)
class Gathering(Generic[Record]):
    """Records of one table by their ids, of each the newest version; and those that were refused.

    The name of a refused one begins with the id of its pull request, by which a good answer finds those that it closes.
    """

    table: str
    whole: Whole
    found: dict[str, tuple[str, Record]] = field(default_factory=dict)
    refused: list[Quarantined] = field(default_factory=list)

    def take(self, path: str, node: object, read: Callable[[Json], tuple[str, Record]], prefix: str = "") -> None:
        try:
            if type(node) is not dict:
                raise UnreadableError("", node, "an object")
            part_id, record = read(node)
        except UnreadableError as error:
            located, name = error.under(path).under(self.whole.path), part_name(node)
            shown = f"{self.whole.external_id}:{prefix + name if name else path}"
            self.refused.append(Quarantined(self.table, shown, located.path, located.reason))
        else:
            self._keep(part_id, text_of(node.get("updatedAt")), record)

    def _keep(self, part_id: str, updated: str, record: Record) -> None:
        """The newer of two versions, and of two that are equally new always the same one."""
        known = self.found.get(part_id)
        if known is None or (known[0], repr(known[1])) < (updated, repr(record)):
            self.found[part_id] = (updated, record)

    def ordered(self, when: Callable[[Record], datetime | None]) -> tuple[Record, ...]:
        """The records by time, those without one first."""
        by_id = [record for _, (_, record) in sorted(self.found.items())]
        return tuple(sorted(by_id, key=lambda record: when(record) or _NEVER))


def part_name(node: object) -> str:
    """What a part that cannot be read calls itself: the id of a review or comment, the hash of a commit."""
    commit = node.get("commit") if type(node) is dict else None
    return name_of(node) or (text_of(commit.get("oid")) if type(commit) is dict else "")


def commits_of(whole: Whole) -> Gathering[CommitRecord]:
    gathering = Gathering[CommitRecord](COMMITS, whole)
    for path, node in whole.nodes("commits"):
        gathering.take(path, node, _commit)
    return gathering


def reviews_of(whole: Whole) -> Gathering[ReviewRecord]:
    gathering = Gathering[ReviewRecord](REVIEWS, whole)
    for path, node in whole.nodes("reviews"):
        gathering.take(path, node, _review)
    return gathering


def comments_of(whole: Whole) -> Gathering[CommentRecord]:
    """Those below the pull request, and those of all threads in its code."""
    gathering = Gathering[CommentRecord](COMMENTS, whole)
    for path, node in whole.nodes("comments"):
        gathering.take(path, node, _comment)
    for path, thread in whole.nodes("reviewThreads"):
        if type(thread) is not dict:
            raise UnreadableError(path, thread, "an object")
        read = partial(_comment_on_code, resolved=optional_flag(thread, "isResolved", path))
        for inner, node in whole.followed.nodes(thread, "comments", text(thread, "id", path) or "", path):
            gathering.take(inner, node, read, _ON_CODE)
    return gathering


def checked_oid(holder: Json, name: str, path: str = "") -> str:
    """The hash of a commit: SHA-1, or SHA-256."""
    value = required_text(holder, name, path)
    if _OID.fullmatch(value):
        return value
    raise UnreadableError(join(path, name), value, "the hash of a commit")


def _commit(node: Json) -> tuple[str, CommitRecord]:
    commit = section(node, "commit")
    author, address, bot = git_actor(commit, "author", "commit")
    record = CommitRecord(
        sha=checked_oid(commit, "oid", "commit"),
        authored=optional_instant(commit, "authoredDate", "commit"),
        committed=optional_instant(commit, "committedDate", "commit"),
        message=text(commit, "message", "commit") or "",
        author=author,
        author_email=address,
        bot=bot,
        additions=count(commit, "additions", "commit"),
        deletions=count(commit, "deletions", "commit"),
    )
    return record.sha, record


def _review(node: Json) -> tuple[str, ReviewRecord]:
    author, bot = actor(node, "author")
    record = ReviewRecord(
        external_id=id_of(node),
        state=required_text(node, "state"),
        author=author,
        bot=bot,
        submitted=optional_instant(node, "submittedAt"),
        body=text(node, "body"),
    )
    return record.external_id, record


def _comment(node: Json) -> tuple[str, CommentRecord]:
    author, bot = actor(node, "author")
    record = CommentRecord(
        external_id=id_of(node),
        created=instant(node, "createdAt"),
        author=author,
        bot=bot,
        updated=optional_instant(node, "updatedAt"),
        body=text(node, "body"),
    )
    return record.external_id, record


def _comment_on_code(node: Json, resolved: bool | None) -> tuple[str, CommentRecord]:
    number, comment = _comment(node)
    review = optional_section(node, "pullRequestReview")
    record = replace(
        comment,
        external_id=_ON_CODE + number,
        path=text(node, "path"),
        line=count(node, "line", most=_LARGEST_LINE),
        review_id=id_of(review, "pullRequestReview") if review else None,
        resolved=resolved,
    )
    return record.external_id, record
