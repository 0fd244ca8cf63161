from typing import Any

import pytest

from integrations.sandbox.github import GitHubSite
from integrations.sandbox.github.pulls import CLOSED, MERGED, OPEN

from .conftest import Ask, Clock

HOME = "acme/identity"
SHOWN = """query($name: String!, $number: Int!) { repository(owner: "acme", name: $name) { pushedAt
  pullRequest(number: $number) { title state isDraft updatedAt closedAt mergedAt mergedBy { login } headRefOid
    reviewDecision headRepository { name } author { login } mergeCommit { oid } labels(first: 9) { nodes { name } }
    commits(first: 100) { nodes { commit { oid } } } comments(last: 1) { nodes { body author { login } } }
    reviews(last: 1) { totalCount nodes { state submittedAt comments(first: 9) { totalCount } } }
    timelineItems(first: 99) { nodes { __typename } } } } }"""


@pytest.fixture
def opened(site: GitHubSite, clock: Clock) -> str:
    """A pull request of now; a minute later something else may happen to it."""
    name = site.open_pull(HOME, title="PAY-1 Ask again", branch="feature/PAY-1")
    clock.at += 60
    return name


def shown(ask: Ask, name: str) -> dict[str, Any]:
    full_name, _, number = name.partition("#")
    found = ask(SHOWN, name=full_name.partition("/")[2], number=int(number))["repository"]
    pull: dict[str, Any] = found["pullRequest"]
    return pull | {"pushedAt": found["pushedAt"]}


def kinds(pull: dict[str, Any]) -> list[str]:
    return [one["__typename"] for one in pull["timelineItems"]["nodes"]]


NOW, LATER = "2027-01-15T08:00:00Z", "2027-01-15T08:01:00Z"


def test_one_is_opened_with_a_number_behind_the_last_one(site: GitHubSite, ask: Ask, opened: str) -> None:
    numbers = [int(name.partition("#")[2]) for name in site.names(HOME)]
    assert opened == f"{HOME}#{max(numbers)}"
    pull = shown(ask, opened)
    assert (pull["title"], pull["state"], pull["updatedAt"]) == ("PAY-1 Ask again", "OPEN", NOW)
    assert len(pull["commits"]["nodes"]) == 1


def test_edits_move_the_time_of_the_last_change(site: GitHubSite, ask: Ask, opened: str) -> None:
    assert site.edit_pull(opened, title="Another name") == 1_800_000_060
    assert shown(ask, opened)["updatedAt"] == LATER
    # Twice in a second: the second one is later all the same.
    site.edit_pull(opened, draft=True, labels=["bug"])
    pull = shown(ask, opened)
    assert (pull["title"], pull["updatedAt"]) == ("Another name", "2027-01-15T08:01:01Z")
    assert (pull["isDraft"], pull["labels"]["nodes"]) == (True, [{"name": "bug"}])
    site.edit_pull(opened, draft=False, labels=[])
    assert shown(ask, opened)["labels"]["nodes"] == []
    assert kinds(shown(ask, opened)) == ["ConvertToDraftEvent", "ReadyForReviewEvent"]


def test_closing_and_reopening(site: GitHubSite, ask: Ask, opened: str) -> None:
    site.close_pull(opened, by="ben-carter")
    pull = shown(ask, opened)
    assert (pull["state"], pull["closedAt"], pull["mergedAt"], pull["updatedAt"]) == (CLOSED, LATER, None, LATER)
    site.reopen_pull(opened)
    pull = shown(ask, opened)
    assert (pull["state"], pull["closedAt"]) == (OPEN, None)
    assert kinds(pull) == ["ClosedEvent", "ReopenedEvent"]


@pytest.mark.parametrize("squash", [True, False])
def test_a_merge_commit_is_none_of_the_pull_requests_own(site: GitHubSite, ask: Ask, opened: str, squash: bool) -> None:
    site.merge_pull(opened, by="ben-carter", squash=squash)
    pull = shown(ask, opened)
    assert (pull["state"], pull["mergedAt"], pull["closedAt"]) == (MERGED, LATER, LATER)
    assert pull["mergedBy"] == {"login": "ben-carter"}
    assert pull["mergeCommit"]["oid"] not in [one["commit"]["oid"] for one in pull["commits"]["nodes"]]
    assert pull["pushedAt"] == LATER


def test_pushes_add_commits_and_forced_ones_replace_them(site: GitHubSite, ask: Ask, opened: str) -> None:
    def oids() -> list[str]:
        return [one["commit"]["oid"] for one in shown(ask, opened)["commits"]["nodes"]]

    before = oids()
    site.push_commits(opened, 3)
    assert oids()[:1] == before
    assert len(oids()) == 4
    assert shown(ask, opened)["headRefOid"] == oids()[-1]
    pushed = oids()
    site.force_push(opened, count=2)
    assert len(oids()) == 2
    assert not set(oids()) & set(pushed)
    assert "HeadRefForcePushedEvent" in kinds(shown(ask, opened))


