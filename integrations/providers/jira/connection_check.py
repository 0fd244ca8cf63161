"""Who we are on a site, what we see there, and what is missing, before anything runs."""

from collections.abc import Iterator, Sequence
from typing import Any

from integrations.errors import Permanent, StageError
from integrations.http import Response
from integrations.provider import Connection, ConnectionReport, ProjectRef, RawAnswer
from integrations.providers.jira import oauth
from integrations.providers.jira.auth import checked_base_url, checked_credentials
from integrations.providers.jira.catalogue import in_scope, listed_projects
from integrations.providers.jira.client import JiraClient
from integrations.providers.jira.dialect import BROWSE_PROJECTS, VIEW_DEV_TOOLS
from integrations.providers.jira.extract_catalogue import next_start
from integrations.providers.jira.normalise import PROJECTS

# A call each: a site can have thousands of projects, and somebody waits for the answer.
PROJECTS_ASKED = 25
_SHOWN_PROJECTS = 10
_REFUSED = (401, 403)
_LOST = {
    BROWSE_PROJECTS: 'permission BROWSE_PROJECTS ("Browse Projects") is missing{where}: no issue can be read there',
    VIEW_DEV_TOOLS: 'permission VIEW_DEV_TOOLS ("View Development Tools") is missing{where}: '
    "pull requests, branches and commits stay unknown",
}
_GRANT = "grant it in the permission scheme of the project"


def check_connection(client: JiraClient, connection: Connection) -> ConnectionReport:
    """`Provider.check_connection` for Jira. What a person can mend is a problem; what may pass by itself is raised.

    The account comes before all else: wrong credentials can get good answers that merely hold fewer records.
    """
    site, deployment, account = connection.setting("base_url"), "", ""
    try:
        site, deployment = _site(client, site)
        account = _account(client)
        visible = list(_visible_projects(client))
    except Permanent as error:
        if account:
            told = f"the projects cannot be listed: {_closed(error)}"
        else:
            told = f"the credentials are refused: {error}" if error.status in _REFUSED else str(error)
            told += _reached(connection) if error.status else ""
        return ConnectionReport(site, account, deployment, (), [told])
    selected = _selected(connection, visible)
    problems = [*_scope_problems(connection, visible, selected), *_permission_problems(client, selected)]
    problems += [*_status_problems(client), *_search_problems(client, connection, selected, problems)]
    problems += _field_problems(client, connection)
    return ConnectionReport(site, account, deployment, selected, problems)


def _site(client: JiraClient, base_url: str) -> tuple[str, str]:
    """Address with title, and deployment with version. A site that does not tell them is Cloud, as it is to a sync."""
    try:
        info = _object(client.server_info())
    except Permanent as error:
        if error.status != 404:
            raise
        return base_url, f"{client.deployment}, which is a guess: there is no serverInfo"
    site = f"{info.get('baseUrl') or base_url} ({info.get('serverTitle') or 'no title'})"
    return site, f"{client.deployment} {info.get('version') or ''}".strip()


def _reached(connection: Connection) -> str:
    """What an OAuth 2.0 app reaches in place of the site that refuses it: often only the id in base_url is wrong."""
    base_url, token = checked_base_url(connection.setting("base_url")), checked_credentials(connection).renewed
    if token is None:
        return ""
    try:
        sites = oauth.reached_sites(base_url, token)
    except StageError:
        return ""
    gateway = base_url.rpartition("/")[0]
    named = [f"{url} (base_url {gateway}/{cloud_id})" for url, cloud_id in sites.items()]
    return f"; the app was authorised for {_listed(named) or 'no site'}"


def _account(client: JiraClient) -> str:
    """Display name, and e-mail address or else login name. Raises Permanent where the site knows none."""
    response = client.myself()
    account = _object(response)
    login = next((account[name] for name in ("emailAddress", "name", "accountId", "key") if account.get(name)), None)
    if login is None:
        stranger = Permanent(f"{response.call} names no account, so the site takes us for a stranger")
        stranger.status = _REFUSED[0]
        raise stranger
    return f"{account.get('displayName') or 'no name'} ({login})"


def _visible_projects(client: JiraClient) -> Iterator[ProjectRef]:
    start: int | None = 0
    while start is not None:
        response = client.projects(start)
        # Cloud's word for "none".
        if response.status == 404:
            return
        page = RawAnswer(PROJECTS, f"projects:{start}", response.json())
        for project in listed_projects(page):
            if type(project) is dict and project.get("id") and project.get("key"):
                yield ProjectRef(str(project["id"]), str(project["key"]))
        start = next_start(page.content, start)


def _selected(connection: Connection, visible: Sequence[ProjectRef]) -> list[ProjectRef]:
    """What the settings leave of the visible projects."""
    scope, excluded = connection.items("projects"), connection.items("exclude_projects")
    return [
        project for project in visible if in_scope({"key": project.key, "id": project.external_id}, scope, excluded)
    ]


