"""The fields of callers, owners and repositories that are more than an attribute of the same name."""

from hashlib import sha1
from types import SimpleNamespace
from typing import Any

from integrations.sandbox.github.accounts import WEB, Account, GitActor
from integrations.sandbox.github.connections import Connection
from integrations.sandbox.github.context import Call
from integrations.sandbox.github.pages import Info, ordered, page
from integrations.sandbox.github.pulls import PullRequest
from integrations.sandbox.github.refusals import not_found
from integrations.sandbox.github.repositories import Commit, Label, Ref, Repository
from integrations.sandbox.github.schema import resolves


@resolves("Query.viewer")
def viewer(source: None, info: Info) -> Account:
    account: Account = info.context.caller.account
    if account.typename == "Bot":
        # The schema knows users only here; an app is shown as one, under its own name.
        login = account.rest_login
        return Account("User", account.number, login, None, "", account.created_at)
    return account


@resolves("Query.meta")
def meta(source: None, info: Info) -> SimpleNamespace:
    return SimpleNamespace()


@resolves("Query.rateLimit")
def rate_limit(source: None, info: Info, dryRun: bool = False) -> SimpleNamespace | None:  # noqa: N803
    call: Call = info.context
    if call.charge is None:
        return None
    charge = call.charge
    return SimpleNamespace(
        cost=call.price.cost,
        node_count=call.price.nodes,
        limit=charge.limit,
        remaining=charge.remaining,
        used=charge.used,
        reset_at=charge.reset_at,
    )


@resolves("Query.organization")
def organization(source: None, info: Info, login: str) -> Account:
    call: Call = info.context
    found = call.site.account(login)
    if found is None or found.typename != "Organization":
        raise not_found("an Organization", f"login of '{login}'")
    call.require_sign_on(found.login)
    return found


@resolves("Query.repositoryOwner")
def repository_owner(source: None, info: Info, login: str) -> Account | None:
    call: Call = info.context
    found = call.site.account(login)
    if found is None or found.typename not in ("Organization", "User"):
        return None
    call.require_sign_on(found.login)
    return found


@resolves("Query.user")
def user(source: None, info: Info, login: str) -> Account:
    found = info.context.site.account(login)
    if found is None or found.typename != "User":
        raise not_found("a User", f"login of '{login}'")
    account: Account = found
    return account


@resolves("User.isViewer")
def is_viewer(source: Account, info: Info) -> bool:
    return source is info.context.caller.account


@resolves("Organization.viewerIsAMember")
def viewer_is_a_member(source: Account, info: Info) -> bool:
    owners = info.context.caller.owners
    return owners is None or source.login in owners


@resolves("User.avatarUrl", "Bot.avatarUrl", "Mannequin.avatarUrl", "Organization.avatarUrl")
def avatar_url(source: Account, info: Info, size: int | None = None) -> str:
    return f"{WEB}/avatars/{source.number}?s={size or 460}"


@resolves("User.organizations")
def organizations(source: Account, info: Info, **arguments: Any) -> Connection:
    call: Call = info.context
    mine = source is call.caller.account
    found = [one for one in call.site.organizations if mine and call.caller.owners in (None, {one.login})]
    return page(info, source, "organizations", found, arguments)


@resolves("User.repositories", "Organization.repositories")
def repositories(
    source: Account,
    info: Info,
    *,
    privacy: str | None = None,
    isArchived: bool | None = None,  # noqa: N803
    isFork: bool | None = None,  # noqa: N803
    isLocked: bool | None = None,  # noqa: N803
    **arguments: Any,
) -> Connection:
    """Of `ownerAffiliations` all have what belongs to the owner, and nothing else: nobody collaborates here."""
    call: Call = info.context
    found = [
        one
        for one in call.site.repositories
        if one.owner is source
        and call.may_read(one)
        and privacy in (None, one.visibility)
        and isArchived in (None, one.is_archived)
        and isFork in (None, one.is_fork)
        # None of them is.
        and not isLocked
    ]
    return ordered(info, source, "repositories", found, arguments)


@resolves("Query.repository")
def repository(source: None, info: Info, owner: str, name: str, followRenames: bool = True) -> Repository:  # noqa: N803
    call: Call = info.context
    found = call.site.repository(f"{owner}/{name}", follow=followRenames)
    if found is None or not call.finds(found):
        raise not_found("a Repository", f"name '{owner}/{name}'")
    if found.is_private:
        call.require_sign_on(found.owner.login)
    call.require("metadata")
    return found


@resolves("User.repository", "Organization.repository")
def owned_repository(source: Account, info: Info, name: str, followRenames: bool = True) -> Repository:  # noqa: N803
    found: Repository = repository(None, info, source.login, name, followRenames)
    return found


@resolves("Repository.defaultBranchRef")
def default_branch_ref(source: Repository, info: Info) -> Ref | None:
    return Ref(source, source.default_branch, tip(source)) if source.default_branch else None


def tip(repository: Repository) -> Commit:
    """What its default branch points to: another commit after each push."""
    at = repository.pushed_at or repository.created_at
    oid = sha1(f"{repository.number}/{at}".encode()).hexdigest()
    actor = GitActor("GitHub", "noreply@github.test", at, None)
    return Commit(repository, oid, "The latest", actor, actor, 1, 1, 1)


@resolves("Repository.forkCount")
def fork_count(source: Repository, info: Info) -> int:
    return sum(one.parent is source for one in info.context.site.repositories)


@resolves("Repository.parent")
def parent(source: Repository, info: Info) -> Repository | None:
    found = source.parent
    return found if found and info.context.may_read(found) else None


@resolves("Repository.primaryLanguage")
def primary_language(source: Repository, info: Info) -> SimpleNamespace | None:
    name = source.language
    return SimpleNamespace(id=f"L_{name}", name=name, color="#3572A5") if name else None


@resolves("Repository.labels", "PullRequest.labels")
def labels(source: Repository | PullRequest, info: Info, **arguments: Any) -> Connection:
    found: list[Label] = source.labels
    return ordered(info, source, "labels", found, arguments)


@resolves("Repository.pullRequest")
def pull_request(source: Repository, info: Info, number: int) -> PullRequest:
    call: Call = info.context
    call.require("pull_requests")
    found = call.site.pull(source, number)
    if found is None:
        raise not_found("a PullRequest", f"number of {number}")
    return found


@resolves("Repository.pullRequests")
def pull_requests(
    source: Repository,
    info: Info,
    *,
    states: list[str] | None = None,
    labels: list[str] | None = None,
    headRefName: str | None = None,  # noqa: N803
    baseRefName: str | None = None,  # noqa: N803
    **arguments: Any,
) -> Connection:
    call: Call = info.context
    call.require("pull_requests")
    found = [
        pull
        for pull in call.site.pulls(source)
        if (not states or pull.state in states)
        and (not labels or any(label.name in labels for label in pull.labels))
        and headRefName in (None, pull.head_ref_name)
        and baseRefName in (None, pull.base_ref_name)
    ]
    return ordered(info, source, "pullRequests", found, arguments)
