"""Who we are on a GitHub, which repositories we see there, and what is missing, before anything runs."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from integrations.errors import Permanent, StageError
from integrations.http import Response
from integrations.json_values import Json, UnreadableError, section
from integrations.provider import Connection, ConnectionReport, ProjectRef
from integrations.providers.github import app
from integrations.providers.github.answers import first_page, next_page, present
from integrations.providers.github.auth import has_scopes, is_app
from integrations.providers.github.client import GitHubClient, GraphAnswer
from integrations.providers.github.queries import PULL_REQUESTS, REPOSITORY
from integrations.providers.github.queries import REPOSITORIES as LISTING
from integrations.providers.github.refusals import NOT_FOUND, explained, hidden_by_sign_on, object_in
from integrations.providers.github.repositories import repository_record
from integrations.providers.github.scope import Scope, checked_scope, owner_of, unmatched
from integrations.providers.github.sizes import LARGEST_PAGE, NESTED, ask, sized
from integrations.providers.github.values import optional_listing
from integrations.records import RepositoryRecord

# A call each, and somebody waits for the answer: of what is named beyond that nothing is told.
NAMES_ASKED = 100
# A fine-grained token does not tell its permissions, only a question shows them.
REPOSITORIES_TRIED = 3
_SHOWN = 10
_REFUSED = (401, 403)
_PERMISSIONS = {"metadata": "Metadata", "contents": "Contents", "pull_requests": "Pull requests"}
_READ_ORG = ("read:org", "write:org", "admin:org")
_SMALLEST = {**NESTED, "first": 1, "after": None, "parts": 1, "threads": 1, "threadComments": 1}
_GIVE = "correct it, or give the account access"


@dataclass(frozen=True)
class _Identity:
    """``account`` in words, what the credentials lack, and the only owner of whom they read private repositories."""

    account: str
    problems: Sequence[str]
    owner: str = ""


def check_connection(client: GitHubClient, connection: Connection) -> ConnectionReport:
    """`Provider.check_connection` for GitHub. What a person can mend is a problem; what may pass by itself is raised.

    What was found out before a problem is told beside it.
    """
    deployment, identity = "", _Identity("", ())
    try:
        # First: where an App has no token, nothing else is answered.
        identity = _app(client, connection) if is_app(connection) else _person(client, connection)
        deployment = _deployment(client)
        scope = checked_scope(connection)
    except Permanent as error:
        told = f"the credentials are refused: {error}" if error.status in _REFUSED else str(error)
        return _report(client, deployment, identity, [], [told])
    seen = _Seen()
    seen.look(client, scope)
    visible = sorted(seen.repositories.values(), key=lambda repository: repository.full_name.casefold())
    selected = [repository for repository in visible if scope.holds(repository.full_name)]
    problems = [*_owner_problems(scope, identity), *seen.problems, *_scope_problems(scope, seen, selected)]
    if not identity.problems:
        problems += _trial_problems(client, selected)
    return _report(client, deployment, identity, selected, problems)


def _report(
    client: GitHubClient,
    deployment: str,
    identity: _Identity,
    selected: Sequence[RepositoryRecord],
    problems: Sequence[str],
) -> ConnectionReport:
    projects = [ProjectRef(repository.external_id, repository.full_name) for repository in selected]
    return ConnectionReport(
        client.address.site, identity.account, deployment, projects, [*identity.problems, *problems]
    )


def _deployment(client: GitHubClient) -> str:
    """https://docs.github.com/en/rest/meta/meta#get-github-meta-information"""
    version = object_in(client.rest("GET", "/meta")).get("installed_version")
    return f"Enterprise Server {version}" if version else client.address.site.partition("://")[2]


def _person(client: GitHubClient, connection: Connection) -> _Identity:
    """https://docs.github.com/en/rest/users/users#get-the-authenticated-user"""
    with _not_found(lambda: _no_github(client)):
        response = client.rest("GET", "/user")
    user = object_in(response)
    if not user.get("login"):
        raise Permanent(f"{response.call} names no account")
    account = f"{user.get('name') or 'no name'} ({user['login']})"
    if expires := response.headers.get("github-authentication-token-expiration"):
        account += f", token until {expires}"
    return _Identity(account, list(_lacking_scopes(response)) if has_scopes(connection) else [])


