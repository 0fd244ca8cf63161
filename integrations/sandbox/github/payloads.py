"""REST's shapes of what a site holds, as its REST API and its webhooks show them: snake case, links, bots marked."""

from collections.abc import Sequence
from hashlib import sha1
from typing import Any

from integrations.sandbox.github.accounts import WEB, Account
from integrations.sandbox.github.deliveries import HOOK_ID
from integrations.sandbox.github.pulls import MERGED, OPEN, PullRequest, Review
from integrations.sandbox.github.repositories import Commit, Repository
from integrations.sandbox.github.store import Store
from integrations.sandbox.github.timestamps import stamp, stamp_or_none

Json = dict[str, Any]
API = "https://api.github.test"
EMPTY_OID = "0" * 40


def digest(text: str) -> str:
    return sha1(text.encode()).hexdigest()


def account(found: Account) -> Json:
    shown: Json = {"login": found.rest_login, "id": found.number, "node_id": found.id, "avatar_url": f"{WEB}/avatar"}
    shown |= {"url": f"{API}/users/{found.rest_login}", "html_url": found.url}
    return shown | {"type": found.typename, "site_admin": False}


def _user(found: Account | None) -> Json | None:
    return account(found) if found else None


def repository_of(found: Repository) -> Json:
    shown: Json = {"id": found.number, "node_id": found.id, "name": found.name, "full_name": found.name_with_owner}
    shown |= {"private": found.is_private, "owner": account(found.owner), "html_url": found.url}
    shown |= {"description": found.description, "fork": found.is_fork, "url": f"{API}/repos/{found.name_with_owner}"}
    shown |= {"created_at": stamp(found.created_at), "updated_at": stamp(found.updated_at)}
    shown |= {"pushed_at": stamp_or_none(found.pushed_at), "ssh_url": found.ssh_url, "clone_url": f"{found.url}.git"}
    shown |= {"language": found.language, "archived": found.is_archived, "disabled": found.is_disabled}
    shown |= {"visibility": found.visibility.lower(), "is_template": found.is_template, "size": 0}
    # REST names a branch also where there is none yet.
    return shown | {"default_branch": found.default_branch or "main"}


def pull_request_of(pull: PullRequest) -> Json:
    repository = pull.repository
    shown: Json = {"url": f"{API}/repos/{repository.name_with_owner}/pulls/{pull.number}"}
    shown |= {"id": pull.number_in_database, "node_id": pull.id, "html_url": pull.url, "number": pull.number}
    shown |= {"state": "open" if pull.state == OPEN else "closed", "locked": False, "title": pull.title}
    # An empty text is null here and "" in GraphQL.
    shown |= {"user": _user(pull.author), "body": pull.body or None, "draft": pull.is_draft}
    shown |= {"created_at": stamp(pull.created_at), "updated_at": stamp(pull.updated_at)}
    shown |= {
        "closed_at": stamp_or_none(pull.closed_at),
        "merged_at": stamp_or_none(pull.merged_at),
        "merged": pull.state == MERGED,
    }
    shown |= {"merge_commit_sha": pull.merge_commit.oid if pull.merge_commit else None}
    shown |= {"merged_by": _user(pull.merged_by), "mergeable": None, "comments": len(pull.comments)}
    shown |= {"commits": len(pull.commits), "additions": pull.additions, "deletions": pull.deletions}
    shown |= {"changed_files": pull.changed_files, "labels": [{"name": label.name} for label in pull.labels]}
    shown["head"] = _branch(pull.head_repository_owner, pull.head_ref_name, pull.last_commit.oid, pull.head_repository)
    shown["base"] = _branch(repository.owner, pull.base_ref_name, pull.base_ref_oid, repository)
    return shown


def _branch(owner: Account | None, name: str, oid: str, home: Repository | None) -> Json:
    label = f"{owner.login if owner else 'unknown'}:{name}"
    # A deleted fork: repo is null.
    return {
        "label": label,
        "ref": name,
        "sha": oid,
        "user": _user(owner),
        "repo": repository_of(home) if home else None,
    }


def review_of(found: Review) -> Json:
    shown: Json = {"id": found.number, "node_id": found.id, "user": _user(found.author), "body": found.body or None}
    shown |= {"commit_id": found.commit.oid if found.commit else None, "state": found.state.lower()}
    return shown | {"html_url": found.url, "submitted_at": stamp_or_none(found.submitted_at)}


def pull_request(site: Store, action: str, pull: PullRequest, sender: Account | None, **more: Any) -> tuple[str, Json]:
    body: Json = {"action": action, "number": pull.number, "pull_request": pull_request_of(pull)}
    return "pull_request", body | more | _around(site, pull.repository, sender)


def review(site: Store, action: str, found: Review, sender: Account | None) -> tuple[str, Json]:
    body: Json = {"action": action, "review": review_of(found), "pull_request": pull_request_of(found.pull)}
    return "pull_request_review", body | _around(site, found.repository, sender)


def push(
    site: Store,
    home: Repository,
    branch: str,
    commits: Sequence[Commit],
    sender: Account | None,
    *,
    forced: bool = False,
) -> tuple[str, Json]:
    after = commits[-1].oid if commits else EMPTY_OID
    body: Json = {"ref": f"refs/heads/{branch}", "before": digest(f"before/{after}"), "after": after, "forced": forced}
    body |= {"created": False, "deleted": False, "commits": [_commit(commit) for commit in commits]}
    body["pusher"] = {"name": sender.login if sender else "ghost"}
    return "push", body | _around(site, home, sender)


def _commit(found: Commit) -> Json:
    author = {"name": found.author.name, "email": found.author.email}
    return {"id": found.oid, "message": found.message, "timestamp": stamp(found.committed_date), "author": author}


def repository(site: Store, action: str, home: Repository, **more: Any) -> tuple[str, Json]:
    return "repository", {"action": action} | more | _around(site, home, site.people[0])


def ping(site: Store) -> tuple[str, Json]:
    hook: Json = {"type": "Organization", "id": int(HOOK_ID), "name": "web", "active": True, "events": ["*"]}
    return "ping", {"zen": "Keep it simple.", "hook_id": int(HOOK_ID), "hook": hook, "sender": account(site.people[0])}


def _around(site: Store, home: Repository, sender: Account | None) -> Json:
    # Somebody always did it: who is gone by now is shown as the viewer's account.
    return {
        "repository": repository_of(home),
        "organization": account(home.owner),
        "sender": account(sender or site.viewer),
    }
