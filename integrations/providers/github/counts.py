"""How many pull requests a repository has, under the same conditions under which a sync reads them."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from integrations.errors import Permanent
from integrations.json_values import Json, UnreadableError, instant
from integrations.provider import Connection, PlanContext, RepositoryRef, SourceCount
from integrations.providers.github.answers import check_whole, first_page, next_page, present
from integrations.providers.github.client import GitHubClient
from integrations.providers.github.queries import PULL_REQUEST_LISTING
from integrations.providers.github.questions import question_of, scope_of
from integrations.providers.github.scope import checked_scope
from integrations.providers.github.sizes import LARGEST_PAGE
from integrations.providers.github.values import name_of

_UNAUTHORISED = 401


def count_repositories(client: GitHubClient, connection: Connection, context: PlanContext) -> Mapping[str, SourceCount]:
    """`Provider.counts` for GitHub: mostly one call a repository, for a single point.

    Where ``start_date`` leaves some out, one for each hundred that are left: GitHub counts them all or not at all.
    """
    scope = checked_scope(connection)
    return {
        found.external_id: _count(client, connection, found, context)
        for found in context.repositories
        if scope.holds(found.full_name)
    }


def _count(
    client: GitHubClient, connection: Connection, repository: RepositoryRef, context: PlanContext
) -> SourceCount:
    question = question_of(connection, repository)
    watermark = context.watermarks.get(scope_of(question))
    since = question_of(connection, repository, watermark)["since"]
    start = f"{question['start_date']}T00:00:00Z" if question["start_date"] else ""
    try:
        return _counted(client, repository, start, since or "")
    except Permanent as error:
        if error.status in (None, _UNAUTHORISED):
            raise
        return SourceCount(None, problem=str(error))


def _counted(client: GitHubClient, repository: RepositoryRef, start: str, since: str) -> SourceCount:
    """All that GitHub has, less what was last updated before the start. Of what was updated since, newest first."""
    total: int | None = None
    listed = created = changed = 0
    for told, pull in _newest_first(client, repository, start or since):
        total = told
        listed += _said(pull, "updatedAt") >= start
        created += _said(pull, "createdAt") >= since > ""
        changed += _said(pull, "updatedAt") >= since > ""
    if total is None:
        return SourceCount(None, problem=f"repository {repository.full_name} is not visible to this account any more")
    items = listed if start else total
    return SourceCount(items, since=_moment(since), created=created, changed=changed, oldest=_moment(start))


def _newest_first(client: GitHubClient, repository: RepositoryRef, until: str) -> Iterator[tuple[int, Json]]:
    """(how many there are, one of them) until one was last updated before ``until``; one at least, of a repository
    that is there.
    """
    state: dict[str, Any] | None = first_page()
    while state is not None:
        found = _page(client, repository, LARGEST_PAGE if until else 1, state["after"])
        if not found:
            return
        pulls, total = found["pullRequests"], found["pullRequests"]["totalCount"]
        entries = [pull for pull in present(pulls["nodes"]) if type(pull) is dict]
        yield from ((total, pull) for pull in entries or [{}])
        if not until or (entries and _said(entries[-1], "updatedAt") < until):
            return
        state = next_page(pulls, state, f"pull requests of {repository.full_name}")


def _page(client: GitHubClient, repository: RepositoryRef, size: int, after: str | None) -> Json:
    """The repository with a page of its list; empty where it is not there, or its name is another one's by now."""
    owner, _, name = repository.full_name.partition("/")
    variables = {"owner": owner, "name": name, "first": size, "after": after}
    answer = client.query(PULL_REQUEST_LISTING.text, variables, PULL_REQUEST_LISTING.name)
    check_whole(answer, f"repository {repository.full_name}")
    found: Json = answer.data.get("repository") or {}
    return found if name_of(found) == repository.external_id else {}


def _said(pull: Json, name: str) -> str:
    """As GitHub writes times; they compare as text. '' where it says none."""
    value = pull.get(name)
    return value if type(value) is str else ""


def _moment(text: str) -> datetime | None:
    try:
        return instant({"at": text}, "at").astimezone(UTC) if text else None
    except UnreadableError:
        return None
