"""Step 2: pull requests with all that belongs to them: a partition for each repository.

place ──► place ──► page   of a backfill: behind what is newer than its range
page ──► page ──► ...      newest first, until what was read before, or the oldest that are to be read
page ──► rest ──► rest     of what the page cut
items                      pull requests by id, for repairs and webhooks

https://docs.github.com/en/graphql/reference/objects#repository
"""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

from integrations.errors import StageError
from integrations.provider import Answer, Connection, Cursor, Partition, PlanContext, RawAnswer, RepositoryRef, Step
from integrations.providers.github import extract_rest
from integrations.providers.github.answers import (
    answer_of,
    first_page,
    ids_at,
    is_stale,
    next_page,
    present,
    raw_answer,
    refused_entries,
)
from integrations.providers.github.client import GitHubClient
from integrations.providers.github.extract_repositories import RepositoriesStep
from integrations.providers.github.normalise import PULL_REQUESTS
from integrations.providers.github.places import check_same, fetch_place, gone, place_again
from integrations.providers.github.pull_requests import is_wanted
from integrations.providers.github.queries import PULL_REQUESTS as BY_NAME
from integrations.providers.github.queries import PULL_REQUESTS_OF as BY_ID
from integrations.providers.github.questions import (
    narrowed,
    newest_wanted,
    oldest_wanted,
    question_name,
    question_of,
    scope_of,
)
from integrations.providers.github.recognise import recognise_pull_requests
from integrations.providers.github.refetch import fetch_items, put_aside
from integrations.providers.github.scope import checked_scope
from integrations.providers.github.shapes import has_id
from integrations.providers.github.sizes import NESTED, Sized, ask, checked_batch_size, sized, sizes_of
from integrations.providers.github.steps import GitHubStep
from integrations.providers.github.values import text_of

Json = Mapping[str, Any]

# The first page of what changed since some time, mostly nothing or little, in hundreds of repositories. It costs a
# single point; a busy repository soon comes in pages of full size.
CHANGED_SINCE = 6


class PullRequestsStep(GitHubStep):
    declared = Step(
        "github_prs_commits_reviews_comments",
        2,
        "Pull Requests",
        (RepositoriesStep.declared.name, "github_pull_request_listing"),
    )
    calls = "an answer with data.repository.pullRequests, data.nodes or data.node"

    def plan(self, connection: Connection, context: PlanContext) -> list[Partition]:
        scope = checked_scope(connection)
        wanted = [found for found in context.repositories if scope.holds(found.full_name)]
        return [_partition(connection, repository, context) for repository in wanted]

    def fetch(self, client: GitHubClient, connection: Connection, cursor: Cursor) -> Answer:
        answer = _CALLS[cursor["call"]](client, cursor)
        return replace(answer, partitions=put_aside(connection, answer))

    def recognise(self, content: Any) -> tuple[str, str] | None:
        return recognise_pull_requests(content)


def _partition(connection: Connection, repository: RepositoryRef, context: PlanContext) -> Partition:
    whole = question_of(connection, repository)
    question = question_of(connection, repository, context.watermarks.get(scope_of(whole)))
    question = narrowed(question, context.updated_from, context.updated_to)
    cursor = first_page(
        question=question,
        call="place" if newest_wanted(question) else "page",
        full_name=repository.full_name,
        node_id=None,
        batch_size=connection.setting("batch_size", str(context.batch_size)),
        passed="",
        restarts=0,
    )
    return Partition(f"repository:{repository.external_id}", cursor, scope_of(question))


