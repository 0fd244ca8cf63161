import hashlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from integrations.sandbox.github import GitHubSite, GitHubSpec
from integrations.sandbox.github.entries import ODDITIES
from integrations.sandbox.github.payloads import pull_request_of
from integrations.sandbox.github.pulls import MERGED, OPEN, PullRequest
from integrations.sandbox.jira.entries import SiteSpec, make_entries

ROOT = Path(__file__).resolve().parents[4]
KEY = re.compile(r"\b[A-Z][A-Z0-9]+-\d+\b")
PROGRAM = """
import hashlib
from tests.integrations.sandbox.github.test_generator import fingerprint
print(fingerprint())
"""


def every(site: GitHubSite) -> list[PullRequest]:
    return [pull for home in site.repositories for pull in site.pulls(home)]


def fingerprint(backwards: bool = False) -> str:
    site = GitHubSite(GitHubSpec(45, seed=5, jira=SiteSpec(60, seed=2)))
    names = site.names()[::-1] if backwards else site.names()
    texts = {name: repr((pull_request_of(site.find(name)), told(site.find(name)))) for name in names}
    return hashlib.sha256(repr(sorted(texts.items())).encode()).hexdigest()


def told(pull: PullRequest) -> list[object]:
    parts: list[object] = [(made.commit.oid, made.commit.message, made.commit.committed_date) for made in pull.commits]
    parts += [(one.id, one.state, one.submitted_at, one.body) for one in pull.reviews]
    parts += [(one.id, one.typename, one.created_at) for one in pull.events]
    return parts + [(one.id, one.body) for thread in pull.threads for one in thread.comments]


def test_the_same_spec_gives_the_same_site_in_any_order_and_process() -> None:
    other = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True)
    assert fingerprint() == fingerprint(backwards=True) == other.stdout.strip()


def test_another_seed_gives_another_site() -> None:
    assert every(GitHubSite(GitHubSpec(5, seed=1)))[0].title != every(GitHubSite(GitHubSpec(5, seed=2)))[0].title


def test_a_small_site_has_every_oddity(site: GitHubSite) -> None:
    pulls = every(site)
    assert any(len(pull.commits) > 130 for pull in pulls)
    assert any(pull.author is None for pull in pulls)
    assert any(pull.author and pull.author.typename == "Bot" and pull.author.login == "dependabot" for pull in pulls)
    assert any(pull.author and pull.author.typename == "Mannequin" for pull in pulls)
    assert any(pull.head_repository is None and pull.is_cross_repository for pull in pulls)
    assert any(len(pull.title) == 1_200 for pull in pulls)
    assert any("👩‍👩‍👧‍👦" in pull.title and "\u200b" in pull.title for pull in pulls)
    assert any("\r\n" in pull.body for pull in pulls)
    assert 15 in {sum(event.typename == "HeadRefForcePushedEvent" for event in pull.events) for pull in pulls}
    assert any(pull.is_draft for pull in pulls)
    assert any(review.state == "PENDING" and review.submitted_at is None for pull in pulls for review in pull.reviews)
    assert {review.state for pull in pulls for review in pull.reviews} == {
        "APPROVED",
        "CHANGES_REQUESTED",
        "COMMENTED",
        "DISMISSED",
        "PENDING",
    }
    assert max(len(pull.comments) for pull in pulls) > 100
    assert max(len(pull.reviews) for pull in pulls) > 100
    assert max(len(pull.threads) for pull in pulls) > 50
    assert max(len(thread.comments) for pull in pulls for thread in pull.threads) > 40
    assert any(made.commit.author.user is None for pull in pulls for made in pull.commits)
    assert len(ODDITIES) < 40


def test_ids_are_beyond_32_bits_and_never_the_same(site: GitHubSite) -> None:
    pulls = every(site)
    assert all(pull.database_id is None and int(pull.full_database_id) > 2**31 for pull in pulls)
    parts: list[Any] = [
        part for pull in pulls for part in (*pull.commits, *pull.reviews, *pull.threads, *pull.comments, *pull.events)
    ]
    parts += [comment for pull in pulls for thread in pull.threads for comment in thread.comments]
    ids = [pull.id for pull in pulls] + [part.id for part in parts]
    assert len(set(ids)) == len(ids)
    for kind in ("reviews", "comments", "events"):
        numbers = [part.full_database_id for pull in pulls for part in getattr(pull, kind)]
        assert len(set(numbers)) == len(numbers)


def test_times_are_in_order_and_states_agree_with_them(site: GitHubSite) -> None:
    for pull in every(site):
        times = [pull.created_at, *(event.created_at for event in pull.events), pull.updated_at]
        assert times == sorted(times)
        assert all(pull.created_at <= review.created_at <= pull.updated_at for review in pull.reviews)
        assert pull.commits[0].commit.authored_date <= pull.created_at
        assert max(made.commit.committed_date for made in pull.commits) <= pull.updated_at
        assert (pull.merged_at is not None) == (pull.merge_commit is not None) == (pull.state == MERGED)
        assert (pull.closed_at is None) == (pull.state == OPEN)
        if pull.merge_commit:
            assert pull.merge_commit.oid not in {made.commit.oid for made in pull.commits}
            assert pull.merged_at == pull.closed_at


def named(pull: PullRequest) -> set[str]:
    texts = [pull.title, pull.head_ref_name, *(made.commit.message for made in pull.commits)]
    return {key for text in texts for key in KEY.findall(text)}


def test_work_items_are_named_in_titles_branches_and_messages() -> None:
    jira = SiteSpec(80, seed=4)
    pulls = every(GitHubSite(GitHubSpec(80, seed=4, jira=jira)))
    known = {item.key for item in make_entries(jira)}
    assert any(KEY.findall(pull.title) and set(KEY.findall(pull.title)) <= known for pull in pulls)
    assert any(set(KEY.findall(pull.head_ref_name)) & known for pull in pulls)
    in_messages = [
        pull for pull in pulls if named(pull) & known and not known & set(KEY.findall(pull.title + pull.head_ref_name))
    ]
    assert in_messages
    assert len([pull for pull in pulls if named(pull) & known]) > len(pulls) // 3
    assert any(len(named(pull) & known) > 1 for pull in pulls)


def test_some_name_what_looks_like_a_key_and_is_none() -> None:
    jira = SiteSpec(80, seed=4)
    pulls = every(GitHubSite(GitHubSpec(80, seed=4, jira=jira)))
    known = {item.key for item in make_entries(jira)}
    decoys = {key for pull in pulls for key in named(pull)} - known
    assert {"UTF-8", "SHA-256"} <= decoys
    lower = [pull for pull in pulls if re.search(r"feature/[a-z]+-\d+-", pull.head_ref_name)]
    assert any(not named(pull) & known for pull in lower)


def test_work_items_of_another_site_are_not_named() -> None:
    """Without work items nobody names one."""
    pulls = every(GitHubSite(GitHubSpec(30, seed=4, jira=SiteSpec(0))))
    assert not {key for pull in pulls for key in named(pull) if key.startswith(("PAY-", "WEB-"))} - {"PAY-999999"}


def test_more_repositories_fill_more_than_a_page() -> None:
    site = GitHubSite(GitHubSpec(0, more_repositories=120))
    assert len([one for one in site.repositories if one.owner.login == "acme"]) > 120
