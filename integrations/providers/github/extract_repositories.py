"""Step 1: repositories, by owner or by name.

owner ──► rest ──► rest ...    the pages after an owner's first one complete it: together they say what there is
name                           a repository of which only the name is known
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from integrations.errors import Permanent
from integrations.provider import Answer, Connection, Cursor, Partition, PlanContext, Step
from integrations.providers.github.answers import (
    answer_of,
    check_whole,
    first_page,
    next_page,
    present,
    raw_answer,
)
from integrations.providers.github.client import GitHubClient
from integrations.providers.github.normalise import REPOSITORIES, REPOSITORIES_REST, REPOSITORY
from integrations.providers.github.queries import REPOSITORIES as LISTING
from integrations.providers.github.queries import REPOSITORY as BY_NAME
from integrations.providers.github.recognise import recognise_repositories
from integrations.providers.github.refetch import repository_in_scope
from integrations.providers.github.refusals import hidden_by_sign_on
from integrations.providers.github.scope import Scope, checked_scope, unmatched
from integrations.providers.github.sizes import LARGEST_PAGE, Sized, ask, sized
from integrations.providers.github.steps import GitHubStep
from integrations.providers.github.values import text_of


class RepositoriesStep(GitHubStep):
    declared = Step("github_repositories", 1, "Repositories")
    calls = "an answer with data.repositoryOwner.repositories, or with data.repository"

    def plan(self, connection: Connection, context: PlanContext) -> list[Partition]:
        scope = checked_scope(connection)
        owners = [_owner_partition(login, scope.entries_of(login)) for login in scope.owners()]
        return owners + [_name_partition(name, scope) for name in scope.names()]

    def fetch(self, client: GitHubClient, connection: Connection, cursor: Cursor) -> Answer:
        return _CALLS[cursor["call"]](client, cursor)

    def recognise(self, content: Any) -> tuple[str, str] | None:
        return recognise_repositories(content)


def _owner_partition(login: str, entries: Sequence[str]) -> Partition:
    state = first_page(call="owner", login=login, unseen=list(entries))
    return Partition(f"owner:{login.casefold()}", {**state, **sized({"first": LARGEST_PAGE})})


def _name_partition(full_name: str, scope: Scope) -> Partition:
    return Partition(f"name:{full_name.casefold()}", {"call": "name", "full_name": full_name, "scope": asdict(scope)})


def _fetch_owner(client: GitHubClient, cursor: Cursor) -> Answer:
    """The first page of an owner's repositories."""
    found, following = _listed(client, cursor)
    asked = raw_answer(REPOSITORIES, _name(cursor), found.answer, {"owner": cursor["login"]})
    hidden = hidden_by_sign_on(found.answer.response.headers)
    warnings = [f"repositories of {cursor['login']}: {hidden}" if hidden else ""]
    if following is None:
        warnings.append(_end_warning(found, cursor))
    followups = (Partition(f"rest:{_name(cursor)}", following),) if following else ()
    return answer_of(asked, found.answer, followups=followups, warning="; ".join(filter(None, warnings)))


def _fetch_rest(client: GitHubClient, cursor: Cursor) -> Answer:
    found, following = _listed(client, cursor)
    name = f"{_name(cursor)}:page:{cursor['page']}"
    asked = raw_answer(REPOSITORIES_REST, name, found.answer, {"owner": cursor["login"]})
    return answer_of(asked, found.answer, following, warning="" if following else _end_warning(found, cursor))


def _fetch_name(client: GitHubClient, cursor: Cursor) -> Answer:
    full_name = cursor["full_name"]
    owner, _, name = full_name.partition("/")
    answer = client.query(BY_NAME.text, {"owner": owner, "name": name}, BY_NAME.name)
    ours = repository_in_scope(answer, cursor, full_name)
    asked = raw_answer(REPOSITORY, f"repository:{full_name.casefold()}", ours, {"full_name": full_name})
    return answer_of(asked, ours, warning=_name_warning(full_name, answer.data.get("repository")))


def _listed(client: GitHubClient, cursor: Cursor) -> tuple[Sized, dict[str, Any] | None]:
    """A page of an owner's repositories, and the cursor of the next one."""
    login = cursor["login"]
    place = {"login": login, "after": cursor["after"]}
    what = f"repositories of {login}"
    found = ask(client, LISTING, lambda sizes: {**place, **sizes}, cursor, what)
    check_whole(found.answer, what)
    owner = found.answer.data.get("repositoryOwner")
    if owner is None:
        raise Permanent(f"there is no organisation or user {login!r} that this account may see: check organization")
    listed = owner["repositories"]
    following = next_page(listed, {**found.cursor, "call": "rest"}, what)
    return found, following and {**following, "unseen": _unseen(found, cursor)}


def _unseen(found: Sized, cursor: Cursor) -> list[str]:
    """What the setting names and no page has shown yet."""
    nodes = present(found.answer.data["repositoryOwner"]["repositories"]["nodes"])
    return unmatched(cursor["unseen"], [text_of(node.get("nameWithOwner")) for node in nodes if type(node) is dict])


def _end_warning(found: Sized, cursor: Cursor) -> str:
    if cursor["page"] == 1 and not found.answer.data["repositoryOwner"]["repositories"]["nodes"]:
        return f"{cursor['login']} has no repository that is visible to this account"
    unseen = _unseen(found, cursor)
    return f"setting repositories: {', '.join(unseen)} is not visible to this account" if unseen else ""


def _name_warning(full_name: str, repository: Mapping[str, Any] | None) -> str:
    if repository is None:
        return f"setting repositories: {full_name} is not visible to this account"
    called = text_of(repository.get("nameWithOwner")) if type(repository) is dict else ""
    if called.casefold() in ("", full_name.casefold()):
        return ""
    return f"setting repositories: {full_name} is called {called} now, and is read only under that name"


def _name(cursor: Cursor) -> str:
    return f"owner:{cursor['login'].casefold()}"


_CALLS: Mapping[str, Callable[[GitHubClient, Cursor], Answer]] = {
    "owner": _fetch_owner,
    "rest": _fetch_rest,
    "name": _fetch_name,
}