def _fetch_page(client: GitHubClient, cursor: Cursor) -> Answer:
    if "sizes" not in cursor:
        wanted = {"first": checked_batch_size(cursor["batch_size"]), **NESTED}
        few = CHANGED_SINCE if cursor["question"]["since"] else cursor.get("few")
        cursor = {**cursor, **sized(wanted, few or wanted["first"])}
    found = _asked(client, cursor)
    repository = found.answer.data.get("repository")
    nodes = repository["pullRequests"]["nodes"] or () if repository else ()
    refused = refused_entries(found.answer, _what(cursor), nodes, "repository", "pullRequests", "nodes")
    if not repository:
        name = cursor["full_name"]
        return gone(answer_of(_raw(found, name), found.answer), name)
    check_same(repository, found.cursor, _what(found.cursor))
    return _page(found, repository, ids_at(nodes, refused))


def _asked(client: GitHubClient, cursor: Cursor) -> Sized:
    """The page; where the site does not know the cursor any more, that of the same place in the list as it is now."""
    query, place = BY_ID, {"id": cursor["node_id"], "after": cursor["after"]}
    if cursor["node_id"] is None:
        # Names change hands, so only the first page is asked for by one.
        owner, _, name = cursor["full_name"].partition("/")
        query, place = BY_NAME, {"owner": owner, "name": name, "after": None}
    try:
        return ask(client, query, lambda sizes: {**place, **sizes_of(query, sizes)}, cursor, _what(cursor))
    except StageError as error:
        if not is_stale(error) or cursor["after"] is None:
            raise
    return _asked(client, place_again(client, cursor, _what(cursor)))


def _page(found: Sized, repository: Json, refused: Set[str]) -> Answer:
    """``refused`` are the node ids of those that do not come whole with the others."""
    cursor, nodes = found.cursor, repository["pullRequests"]["nodes"] or ()
    pulls = present(nodes)
    passed, oldest = _last_updated(pulls) or cursor["passed"], oldest_wanted(cursor["question"])
    following = None
    if not passed or passed >= oldest:
        state = {**cursor, "node_id": repository["id"], "full_name": repository["nameWithOwner"], "passed": passed}
        following = next_page(repository["pullRequests"], state, _what(cursor))
    wanted = [pull for pull in pulls if is_wanted(pull, oldest, newest_wanted(cursor["question"]))]
    aside = [pull["id"] for pull in wanted if has_id(pull) and (found.is_bare or pull["id"] in refused)]
    asked = _raw(found, repository["nameWithOwner"], aside)
    followed = extract_rest.rest_partitions(
        asked, [pull for pull in wanted if has_id(pull) and pull["id"] not in aside]
    )
    return answer_of(asked, found.answer, following, followed, _missing(len(nodes) - len(pulls), cursor))


def _missing(count: int, cursor: Cursor) -> str:
    return f"{_what(cursor)}: the site gave null instead of {count} of them" if count else ""


def _raw(found: Sized, full_name: str, aside: Sequence[str] = ()) -> RawAnswer:
    """``aside`` are the ids of pull requests of which not all came."""
    cursor = found.cursor
    metadata = {
        "full_name": full_name,
        "repository_id": cursor["question"]["repository_id"],
        "oldest": oldest_wanted(cursor["question"]),
        "newest": newest_wanted(cursor["question"]),
        "page_size": found.sizes["first"],
        "put_aside": list(aside),
    }
    name = f"{question_name(cursor['question'])}:page:{cursor['page']}"
    return raw_answer(PULL_REQUESTS, name, found.answer, metadata)


def _what(cursor: Cursor) -> str:
    return f"pull requests of {cursor['full_name']}, page {cursor['page']} (cursor {cursor['after']})"


def _last_updated(pulls: Sequence[Any]) -> str:
    """When the last one was updated, as GitHub writes it; '' where none says so."""
    said = (text_of(pull.get("updatedAt")) for pull in reversed(pulls) if type(pull) is dict)
    return next(filter(None, said), "")


_CALLS: Mapping[str, Callable[[GitHubClient, Cursor], Answer]] = {
    "place": fetch_place,
    "page": _fetch_page,
    extract_rest.CALL: extract_rest.fetch_rest,
    "items": fetch_items,
}