def _lacking_scopes(response: Response) -> Iterator[str]:
    """
    https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps
    """
    told = response.headers.get("x-oauth-scopes")
    if told is None:
        return
    scopes = {scope.strip() for scope in told.split(",")}
    if "repo" not in scopes:
        yield "the token lacks the scope repo: private repositories stay invisible (add it where the site lists tokens)"
    if scopes.isdisjoint(_READ_ORG):
        yield "the token lacks the scope read:org: what only members of an organisation see stays invisible (add it)"


def _app(client: GitHubClient, connection: Connection) -> _Identity:
    number = connection.setting(app.INSTALLATION_ID)
    with _not_found(lambda: _installations(client, connection)):
        found = app.installation(connection)
    account, permissions = found.get("account"), found.get("permissions")
    owner = str(account.get("login") or "") if type(account) is dict else ""
    given = permissions if type(permissions) is dict else {}
    missing = [label for name, label in _PERMISSIONS.items() if name not in given]
    problems = [f"the installation {number} is suspended: its owner can end that"] if found.get("suspended_at") else []
    if missing:
        problems.append(
            f"the App may not read {', '.join(missing)}: add it to the App's repository permissions, and have the "
            "owner of the installation accept that"
        )
    return _Identity(f"App {found.get('app_slug')}, installation {number} of {owner or 'nobody'}", problems, owner)


@contextmanager
def _not_found(advice: Callable[[], str]) -> Iterator[None]:
    """Says with a 404 what may be wrong."""
    try:
        yield
    except Permanent as error:
        if error.status != 404:
            raise
        raise Permanent(f"{error}; {advice()}") from error


def _no_github(client: GitHubClient) -> str:
    return f"there is no GitHub at {client.address.root}, check base_url"


def _installations(client: GitHubClient, connection: Connection) -> str:
    """What the App has in place of an installation that it does not have: often only the number is wrong."""
    try:
        found = app.installations(connection)
    except StageError:
        return _no_github(client)
    return f"it has {_listed([f'{number} ({account})' for number, account in found.items()]) or 'none'}"


def _of_owner(client: GitHubClient, login: str, problems: list[str]) -> Iterator[RepositoryRecord]:
    """What single sign-on leaves out of them is added to the problems."""
    state: dict[str, Any] | None = first_page(**sized({"first": LARGEST_PAGE}))
    what = f"repositories of {login}"
    while state is not None:
        place = {"login": login, "after": state["after"]}
        found = ask(client, LISTING, lambda sizes, place=place: {**place, **sizes}, state)  # type: ignore[misc]
        if (hidden := hidden_by_sign_on(found.answer.response.headers)) and state["page"] == 1:
            problems.append(f"{what}: {hidden}")
        owner = _part(found.answer, "repositoryOwner", what)
        if owner is None:
            raise Permanent(f"there is no organisation or user {login!r} that this account sees: {_GIVE}")
        with _readable(what):
            listed = section(owner, "repositories")
            info = {"hasNextPage": False, "endCursor": None, **section(listed, "pageInfo")}
            yield from [_record(node) for node in present(optional_listing(listed, "nodes"))]
        state = next_page({"pageInfo": info}, found.cursor, what)


def _by_name(client: GitHubClient, full_name: str) -> Iterator[RepositoryRecord]:
    """One, or none where it is not visible. Raises Permanent where it has another name now."""
    owner, _, name = full_name.partition("/")
    what = f"repository {full_name}"
    node = _part(client.query(REPOSITORY.text, {"owner": owner, "name": name}, REPOSITORY.name), "repository", what)
    if node is None:
        return
    with _readable(what):
        found = repository_record(node)
    if found.full_name.casefold() != full_name.casefold():
        raise Permanent(f"setting repositories names {full_name}, which is called {found.full_name} now: write that")
    yield found


