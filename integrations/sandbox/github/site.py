"""One GitHub site: its repositories and pull requests, and what tests do to them.

Pull requests are named as "owner/name#12". Every change moves `updated_at` as the real site does, and adds the webhook
deliveries that it would send to `deliveries`. All raise KeyError for an unknown name, ValueError for what cannot be.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from integrations.sandbox.github import payloads
from integrations.sandbox.github.accounts import Account, GitActor
from integrations.sandbox.github.deliveries import Delivery, delivery
from integrations.sandbox.github.entries import GitHubSpec
from integrations.sandbox.github.generator import FIRST_PULL_ID, PULLS_A_REPOSITORY, merge_commit
from integrations.sandbox.github.pulls import (
    APPROVED,
    CLOSED,
    DISMISSED,
    MERGED,
    OPEN,
    PENDING,
    Event,
    IssueComment,
    PullRequest,
    PullRequestCommit,
    Review,
    ReviewComment,
    ReviewThread,
)
from integrations.sandbox.github.repositories import Commit, Repository
from integrations.sandbox.github.store import Store

REMEMBERED_DELIVERIES = 10_000
REVIEW_STATES = ("APPROVED", "CHANGES_REQUESTED", "COMMENTED", PENDING)


class GitHubSite(Store):
    """`clock` gives epoch seconds. `on_delivery`, where set, is told of each delivery after the change is done."""

    def __init__(self, spec: GitHubSpec | None = None, clock: Callable[[], float] = time.time) -> None:
        super().__init__(spec or GitHubSpec(), clock)
        self.deliveries: deque[Delivery] = deque(maxlen=REMEMBERED_DELIVERIES)
        self.on_delivery: Callable[[Delivery], None] | None = None
        self._changes = self._delivered = 0

    def open_pull(
        self, repository: str, *, title: str = "A change", branch: str = "fix/something", author: str | None = None
    ) -> str:
        """A new one of now with one commit; returns its name. `author` is a login, the first person where not given."""
        with self._changing() as sent:
            home = self._home(repository)
            now, who = self._now(), self._person(author)
            number = self._last[home.number] = self._last[home.number] + 1
            place = self._repositories.index(home)
            pull = PullRequest(
                home,
                number,
                FIRST_PULL_ID + place * PULLS_A_REPOSITORY + number,
                now,
                now,
                OPEN,
                title,
                "",
                who,
                branch,
                home.default_branch or "main",
                home,
                home.owner,
                base_ref_oid=self._oid(),
            )
            self._pulls[home.number][number] = pull
            self._add_commits(pull, 1, title)
            sent.append(payloads.pull_request(self, "opened", pull, who))
            return f"{home.name_with_owner}#{number}"

    def edit_pull(
        self,
        name: str,
        *,
        title: str | None = None,
        body: str | None = None,
        draft: bool | None = None,
        labels: Sequence[str] | None = None,
    ) -> int:
        """Returns the new `updated_at` (epoch s). `labels` are names of the repository's labels, and all of them."""
        with self._changing() as sent:
            pull = self.find(name)
            chosen = None if labels is None else [self._label(pull.repository, label) for label in labels]
            at = self._touch(pull)
            if title is not None or body is not None:
                changes = {"title": {"from": pull.title}} if title is not None else {"body": {"from": pull.body}}
                pull.title, pull.body = (pull.title if title is None else title), (pull.body if body is None else body)
                pull.last_edited_at = at
                sent.append(payloads.pull_request(self, "edited", pull, pull.author, changes=changes))
            if draft is not None and draft != pull.is_draft:
                pull.is_draft = draft
                self._event(pull, "ConvertToDraftEvent" if draft else "ReadyForReviewEvent", at)
                action = "converted_to_draft" if draft else "ready_for_review"
                sent.append(payloads.pull_request(self, action, pull, pull.author))
            if chosen is not None:
                pull.labels = chosen
                sent.append(payloads.pull_request(self, "labeled", pull, pull.author))
            return at

    def close_pull(self, name: str, *, by: str | None = None) -> int:
        with self._changing() as sent:
            pull, actor = self._in_state(name, OPEN), self._person(by)
            pull.state = CLOSED
            pull.closed_at = at = self._touch(pull)
            self._event(pull, "ClosedEvent", at, actor)
            sent.append(payloads.pull_request(self, "closed", pull, actor))
            return at

    def reopen_pull(self, name: str, *, by: str | None = None) -> int:
        with self._changing() as sent:
            pull, actor = self._in_state(name, CLOSED), self._person(by)
            pull.state, pull.closed_at, pull.has_head_ref = OPEN, None, True
            at = self._touch(pull)
            self._event(pull, "ReopenedEvent", at, actor)
            sent.append(payloads.pull_request(self, "reopened", pull, actor))
            return at

    def merge_pull(self, name: str, *, by: str | None = None, squash: bool = True) -> int:
        """A draft cannot be merged; nor can anything in a repository that is archived."""
        with self._changing() as sent:
            pull, actor = self._in_state(name, OPEN), self._person(by)
            if pull.is_draft or pull.repository.is_archived:
                raise ValueError(f"cannot merge {name}: it is a draft, or its repository is archived")
            pull.state, pull.merged_by = MERGED, actor
            pull.merged_at = pull.closed_at = at = self._touch(pull)
            pull.merge_commit = merge_commit(pull, at, actor, self._oid(), squash=squash)
            self._event(pull, "MergedEvent", at, actor).after_commit = pull.merge_commit
            self._event(pull, "ClosedEvent", at, actor)
            self._pushed(pull.repository, at)
            sent.append(payloads.pull_request(self, "closed", pull, actor))
            sent.append(payloads.push(self, pull.repository, pull.base_ref_name, [pull.merge_commit], actor))
            return at

    def push_commits(self, name: str, count: int = 1, *, message: str = "More of it") -> int:
        with self._changing() as sent:
            pull = self._in_state(name, OPEN)
            at = self._touch(pull)
            made = self._add_commits(pull, count, message)
            self._pushed(pull.repository, at)
            sent.append(payloads.pull_request(self, "synchronize", pull, pull.author))
            sent.append(payloads.push(self, pull.repository, pull.head_ref_name, made, pull.author))
            return at

    def force_push(self, name: str, *, count: int | None = None) -> int:
        """All commits are replaced, by as many as there were or by `count`."""
        with self._changing() as sent:
            pull = self._in_state(name, OPEN)
            at, before = self._touch(pull), pull.last_commit
            wanted = count or len(pull.commits)
            pull.commits = []
            made = self._add_commits(pull, wanted, before.message)
            event = self._event(pull, "HeadRefForcePushedEvent", at)
            event.before_commit, event.after_commit = before, pull.last_commit
            self._pushed(pull.repository, at)
            sent.append(payloads.pull_request(self, "synchronize", pull, pull.author))
            sent.append(payloads.push(self, pull.repository, pull.head_ref_name, made, pull.author, forced=True))
            return at

    def review_pull(
        self, name: str, state: str = APPROVED, *, author: str | None = None, body: str = "", comments: int = 0
    ) -> int:
        """A review, with so many comments in one thread. Nobody but its author is told of a PENDING one."""
        if state not in REVIEW_STATES:
            raise ValueError(f"state is {state!r}: expected one of {', '.join(REVIEW_STATES)}")
        with self._changing() as sent:
            pull, who = self.find(name), self._person(author, besides=self.find(name).author)
            at = self._now_for(pull) if state == PENDING else self._touch(pull)
            place = max((review.place for review in pull.reviews), default=-1) + 1
            submitted = None if state == PENDING else at
            review = Review(pull, place, who, body, at, at, state, submitted, pull.last_commit)
            pull.reviews.append(review)
            if comments:
                self._thread(pull, review, comments)
            if submitted:
                sent.append(payloads.review(self, "submitted", review, who))
            return at

    def dismiss_review(self, name: str, *, by: str | None = None) -> int:
        """The last approval. Its own times stay, as on the real site: only the state is overwritten."""
        with self._changing() as sent:
            pull, actor = self.find(name), self._person(by)
            review = next((review for review in reversed(pull.reviews) if review.state == APPROVED), None)
            if review is None:
                raise ValueError(f"{name} has no approval to dismiss")
            review.state = DISMISSED
            at = self._touch(pull)
            event = self._event(pull, "ReviewDismissedEvent", at, actor)
            event.review, event.previous_review_state, event.dismissal_message = review, APPROVED, "Not any more"
            sent.append(payloads.review(self, "dismissed", review, actor))
            return at

    def comment_pull(self, name: str, body: str = "What of it?", *, author: str | None = None) -> int:
        with self._changing():
            pull = self.find(name)
            place = max((comment.place for comment in pull.comments), default=-1) + 1
            at = self._touch(pull)
            pull.comments.append(IssueComment(pull, place, self._person(author), body, at, at))
            return at

    def delete_fork(self, name: str) -> None:
        """The repository that it came from is gone. `updated_at` stays, and nobody is told."""
        with self._changing():
            pull = self.find(name)
            pull.head_repository, pull.is_cross_repository, pull.has_head_ref = None, True, False

    def forget_author(self, name: str) -> None:
        """Its author's account is gone, from here on for this pull request only; `updated_at` stays."""
        with self._changing():
            self.find(name).author = None

    def delete_repository(self, full_name: str) -> None:
        with self._changing() as sent:
            home = self._home(full_name)
            sent.append(payloads.repository(self, "deleted", home))
            del self._numbers[home.number]

    def rename_repository(self, full_name: str, name: str) -> str:
        """The old name leads to it still, as long as no other repository takes it. Returns the new full name."""
        with self._changing() as sent:
            home = self._free(full_name, f"{self._home(full_name).owner.login}/{name}")
            before, home.name = home.name, name
            changes = {"repository": {"name": {"from": before}}}
            sent.append(payloads.repository(self, "renamed", home, changes=changes))
            return home.name_with_owner

    def transfer_repository(self, full_name: str, owner: str) -> str:
        """To another organisation: number and node id stay. Returns the new full name."""
        with self._changing() as sent:
            account = self.account(owner)
            if account is None:
                raise KeyError(owner)
            home = self._free(full_name, f"{account.login}/{self._home(full_name).name}")
            before, home.owner = home.owner, account
            changes = {"owner": {"from": {"organization": payloads.account(before)}}}
            sent.append(payloads.repository(self, "transferred", home, changes=changes))
            return home.name_with_owner

    def archive_repository(self, full_name: str, *, archived: bool = True) -> None:
        """Or brings it back."""
        with self._changing() as sent:
            home = self._home(full_name)
            home.updated_at = self._now()
            home.archived_at = home.updated_at if archived else None
            sent.append(payloads.repository(self, "archived" if archived else "unarchived", home))

    def ping(self) -> Delivery:
        """What a new webhook gets first."""
        with self._changing() as sent:
            sent.append(payloads.ping(self))
        return self.deliveries[-1]

    @contextmanager
    def _changing(self) -> Iterator[list[tuple[str, dict[str, Any]]]]:
        """Holds the lock; what is put into the list (event, body) is delivered when the change is done."""
        sent: list[tuple[str, dict[str, Any]]] = []
        with self.lock:
            yield sent
            made = [delivery(self._delivered + place, *one) for place, one in enumerate(sent)]
            self._delivered += len(made)
            self.deliveries.extend(made)
        for one in made:
            if self.on_delivery:
                self.on_delivery(one)

    def _home(self, full_name: str) -> Repository:
        found = self.repository(full_name)
        if found is None:
            raise KeyError(full_name)
        return found

    def _free(self, full_name: str, wanted: str) -> Repository:
        """The repository, about to be called `wanted`."""
        home = self._home(full_name)
        if self.repository(wanted, follow=False):
            raise ValueError(f"cannot call {full_name} {wanted}: that name is taken")
        self._former[home.name_with_owner.lower()] = home
        home.updated_at = self._now()
        return home

    def _in_state(self, name: str, state: str) -> PullRequest:
        pull = self.find(name)
        if pull.state != state:
            raise ValueError(f"{name} is {pull.state} and not {state}")
        return pull

    def _person(self, login: str | None, *, besides: Account | None = None) -> Account:
        if login is None:
            return next(person for person in self.people if person is not besides)
        found = self.account(login)
        if found is None:
            raise KeyError(login)
        return found

    @staticmethod
    def _label(repository: Repository, name: str) -> Any:
        for label in repository.labels:
            if label.name == name:
                return label
        raise KeyError(name)

    def _add_commits(self, pull: PullRequest, count: int, message: str) -> list[Commit]:
        at, author = self._now_for(pull), pull.author or self.people[0]
        made = []
        for _ in range(count):
            actor = GitActor(author.name or author.login, author.email, at, author)
            commit = Commit(pull.repository, self._oid(), message, actor, actor, 10, 2, 1)
            pull.commits.append(PullRequestCommit(pull, len(pull.commits), commit))
            pull.additions, pull.deletions = pull.additions + 10, pull.deletions + 2
            made.append(commit)
        return made

    def _thread(self, pull: PullRequest, review: Review, comments: int) -> None:
        thread = ReviewThread(pull, len(pull.threads), "src/main.py", 1, False, None)
        first = sum(len(other.comments) for other in pull.threads)
        pull.threads.append(thread)
        for place in range(comments):
            at, answered = review.created_at, thread.comments[0] if thread.comments else None
            thread.comments.append(
                ReviewComment(pull, first + place, review.author, "Why?", at, at, thread, review, answered)
            )

    def _event(self, pull: PullRequest, kind: str, at: int, actor: Account | None = None) -> Event:
        event = Event(pull, len(pull.events), kind, actor or pull.author, at)
        pull.events.append(event)
        return event

    def _touch(self, pull: PullRequest) -> int:
        pull.updated_at = self._now_for(pull)
        return pull.updated_at

    def _now_for(self, pull: PullRequest) -> int:
        """Now, but always after its last change."""
        return max(self._now(), pull.updated_at + 1)

    @staticmethod
    def _pushed(repository: Repository, at: int) -> None:
        repository.pushed_at = max(repository.pushed_at or 0, at)

    def _now(self) -> int:
        return int(self.clock())

    def _oid(self) -> str:
        self._changes += 1
        return payloads.digest(f"{self.spec.seed}/changes/{self._changes}")
