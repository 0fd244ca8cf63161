"""The fields of pull requests and their parts that are more than an attribute of the same name."""

from datetime import datetime
from typing import Any

from integrations.sandbox.github.connections import Connection
from integrations.sandbox.github.pages import Info, ordered, page
from integrations.sandbox.github.pulls import MERGED, OPEN, Event, PullRequest, Review, ReviewComment, ReviewThread
from integrations.sandbox.github.refusals import Refusal
from integrations.sandbox.github.repositories import Commit, Ref, Repository
from integrations.sandbox.github.resolvers import tip
from integrations.sandbox.github.schema import resolves


@resolves("PullRequest.closed")
def closed(source: PullRequest, info: Info) -> bool:
    return source.state != OPEN


@resolves("PullRequest.merged")
def merged(source: PullRequest, info: Info) -> bool:
    return source.state == MERGED


@resolves("PullRequest.bodyText")
def body_text(source: PullRequest, info: Info) -> str:
    return source.body.replace("\r\n", "\n")


@resolves("PullRequest.authorAssociation")
def author_association(source: PullRequest, info: Info) -> str:
    return "MEMBER" if source.author and source.author.typename == "User" else "NONE"


@resolves("PullRequest.permalink")
def permalink(source: PullRequest, info: Info) -> str:
    return source.url


@resolves("PullRequest.publishedAt")
def published_at(source: PullRequest, info: Info) -> int:
    return source.created_at


@resolves("PullRequest.baseRepository")
def base_repository(source: PullRequest, info: Info) -> Repository:
    return source.repository


@resolves("PullRequest.baseRef")
def base_ref(source: PullRequest, info: Info) -> Ref:
    return Ref(source.repository, source.base_ref_name, tip(source.repository))


@resolves("PullRequest.headRef")
def head_ref(source: PullRequest, info: Info) -> Ref | None:
    home = source.head_repository
    return Ref(home, source.head_ref_name, source.last_commit) if home and source.has_head_ref else None


@resolves("PullRequest.headRefOid")
def head_ref_oid(source: PullRequest, info: Info) -> str:
    return source.last_commit.oid


@resolves("PullRequest.comments")
def comments(source: PullRequest, info: Info, **arguments: Any) -> Connection:
    if arguments.get("orderBy"):
        return ordered(info, source, "comments", source.comments, arguments)
    return page(info, source, "comments", source.comments, arguments)


@resolves("PullRequest.commits")
def commits(source: PullRequest, info: Info, **arguments: Any) -> Connection:
    info.context.require("contents")
    return page(info, source, "commits", source.commits, arguments)


@resolves("PullRequest.reviews")
def reviews(
    source: PullRequest, info: Info, *, states: list[str] | None = None, author: str | None = None, **arguments: Any
) -> Connection:
    found = [
        review
        for review in source.reviews
        if (not states or review.state in states)
        and (author is None or (review.author is not None and review.author.login == author))
    ]
    # Not by their places in the list, so that a cursor fits every filter.
    return ordered(info, source, "reviews", found, arguments)


@resolves("PullRequest.latestReviews")
def latest_reviews(source: PullRequest, info: Info, **arguments: Any) -> Connection:
    latest = {review.author: review for review in source.reviews if review.submitted_at is not None}
    return page(info, source, "latestReviews", list(latest.values()), arguments)


@resolves("PullRequest.reviewThreads")
def review_threads(source: PullRequest, info: Info, **arguments: Any) -> Connection:
    return page(info, source, "reviewThreads", source.threads, arguments)


@resolves("PullRequest.timelineItems")
def timeline_items(
    source: PullRequest,
    info: Info,
    *,
    since: str | None = None,
    itemTypes: list[str] | None = None,  # noqa: N803
    **arguments: Any,
) -> Connection:
    begin = _instant(since) if since else 0
    found = [
        event
        for event in source.events
        if event.created_at >= begin and (not itemTypes or _item_type(event) in itemTypes)
    ]
    return ordered(info, source, "timelineItems", found, arguments)


def _instant(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise Refusal("INVALID_VALUE", f"'{text}' is not a valid DateTime") from None


def _item_type(event: Event) -> str:
    """HEAD_REF_FORCE_PUSHED_EVENT of HeadRefForcePushedEvent."""
    return "".join(f"_{letter}" if letter.isupper() else letter for letter in event.typename).lstrip("_").upper()


@resolves("MergedEvent.commit")
def merged_commit(source: Event, info: Info) -> Commit | None:
    return source.after_commit


@resolves("MergedEvent.mergeRefName")
def merge_ref_name(source: Event, info: Info) -> str:
    return source.pull.base_ref_name


@resolves("HeadRefDeletedEvent.headRefName")
def deleted_ref_name(source: Event, info: Info) -> str:
    return source.pull.head_ref_name


@resolves("HeadRefDeletedEvent.headRef", "HeadRefForcePushedEvent.ref")
def event_ref(source: Event, info: Info) -> Ref | None:
    found: Ref | None = head_ref(source.pull, info)
    return found


@resolves("PullRequestReview.comments")
def review_comments(source: Review, info: Info, **arguments: Any) -> Connection:
    found = [one for thread in source.pull.threads for one in thread.comments if one.review is source]
    return page(info, source, "comments", found, arguments)


@resolves("PullRequestReviewThread.comments")
def thread_comments(source: ReviewThread, info: Info, **arguments: Any) -> Connection:
    return page(info, source, "comments", source.comments, arguments)


@resolves("PullRequestReviewComment.diffHunk")
def diff_hunk(source: ReviewComment, info: Info) -> str:
    return f"@@ -{source.original_line},1 +{source.original_line},1 @@\n-old\n+new"