def test_reviews_decide_and_may_be_dismissed(site: GitHubSite, ask: Ask, opened: str) -> None:
    site.review_pull(opened, "CHANGES_REQUESTED", author="ben-carter", comments=2)
    pull = shown(ask, opened)
    assert (pull["reviewDecision"], pull["updatedAt"]) == ("CHANGES_REQUESTED", LATER)
    assert pull["reviews"]["nodes"][0]["comments"]["totalCount"] == 2
    site.review_pull(opened, author="ben-carter")
    assert shown(ask, opened)["reviewDecision"] == "APPROVED"
    submitted = shown(ask, opened)["reviews"]["nodes"][0]["submittedAt"]
    site.dismiss_review(opened)
    pull = shown(ask, opened)
    assert pull["reviewDecision"] == "REVIEW_REQUIRED"
    assert (pull["reviews"]["nodes"][0]["state"], pull["reviews"]["nodes"][0]["submittedAt"]) == (
        "DISMISSED",
        submitted,
    )
    assert kinds(pull) == ["ReviewDismissedEvent"]


def test_a_review_that_is_not_submitted_moves_nothing(site: GitHubSite, ask: Ask, opened: str) -> None:
    site.review_pull(opened, "PENDING")
    pull = shown(ask, opened)
    assert pull["updatedAt"] == NOW
    assert pull["reviews"]["nodes"] == [{"state": "PENDING", "submittedAt": None, "comments": {"totalCount": 0}}]


def test_comments(site: GitHubSite, ask: Ask, opened: str) -> None:
    site.comment_pull(opened, "What of it? 🤔", author="dependabot")
    pull = shown(ask, opened)
    assert pull["comments"]["nodes"] == [{"body": "What of it? 🤔", "author": {"login": "dependabot"}}]
    assert pull["updatedAt"] == LATER


def test_a_fork_and_an_author_go_without_a_change(site: GitHubSite, ask: Ask, opened: str) -> None:
    site.delete_fork(opened)
    site.forget_author(opened)
    pull = shown(ask, opened)
    assert (pull["headRepository"], pull["author"], pull["updatedAt"]) == (None, None, NOW)


def test_a_deleted_repository_is_gone_with_what_it_had(site: GitHubSite, ask: Ask, post: Any, opened: str) -> None:
    ids = [site.find(opened).id, site.find(opened).repository.id]
    site.delete_repository(HOME)
    body = post("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=ids).json()
    assert body["data"]["nodes"] == [None, None]
    assert post('{ repository(owner: "acme", name: "identity") { id } }').json()["data"] == {"repository": None}
    names = ask('{ organization(login: "acme") { repositories(first: 99) { nodes { name } } } }')
    assert "identity" not in [one["name"] for one in names["organization"]["repositories"]["nodes"]]


def test_renamed_and_transferred_ones_keep_their_ids(site: GitHubSite, ask: Ask, opened: str) -> None:
    pull = site.find(opened)
    ids, at = [pull.repository.id, pull.id], pull.updated_at
    assert site.rename_repository(HOME, "accounts") == "acme/accounts"
    assert site.transfer_repository(HOME, "acme-labs") == "acme-labs/accounts"
    text = """query($ids: [ID!]!) { old: repository(owner: "acme", name: "identity") { nameWithOwner updatedAt }
      nodes(ids: $ids) { ... on Repository { nameWithOwner } ... on PullRequest { url updatedAt } } }"""
    answer = ask(text, ids=ids)
    assert answer["old"] == {"nameWithOwner": "acme-labs/accounts", "updatedAt": LATER}
    assert answer["nodes"][0] == {"nameWithOwner": "acme-labs/accounts"}
    assert answer["nodes"][1]["url"] == f"https://github.test/acme-labs/accounts/pull/{pull.number}"
    assert pull.updated_at == at


def test_archiving_is_undone_and_stops_merges(site: GitHubSite, ask: Ask, opened: str) -> None:
    text = '{ repository(owner: "acme", name: "identity") { isArchived archivedAt updatedAt } }'
    site.archive_repository(HOME)
    assert ask(text)["repository"] == {"isArchived": True, "archivedAt": LATER, "updatedAt": LATER}
    with pytest.raises(ValueError, match="archived"):
        site.merge_pull(opened)
    site.archive_repository(HOME, archived=False)
    assert ask(text)["repository"]["archivedAt"] is None


def test_what_cannot_be_done_is_said(site: GitHubSite, opened: str) -> None:
    for unknown in (f"{HOME}#99999", f"{HOME}#x", "acme/nope#1", HOME):
        with pytest.raises(KeyError, match=unknown):
            site.edit_pull(unknown, title="x")
    with pytest.raises(ValueError, match="is OPEN and not CLOSED"):
        site.reopen_pull(opened)
    with pytest.raises(ValueError, match="has no approval"):
        site.dismiss_review(opened)
    with pytest.raises(ValueError, match="expected one of APPROVED"):
        site.review_pull(opened, "GREAT")
    with pytest.raises(KeyError, match="no such label"):
        site.edit_pull(opened, labels=["no such label"])
    with pytest.raises(ValueError, match="taken"):
        site.rename_repository(HOME, "console")
    with pytest.raises(KeyError, match="nobody"):
        site.transfer_repository(HOME, "nobody")
