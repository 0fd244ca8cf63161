"""What is read of a whole site, with every oddity that the sandbox knows, value by value."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from integrations.records import (
    NOBODY,
    CommentRecord,
    CommitRecord,
    Person,
    PullRequestRecord,
    RepositoryRecord,
    ReviewRecord,
)
from integrations.sandbox.github import GitHubServer, GitHubSite, GitHubSpec
from integrations.sandbox.github.accounts import Account
from integrations.sandbox.github.catalog import plans
from integrations.sandbox.github.entries import make_index
from integrations.sandbox.github.pulls import IssueComment, PullRequest, PullRequestCommit, Review, ReviewComment
from integrations.sandbox.github.repositories import Repository
from tests.support.github import PULL_REQUESTS

from .extraction import read_repository, records

NOW = 1_800_000_000


@pytest.fixture(scope="module")
def site() -> GitHubSite:
    return GitHubSite(GitHubSpec(PULL_REQUESTS, seed=3), lambda: NOW)


@pytest.fixture(scope="module")
def found(site: GitHubSite) -> Iterator[dict[str, PullRequestRecord]]:
    with GitHubServer(site) as server:
        yield {
            external_id: record
            for repository in site.repositories
            for external_id, record in records(
                read_repository(server, repository, repositories=repository.name_with_owner)
            ).items()
        }


def instant(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def optional(at: int | None) -> datetime | None:
    return None if at is None else instant(at)


def person(account: Account | None) -> Person:
    return Person(account.login, account.name if account.typename == "User" else None) if account else NOBODY


def is_bot(account: Account | None) -> bool:
    return account is not None and account.typename == "Bot"


def repository_of(home: Repository) -> RepositoryRecord:
    return RepositoryRecord(
        str(home.database_id or home.id),
        home.name_with_owner,
        home.url,
        home.description or "",
        home.default_branch,
        home.is_private,
        home.archived_at is not None,
        home.parent is not None,
    )


def commit_of(part: PullRequestCommit) -> CommitRecord:
    commit = part.commit
    account, name = commit.author.user, commit.author.name.removesuffix("[bot]")
    return CommitRecord(
        commit.oid,
        instant(commit.author.date),
        instant(commit.committer.date),
        commit.message,
        Person(account.login if account else None, name),
        commit.author.email,
        commit.author.name.endswith("[bot]"),
        commit.additions,
        commit.deletions,
    )


def review_of(review: Review) -> ReviewRecord:
    author = review.author
    at = optional(review.submitted_at)
    return ReviewRecord(str(review.number), review.state, person(author), is_bot(author), at, review.body or None)


def comment_of(said: IssueComment | ReviewComment, prefix: str = "") -> CommentRecord:
    times, author = (instant(said.created_at), instant(said.updated_at)), said.author
    return CommentRecord(f"{prefix}{said.number}", times[0], person(author), is_bot(author), times[1], said.body)


def code_comment_of(said: ReviewComment) -> CommentRecord:
    record = comment_of(said, "r")
    thread, review = said.thread, str(said.review.number)
    return CommentRecord(
        record.external_id,
        record.created,
        record.author,
        record.bot,
        record.updated,
        record.body,
        thread.path,
        thread.line,
        review,
        thread.is_resolved,
    )


def expected(pull: PullRequest, keys: tuple[str, ...]) -> PullRequestRecord:
    comments = [comment_of(said) for said in pull.comments]
    comments += [code_comment_of(said) for thread in pull.threads for said in thread.comments]
    commits, reviews = [commit_of(part) for part in pull.commits], [review_of(review) for review in pull.reviews]
    return PullRequestRecord(
        external_id=str(pull.number_in_database),
        number=pull.number,
        repository=repository_of(pull.repository),
        title=pull.title,
        state=pull.state,
        created=instant(pull.created_at),
        updated=instant(pull.updated_at),
        url=pull.url,
        body=pull.body or None,
        draft=pull.is_draft,
        author=person(pull.author),
        bot=is_bot(pull.author),
        closed=optional(pull.closed_at),
        merged=optional(pull.merged_at),
        merged_by=person(pull.merged_by),
        additions=pull.additions,
        deletions=pull.deletions,
        changed_files=pull.changed_files,
        review_decision=pull.review_decision,
        base=pull.base_ref_name,
        head=pull.head_ref_name,
        head_repository=pull.head_repository.name_with_owner if pull.head_repository else None,
        merge_commit=pull.merge_commit.oid if pull.merge_commit else None,
        labels=tuple(sorted(label.name for label in pull.labels)),
        commits=tuple(sorted(commits, key=lambda commit: (commit.committed, commit.sha))),
        reviews=tuple(sorted(reviews, key=lambda review: (str(review.submitted or ""), review.external_id))),
        comments=tuple(sorted(comments, key=lambda comment: (comment.created, comment.external_id))),
        mentioned_keys=keys,
    )


def test_every_pull_request_is_read_value_by_value(site: GitHubSite, found: dict[str, PullRequestRecord]) -> None:
    pulls = [pull for repository in site.repositories for pull in site.pulls(repository)]
    assert len(pulls) == len(found) > PULL_REQUESTS
    for pull in pulls:
        record = found[str(pull.number_in_database)]
        assert record == expected(pull, record.mentioned_keys)
        texts = " ".join([pull.title, pull.head_ref_name, *(part.commit.message for part in pull.commits)])
        assert all(key.casefold() in texts.casefold() for key in record.mentioned_keys)


def test_the_site_had_what_is_hard_to_read(found: dict[str, PullRequestRecord]) -> None:
    read = found.values()
    assert any(record.author == NOBODY for record in read)
    assert any(record.bot for record in read)
    assert any(record.head_repository is None for record in read)
    assert any(len(record.commits) >= 130 for record in read)
    assert any(len(record.title) >= 1200 for record in read)
    assert any("\U0001f389" in record.title for record in read)
    assert any("\r\n" in (record.body or "") for record in read)
    assert {"UTF-8", "COVID-19"} <= {key for record in read for key in record.mentioned_keys}
    assert any(commit.author.account_id is None for record in read for commit in record.commits)
    assert any(review.submitted is None for record in read for review in record.reviews)
    assert any(comment.path and comment.line is None for record in read for comment in record.comments)


def test_keys_are_found_wherever_the_site_put_them(site: GitHubSite, found: dict[str, PullRequestRecord]) -> None:
    """Those of work items of the Jira site beside it; of some oddities the wording is given."""
    spec, meant = site.spec, 0
    for entry in make_index(spec, plans(spec.jira.projects, spec.more_repositories)):
        pull = site.pull(site.repositories[entry.repository], entry.number)
        if pull and entry.oddity not in ("bot", "decoys"):
            assert set(entry.issues) <= set(found[str(pull.number_in_database)].mentioned_keys)
            meant += len(entry.issues)
    assert meant > 10
