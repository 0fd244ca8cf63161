"""Asking again for what deliveries named: pull requests by id, wherever they are now, and repositories by name.

items ──► items ──► ...   as many pull requests as the site gives at once, then one repository after another

An item is the node id of a pull request, or a repository with what is to be read of it: its row, or its newest pull
requests, of all or of one branch, where nothing says which of them changed.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any
from uuid import uuid4

from integrations.json_text import written
from integrations.provider import Answer, Connection, Cursor, Partition
from integrations.providers.github import normalise, queries
from integrations.providers.github.answers import (
    answer_of,
    check_whole,
    ids_at,
    present,
    raw_answer,
    refused_entries,
)
from integrations.providers.github.client import GitHubClient, GraphAnswer
from integrations.providers.github.extract_rest import rest_partitions
from integrations.providers.github.queries import Query
from integrations.providers.github.refusals import NOT_FOUND, explained
from integrations.providers.github.scope import Scope, checked_scope
from integrations.providers.github.shapes import has_id
from integrations.providers.github.sizes import NESTED, WHOLE, Sizes, ask, sized, sizes_of
from integrations.providers.github.values import text_of

CALL = "items"
ITEMS_A_PARTITION = 50
# A push touches few pull requests, and each of these has just been updated.
NEWEST = 10
_SLASH = "/"
_ROW, _PULLS, _HEAD = "repository", "newest", "head"
_BY_ID = "pull requests by id"


def repository_item(full_name: str) -> str:
    return f"{_ROW}:{full_name}"


def newest_item(full_name: str) -> str:
    return f"{_PULLS}:{full_name}"


def head_item(full_name: str, branch: str) -> str:
    return f"{_HEAD}:{full_name}:{branch}"


def refetch(connection: Connection, item_ids: Sequence[str]) -> list[Partition]:
    """`Provider.refetch` for GitHub. Each item is in one partition only, so that keys are unique in a run."""
    items, scope = list(dict.fromkeys(item_ids)), asdict(checked_scope(connection))
    places = range(0, len(items), ITEMS_A_PARTITION)
    return [_partition(items[place : place + ITEMS_A_PARTITION], scope) for place in places]


def _partition(items: Sequence[str], scope: Mapping[str, Any]) -> Partition:
    key = f"items:{hashlib.sha256(','.join(items).encode()).hexdigest()[:32]}"
    wanted = {"first": ITEMS_A_PARTITION, **NESTED}
    if len(items) == 1:
        del wanted[WHOLE]
    sizes = sized(wanted)
    return Partition(key, {"call": CALL, "key": key, "items": list(items), "page": 1, "scope": dict(scope), **sizes})


def put_aside(connection: Connection, answer: Answer) -> tuple[Partition, ...]:
    """For each pull request that did not come whole with others: there it is asked for until it does, or fails alone.

    Of a scope of its own: neither the others nor what changes later wait for it.
    """
    items = answer.metadata.get("put_aside") or ()
    parts = [(item, part) for item in items for part in refetch(connection, [item])]
    return tuple(replace(part, key=f"{part.key}:{uuid4().hex}", scope=f"pull_request:{item}") for item, part in parts)


def fetch_items(client: GitHubClient, cursor: Cursor) -> Answer:
    """What one call gives of the cursor's items; the next cursor names the others.

    Nothing is kept of what is not to be read any more: a pull request or a repository that left the scope.
    """
    ids = [item for item in cursor["items"] if _SLASH not in item]
    if ids:
        return _by_id(client, cursor, ids)
    item, *others = cursor["items"]
    kind, _, place = item.partition(":")
    return _BY_NAME[kind](client, cursor, place, others)


def _by_id(client: GitHubClient, cursor: Cursor, ids: Sequence[str]) -> Answer:
    def variables(sizes: Sizes) -> dict[str, Any]:
        return {"ids": ids[: sizes["first"]], **sizes_of(queries.PULL_REQUESTS_BY_ID, sizes)}

    found = ask(client, queries.PULL_REQUESTS_BY_ID, variables, cursor, f"pull request {ids[0]}")
    asked_for = ids[: found.sizes["first"]]
    hidden, refused = _check_present(found.answer, alone=WHOLE not in found.sizes)
    answer, pulls = _in_scope(found.answer, cursor)
    aside = [pull["id"] for pull in pulls if has_id(pull) and (found.is_bare or pull["id"] in refused)]
    metadata = {"ids": asked_for, "page_size": found.sizes["first"], "put_aside": aside}
    asked = raw_answer(normalise.PULL_REQUESTS_BY_ID, _name(cursor), answer, metadata)
    following = _following(found.cursor, [item for item in cursor["items"] if item not in asked_for])
    whole = [pull for pull in pulls if has_id(pull) and pull["id"] not in aside]
    rest = rest_partitions(asked, whole, puts_aside=WHOLE in found.sizes)
    return answer_of(asked, answer, following, rest, hidden)


def _check_present(answer: GraphAnswer, *, alone: bool) -> tuple[str, set[str]]:
    """(a warning of what was asked for and may not be read; the ids of those that are not whole).

    The others stand, and of what may not be read nothing is said. Raises Permanent where something is missing within
    one that was asked for ``alone``.
    """
    # At nodes.0: at a shorter path all are missing, at a longer one a part.
    absent = [error for error in answer.errors if len(error["path"]) == 2]
    others = replace(answer, errors=[error for error in answer.errors if error not in absent])
    if alone:
        check_whole(others, _BY_ID)
    nodes = answer.data.get("nodes") or ()
    refused = ids_at(nodes, refused_entries(others, _BY_ID, nodes, "nodes"))
    hidden = [explained(error) for error in absent if error["type"] != NOT_FOUND]
    told = f"{len(hidden)} pull requests of which a webhook told may not be read: {hidden[0]}" if hidden else ""
    return told, refused


def _in_scope(answer: GraphAnswer, cursor: Cursor) -> tuple[GraphAnswer, list[Any]]:
    """(answer, its pull requests) without those of repositories that are not to be read, and ids of other things."""
    nodes, scope = answer.data.get("nodes") or [], _scope(cursor)
    ours = [node if node and _may_be_ours(node, scope) else None for node in nodes]
    if ours != nodes:
        answer = _rewritten(answer, {"nodes": ours})
    return answer, [node for node in ours if node]


def _may_be_ours(node: Any, scope: Scope) -> bool:
    """What does not say its repository is set aside where it is read."""
    repository = node.get("repository") if type(node) is dict else None
    full_name = text_of(repository.get("nameWithOwner")) if type(repository) is dict else ""
    return not full_name or scope.holds(full_name)


def _row(client: GitHubClient, cursor: Cursor, full_name: str, others: Sequence[str]) -> Answer:
    """The repository that has the name, or had it: one that was renamed within the scope is found under both."""
    answer = client.query(queries.REPOSITORY.text, _named(full_name), queries.REPOSITORY.name)
    answer = repository_in_scope(answer, cursor, full_name)
    asked = raw_answer(normalise.REPOSITORY, f"repository:{full_name.casefold()}", answer, {"full_name": full_name})
    return answer_of(asked, answer, _following(cursor, others))


def _newest(client: GitHubClient, cursor: Cursor, full_name: str, others: Sequence[str]) -> Answer:
    return _page(client, cursor, full_name, others, queries.PULL_REQUESTS, {"after": None})


def _of_branch(client: GitHubClient, cursor: Cursor, place: str, others: Sequence[str]) -> Answer:
    full_name, _, branch = place.partition(":")
    return _page(client, cursor, full_name, others, queries.PULL_REQUESTS_FROM, {"head": branch})


def _page(
    client: GitHubClient, cursor: Cursor, full_name: str, others: Sequence[str], query: Query, which: Mapping[str, Any]
) -> Answer:
    """The first page of the repository's list, as a sync asks for it, and small."""

    def variables(sizes: Sizes) -> dict[str, Any]:
        return {**_named(full_name), **which, **sizes_of(query, sizes)}

    wanted = {name: size for name, size in NESTED.items() if name != WHOLE}
    found = ask(client, query, variables, sized({**wanted, "first": NEWEST}))
    answer = repository_in_scope(found.answer, cursor, full_name)
    metadata = {"full_name": full_name, "page_size": found.sizes["first"]}
    asked = raw_answer(normalise.PULL_REQUESTS, _name(cursor), answer, metadata)
    repository = answer.data["repository"]
    pulls = present(repository["pullRequests"]["nodes"]) if repository else []
    return answer_of(asked, answer, _following(cursor, others), rest_partitions(asked, pulls))