def _part(answer: GraphAnswer, name: str, what: str) -> Json | None:
    """A part of an answer, None where it does not exist. Raises Permanent where it may not be seen."""
    if answer.data.get(name) is None:
        if refusals := _refusals(answer):
            raise Permanent(f"{what}: {refusals[0]}")
        return None
    with _readable(what):
        return section(answer.data, name)


def _refusals(answer: GraphAnswer) -> list[str]:
    return [explained(error) for error in answer.errors if error.get("type") != NOT_FOUND]


def _record(node: Any) -> RepositoryRecord:
    if type(node) is dict:
        return repository_record(node)
    raise UnreadableError("nodes", node, "a list of objects")


@contextmanager
def _readable(what: str) -> Iterator[None]:
    try:
        yield
    except UnreadableError as error:
        raise Permanent(f"{what}: the answer's {error.reason}") from error


@dataclass
class _Seen:
    """What is visible of that which the settings name. ``told`` are owners and names with a problem of their own."""

    repositories: dict[str, RepositoryRecord] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    told: set[str] = field(default_factory=set)

    def look(self, client: GitHubClient, scope: Scope) -> None:
        for login in scope.owners():
            self._add(login, _of_owner(client, login, self.problems))
        names = scope.names()
        for full_name in names[:NAMES_ASKED]:
            self._add(full_name, _by_name(client, full_name))
        self.told.update(name.casefold() for name in names[NAMES_ASKED:])

    def _add(self, asked: str, found: Iterator[RepositoryRecord]) -> None:
        try:
            self.repositories |= {one.external_id: one for one in found}
        except Permanent as error:
            self.problems.append(str(error))
            self.told.add(asked.casefold())

    def unmatched(self, entries: Sequence[str]) -> list[str]:
        """The entries that mean nothing that is visible, without those whose problem was told."""
        names = [repository.full_name for repository in self.repositories.values()]
        found = unmatched(entries, names)
        return [entry for entry in found if self.told.isdisjoint((entry.casefold(), owner_of(entry).casefold()))]


def _owner_problems(scope: Scope, identity: _Identity) -> Iterator[str]:
    """An installation is one account's."""
    owners = [owner_of(name) for name in (*scope.owners(), *scope.names())]
    others = {owner.casefold(): owner for owner in owners if owner.casefold() != identity.owner.casefold()}
    if identity.owner and others:
        yield (
            f"the App's installation is one of {identity.owner}: of {_listed(list(others.values()))} only public "
            "repositories are visible (an integration for each installation reads them all)"
        )


def _scope_problems(scope: Scope, seen: _Seen, selected: Sequence[RepositoryRecord]) -> Iterator[str]:
    for setting, entries in (("repositories", scope.wanted), ("exclude_repositories", scope.excluded)):
        if missing := seen.unmatched(entries):
            yield f"setting {setting} names {_listed(missing)}, which is no repository that this account sees: {_GIVE}"
    if not selected and not seen.problems:
        yield "the settings leave no visible repository to read: change them, or give the account access to one"
    elif selected and all(repository.archived for repository in selected):
        yield "all repositories to be read are archived: nothing changes in them any more"


def _trial_problems(client: GitHubClient, selected: Sequence[RepositoryRecord]) -> list[str]:
    """Asks for pull requests in the way that a sync does: private repositories first, where permissions count."""
    order = sorted(selected, key=lambda repository: (not repository.private, repository.archived))
    found: dict[str, list[str]] = {}
    for repository in order[:REPOSITORIES_TRIED]:
        for problem in _trial(client, repository.full_name):
            found.setdefault(problem, []).append(repository.full_name)
    return [f"pull requests of {_listed(names)} cannot be read: {problem}" for problem, names in found.items()]


def _trial(client: GitHubClient, full_name: str) -> Sequence[str]:
    owner, _, name = full_name.partition("/")
    try:
        answer = client.query(PULL_REQUESTS.text, {"owner": owner, "name": name, **_SMALLEST}, PULL_REQUESTS.name)
    except Permanent as error:
        return [str(error)]
    return list(dict.fromkeys(_refusals(answer)))


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
