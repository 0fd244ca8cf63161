"""Pull requests as the sandbox holds them, and as they were loaded, in the same words."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from etl.models import Pr
from integrations.sandbox.github import GitHubSite
from integrations.sandbox.github.accounts import Account, GitActor
from integrations.sandbox.github.pulls import PullRequest, ReviewComment, Written
from integrations.sandbox.github.repositories import Commit
from tests.support.github import ORGANIZATION

Said = dict[str, Any]

_AS_LOADED = ("number", "title", "url", "body", "state", "draft", "author", "bot", "created", "updated", "closed",
              "merged", "merged_by", "additions", "deletions", "changed_files", "review_decision", "base", "head",
              "head_repository", "merge_commit")  # fmt: skip
_COMMIT = ("message", "author", "author_email", "created", "committed", "additions", "deletions")
_COMMENT = ("author", "bot", "created", "body", "path", "line", "review_external_id", "resolved")


def pulls_of(site: GitHubSite, *owners: str) -> list[PullRequest]:
    """All that there are in the repositories of some owners, or of the organisation that tests read."""
    homes = [home for home in site.repositories if home.owner.login in (owners or (ORGANIZATION,))]
    return [pull for home in homes for pull in site.pulls(home)]


def held(pulls: Iterable[PullRequest]) -> dict[str, Said]:
    """What the site holds, by id."""
    return {pull.full_database_id: _held(pull) for pull in pulls}


def loaded(rows: Iterable[Pr]) -> dict[str, Said]:
    """What was loaded, by id."""
    return {row.external_id: _loaded(row) for row in rows}


def _held(pull: PullRequest) -> Said:
    return {
        "number": pull.number,
        "title": pull.title,
        "url": pull.url,
        "body": pull.body or None,
        "state": pull.state,
        "draft": pull.is_draft,
        "author": _login(pull.author),
        "bot": _is_bot(pull.author),
        "created": _at(pull.created_at),
        "updated": _at(pull.updated_at),
        "closed": _at(pull.closed_at),
        "merged": _at(pull.merged_at),
        "merged_by": _login(pull.merged_by),
        "additions": pull.additions,
        "deletions": pull.deletions,
        "changed_files": pull.changed_files,
        "review_decision": pull.review_decision,
        "base": pull.base_ref_name,
        "head": pull.head_ref_name,
        "head_repository": pull.head_repository.name_with_owner if pull.head_repository else None,
        "merge_commit": pull.merge_commit.oid if pull.merge_commit else None,
        "repository": pull.repository.name_with_owner,
        "labels": {label.name for label in pull.labels},
        "commits": {part.commit.oid: _held_commit(part.commit) for part in pull.commits},
        "reviews": {
            review.full_database_id: (
                review.state,
                _login(review.author),
                _at(review.submitted_at),
                review.body or None,
            )
            for review in pull.reviews
        },
        "comments": dict(_held_comments(pull)),
    }


def _held_commit(commit: Commit) -> tuple[Any, ...]:
    dates = (_at(commit.authored_date), _at(commit.committed_date))
    return (
        commit.message,
        _named(commit.author),
        commit.author.email or None,
        *dates,
        commit.additions,
        commit.deletions,
    )


def _held_comments(pull: PullRequest) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for comment in pull.comments:
        yield comment.full_database_id, (*_written(comment), None, None, None, None)
    for thread in pull.threads:
        for on_code in thread.comments:
            yield f"r{on_code.full_database_id}", (*_written(on_code), *_place(on_code), thread.is_resolved)


def _written(comment: Written) -> tuple[Any, ...]:
    return (_login(comment.author), _is_bot(comment.author), _at(comment.created_at), comment.body or None)


def _place(comment: ReviewComment) -> tuple[Any, ...]:
    return (comment.path, comment.line, comment.review.full_database_id)


def _loaded(row: Pr) -> Said:
    reviews = row.prreview_set.values_list("external_id", "state", "author", "created", "body")
    return {
        **{name: getattr(row, name) for name in _AS_LOADED},
        "repository": row.repository.full_name,
        "labels": set(row.labels),
        "commits": {sha: tuple(values) for sha, *values in row.prcommit_set.values_list("sha", *_COMMIT)},
        "reviews": {external_id: tuple(values) for external_id, *values in reviews},
        "comments": {name: tuple(values) for name, *values in row.prcomment_set.values_list("external_id", *_COMMENT)},
    }


def _at(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _login(account: Account | None) -> str | None:
    return account.login if account else None


def _named(actor: GitActor) -> str:
    return actor.user.login if actor.user else actor.name


def _is_bot(account: Account | None) -> bool:
    return account is not None and account.typename == "Bot"