def repository_in_scope(answer: GraphAnswer, cursor: Cursor, full_name: str) -> GraphAnswer:
    """Without a repository that was found under a name that it had before it left ``cursor["scope"]``: it is gone."""
    check_whole(answer, f"repository {full_name}")
    found = answer.data["repository"]
    if found and not _may_be_ours({"repository": found}, _scope(cursor)):
        return _rewritten(answer, {"repository": None})
    return answer


def _rewritten(answer: GraphAnswer, change: Mapping[str, Any]) -> GraphAnswer:
    data = {**answer.data, **change}
    content = {"data": data, "errors": answer.errors} if answer.errors else {"data": data}
    return replace(answer, data=data, response=replace(answer.response, body=written(content)))


def _named(full_name: str) -> dict[str, str]:
    owner, _, name = full_name.partition(_SLASH)
    return {"owner": owner, "name": name}


def _name(cursor: Cursor) -> str:
    return f"{cursor['key']}:{cursor['page']}"


def _following(cursor: Cursor, items: Sequence[str]) -> Cursor | None:
    return {**cursor, "items": list(items), "page": cursor["page"] + 1} if items else None


def _scope(cursor: Cursor) -> Scope:
    return Scope(**{name: tuple(entries) for name, entries in cursor["scope"].items()})


_BY_NAME: Mapping[str, Callable[[GitHubClient, Cursor, str, Sequence[str]], Answer]] = {
    _ROW: _row,
    _PULLS: _newest,
    _HEAD: _of_branch,
}
