"""Finding anything by its node id."""

from typing import Any

from integrations.sandbox.github.context import Call
from integrations.sandbox.github.ids import read_node_id
from integrations.sandbox.github.pages import Info
from integrations.sandbox.github.pulls import PullRequest
from integrations.sandbox.github.refusals import Refusal, not_found
from integrations.sandbox.github.repositories import Repository
from integrations.sandbox.github.schema import resolves


@resolves("Query.node")
def node(source: None, info: Info, id: str) -> Any:
    call: Call = info.context
    found = _find(call, id)
    home = _home(found)
    if found is None or (home and not call.finds(home)):
        raise not_found("a node", f"global id of '{id}'")
    if home and home.is_private:
        call.require_sign_on(home.owner.login)
    if home and found is not home:
        call.require("pull_requests")
    return found


@resolves("Query.nodes")
def nodes(source: None, info: Info, ids: list[str]) -> list[Any]:
    """An error for each that is not found, beside those that are."""
    return [_or_error(info, one) for one in ids]


def _or_error(info: Info, id: str) -> Any:
    try:
        return node(None, info, id)
    except Refusal as refused:
        # As a value: only its own place becomes null.
        return refused


def _find(call: Call, id: str) -> Any:
    read = read_node_id(id)
    if read is None:
        return None
    prefix, numbers = read
    if len(numbers) == 1:
        return _whole(call, prefix, numbers[0])
    pull = call.site.pull_by_number(numbers[0])
    return _part(pull, id) if pull else None


def _whole(call: Call, prefix: str, number: int) -> Any:
    if prefix == "R":
        return call.site.repository_by_number(number)
    if prefix == "PR":
        return call.site.pull_by_number(number)
    found = [account for account in call.site.accounts.values() if account.number == number]
    return found[0] if found else None


def _part(pull: PullRequest, id: str) -> Any:
    lists: tuple[list[Any], ...] = (pull.reviews, pull.threads, pull.comments, pull.commits, pull.events)
    lists += tuple(thread.comments for thread in pull.threads)
    return next((part for parts in lists for part in parts if part.id == id), None)


def _home(found: Any) -> Repository | None:
    if isinstance(found, Repository):
        return found
    home: Repository | None = getattr(found, "repository", None)
    return home
