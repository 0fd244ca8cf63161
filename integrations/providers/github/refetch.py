"""Asking again for what deliveries named: pull requests by id, wherever they are now, and repositories by name.

items ──► items ──► ...   as many pull requests as the site gives at once, then one repository after another

An item is the node id of a pull request, or a repository with what is to be read of it: its row, or its newest pull
requests, where nothing says which of them changed.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from integrations.json_text import written
from integrations.provider import Answer, Connection, Cursor, Partition
from integrations.providers.github import normalise, queries
from integrations.providers.github.answers import answer_of, check_whole, present, raw_answer
from integrations.providers.github.client import GitHubClient, GraphAnswer
from integrations.providers.github.extract_rest import rest_partitions
from integrations.providers.github.refusals import NOT_FOUND, explained
from integrations.providers.github.scope import Scope, checked_scope
from integrations.providers.github.sizes import NESTED, Sizes, ask, sized

CALL = "items"
ITEMS_A_PARTITION = 50
# A push touches few pull requests, and each of these has just been updated.
NEWEST = 10
_SLASH = "/"
_ROW, _PULLS = "repository", "newest"


def repository_item(full_name: str) -> str:
    return f"{_ROW}:{full_name}"


def newest_item(full_name: str) -> str:
    return f"{_PULLS}:{full_name}"


def refetch(connection: Connection, item_ids: Sequence[str]) -> list[Partition]:
    """`Provider.refetch` for GitHub. Each item is in one partition only, so that keys are unique in a run."""
    items, scope = list(dict.fromkeys(item_ids)), asdict(checked_scope(connection))
    places = range(0, len(items), ITEMS_A_PARTITION)
    return [_partition(items[place : place + ITEMS_A_PARTITION], scope) for place in places]


def _partition(items: Sequence[str], scope: Mapping[str, Any]) -> Partition:
    key = f"items:{hashlib.sha256(','.join(items).encode()).hexdigest()[:32]}"
    sizes = sized({"first": ITEMS_A_PARTITION, **NESTED})
    return Partition(key, {"call": CALL, "key": key, "items": list(items), "page": 1, "scope": dict(scope), **sizes})


def fetch_items(client: GitHubClient, cursor: Cursor) -> Answer:
    """What one call gives of the cursor's items; the next cursor names the others.

    Nothing is kept of what is not to be read any more: a pull request or a repository that left the scope.
    """
    ids = [item for item in cursor["items"] if _SLASH not in item]
    if ids:
        return _by_id(client, cursor, ids)
    item, *others = cursor["items"]
    kind, _, full_name = item.partition(":")
    return _BY_NAME[kind](client, cursor, full_name, others)


def _by_id(client: GitHubClient, cursor: Cursor, ids: Sequence[str]) -> Answer:
    def variables(sizes: Sizes) -> dict[str, Any]:
        return {"ids": ids[: sizes["first"]], **{name: sizes[name] for name in NESTED}}

    found = ask(client, queries.PULL_REQUESTS_BY_ID, variables, cursor)
    asked_for = ids[: found.sizes["first"]]
    hidden = _check_present(found.answer)
    answer, pulls = _in_scope(found.answer, cursor)
    metadata = {"ids": asked_for, "page_size": found.sizes["first"]}
    asked = raw_answer(normalise.PULL_REQUESTS_BY_ID, _name(cursor), answer, metadata)
    following = _following(found.cursor, [item for item in cursor["items"] if item not in asked_for])
    return answer_of(asked, answer, following, rest_partitions(asked, pulls), hidden)


def _check_present(answer: GraphAnswer) -> str:
    """A warning of what was asked for and may not be read: nothing is said of it, and the others stand.

    Raises Permanent where something is missing within a pull request.
    """
    # At nodes.0: at a shorter path all are missing, at a longer one a part.
    absent = [error for error in answer.errors if len(error["path"]) == 2]
    others = [error for error in answer.errors if error not in absent]
    check_whole(replace(answer, errors=others), "pull requests by id")
    hidden = [explained(error) for error in absent if error["type"] != NOT_FOUND]
    return f"{len(hidden)} pull requests of which a webhook told may not be read: {hidden[0]}" if hidden else ""


def _in_scope(answer: GraphAnswer, cursor: Cursor) -> tuple[GraphAnswer, list[Any]]:
    """(answer, its pull requests) without those of repositories that are not to be read, and ids of other things."""
    nodes, scope = answer.data.get("nodes") or [], _scope(cursor)
    ours = [node if node and scope.holds(node["repository"]["nameWithOwner"]) else None for node in nodes]
    if ours != nodes:
        answer = _rewritten(answer, {"nodes": ours})
    return answer, [node for node in ours if node]


def _row(client: GitHubClient, cursor: Cursor, full_name: str, others: Sequence[str]) -> Answer:
    """The repository that has the name, or had it: one that was renamed within the scope is found under both."""
    answer = client.query(queries.REPOSITORY.text, _named(full_name), queries.REPOSITORY.name)
    answer = _repository_in_scope(answer, cursor, full_name)
    asked = raw_answer(normalise.REPOSITORY, f"repository:{full_name.casefold()}", answer, {"full_name": full_name})
    return answer_of(asked, answer, _following(cursor, others))


def _newest(client: GitHubClient, cursor: Cursor, full_name: str, others: Sequence[str]) -> Answer:
    """The first page of the repository's list, as a sync asks for it, and small."""

    def variables(sizes: Sizes) -> dict[str, Any]:
        return {**_named(full_name), "after": None, **sizes}

    found = ask(client, queries.PULL_REQUESTS, variables, sized({"first": NEWEST, **NESTED}))
    answer = _repository_in_scope(found.answer, cursor, full_name)
    metadata = {"full_name": full_name, "page_size": found.sizes["first"]}
    asked = raw_answer(normalise.PULL_REQUESTS, _name(cursor), answer, metadata)
    repository = answer.data["repository"]
    pulls = present(repository["pullRequests"]["nodes"]) if repository else []
    return answer_of(asked, answer, _following(cursor, others), rest_partitions(asked, pulls))


def _repository_in_scope(answer: GraphAnswer, cursor: Cursor, full_name: str) -> GraphAnswer:
    """Without a repository that was found under a name that it had before it left the scope: it is gone."""
    check_whole(answer, f"repository {full_name}")
    found = answer.data["repository"]
    if found and not _scope(cursor).holds(found["nameWithOwner"]):
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


_BY_NAME: Mapping[str, Callable[[GitHubClient, Cursor, str, Sequence[str]], Answer]] = {_ROW: _row, _PULLS: _newest}