def _scope_problems(
    connection: Connection, visible: Sequence[ProjectRef], selected: Sequence[ProjectRef]
) -> Iterator[str]:
    if not visible:
        yield f"no project is visible to this account: give it the permission to browse one ({_GRANT})"
        return
    known = {name.upper() for project in visible for name in (project.key, project.external_id)}
    for setting in ("projects", "exclude_projects"):
        if unknown := [name for name in connection.items(setting) if name.upper() not in known]:
            yield (
                f"setting {setting} names {', '.join(unknown)}, which is the key or id of no project that this "
                "account sees: correct it, or give the account the permission to browse it"
            )
    if not selected:
        yield "settings projects and exclude_projects leave no visible project to read: change them"


def _permission_problems(client: JiraClient, selected: Sequence[ProjectRef]) -> Iterator[str]:
    """First for the account as a whole: what it has in no project is said once."""
    try:
        nowhere = _missing(client, None)
        asked = {project.key: _missing(client, project.key) - nowhere for project in selected[:PROJECTS_ASKED]}
    except Permanent as error:
        yield f"the site does not say which permissions the account has: {_closed(error)}"
        return
    for permission, sentence in _LOST.items():
        where = [key for key, missing in asked.items() if permission in missing]
        if permission in nowhere:
            yield f"{sentence.format(where=' in all projects')} ({_GRANT})"
        elif where:
            yield f"{sentence.format(where=f' in {_listed(where)}')} ({_GRANT})"


def _missing(client: JiraClient, project_key: str | None) -> set[str]:
    """The permissions that the site says are not given. One that it does not know (an application less) is no loss."""
    try:
        permissions = _object(client.my_permissions(project_key)).get("permissions")
    except StageError as error:
        # How a project is hidden from those who may not browse it.
        if project_key is None or error.status != 404:
            raise
        return {BROWSE_PROJECTS}
    if type(permissions) is not dict:
        return set()
    return {
        name
        for name in _LOST
        if type(permissions.get(name)) is dict and permissions[name].get("havePermission") is False
    }


def _status_problems(client: JiraClient) -> Iterator[str]:
    try:
        client.statuses()
    except Permanent as error:
        yield f"statuses cannot be read: {_closed(error)}"


def _search_problems(
    client: JiraClient, connection: Connection, selected: Sequence[ProjectRef], known: Sequence[str]
) -> Iterator[str]:
    """Searches an issue in the way that a sync does: only the site can tell whether JQL is right.

    Its development status is asked for as well, unless it is ``known`` that the permission is missing.
    """
    base_search = connection.setting("base_search")
    if not selected:
        return
    # By id: a key can be a word of JQL, such as AND or NULL.
    jql = f"project = {selected[0].external_id}" + (f" AND ({base_search})" if base_search else "")
    try:
        issues = _object(client.search(jql, 1, None, fields=("id",), expand="")).get("issues")
    except Permanent as error:
        if error.status == 400 and base_search:
            yield f"setting base_search is {base_search!r}, which the site does not take as JQL: {error}"
        else:
            yield f"issues cannot be searched: {_closed(error)} (JQL: {jql})"
        return
    found = issues[0] if type(issues) is list and issues else None
    if type(found) is dict and found.get("id") and not any(VIEW_DEV_TOOLS in problem for problem in known):
        yield from _development_problems(client, str(found["id"]))


def _development_problems(client: JiraClient, issue_id: str) -> Iterator[str]:
    """Of a site that has no such part (404) nothing is lost."""
    try:
        client.dev_summary(issue_id)
    except Permanent as error:
        if error.status != 404:
            yield f"development information is refused, pull requests stay unknown: {_closed(error)}"


def _field_problems(client: JiraClient, connection: Connection) -> Iterator[str]:
    """A field that is misspelt here would be stored although it never should be."""
    excluded = connection.items("exclude_fields")
    if not excluded:
        return
    try:
        listed = client.fields().json()
    except Permanent as error:
        yield f"setting exclude_fields cannot be checked, since the fields cannot be listed: {_closed(error)}"
        return
    fields = [field for field in listed if type(field) is dict] if type(listed) is list else []
    known = {str(field.get("id")) for field in fields}
    by_name = {str(field.get("name")).lower(): field.get("id") for field in fields}
    for name in excluded:
        if name not in known:
            meant = by_name.get(name.lower())
            yield f"setting exclude_fields names {name!r}, which is the id of no field: " + (
                f"write {meant}" if meant else "correct it or take it out"
            )


def _closed(error: Permanent) -> str:
    """Why a part of the API is closed to an account that the site knows."""
    return f"{error}; as the account is known, a scope of the token is missing" if error.status == 401 else str(error)


def _listed(keys: Sequence[str]) -> str:
    more = len(keys) - _SHOWN_PROJECTS
    return ", ".join(keys[:_SHOWN_PROJECTS]) + (f" and {more} more" if more > 0 else "")


def _object(response: Response) -> dict[str, Any]:
    """Raises Permanent where the answer is something else."""
    content = response.json()
    if type(content) is not dict:
        raise Permanent(f"{response.call} answered something of type {type(content).__name__}, not an object")
    return content
