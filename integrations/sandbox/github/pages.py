"""Pages of a query's lists: in which order, and told to the call that hands them out."""

from collections.abc import Callable, Sequence
from typing import Any

from graphql import GraphQLResolveInfo

from integrations.sandbox.github.connections import Connection, Key
from integrations.sandbox.github.context import Call

Info = GraphQLResolveInfo[Any]
# By IssueOrderField, RepositoryOrderField, LabelOrderField and IssueCommentOrderField alike.
ORDERS: dict[str, Callable[[Any], Any]] = {
    "CREATED_AT": lambda item: item.created_at,
    "UPDATED_AT": lambda item: item.updated_at,
    "PUSHED_AT": lambda item: item.pushed_at or 0,
    "NAME": lambda item: item.name.lower(),
    "COMMENTS": lambda pull: pull.total_comments_count,
    "STARGAZERS": lambda item: 0,
    "ISSUE_COUNT": lambda item: 0,
}


def page(info: Info, parent: Any, name: str, items: Sequence[Any], arguments: dict[str, Any]) -> Connection:
    """A page of a list that grows at its end only."""
    call: Call = info.context
    found = Connection(items, f"{parent.id}/{name}", arguments, call.faults)
    call.serve(found.page_count)
    return found


def ordered(info: Info, parent: Any, name: str, items: Sequence[Any], arguments: dict[str, Any]) -> Connection:
    """A page of a list in the order of `orderBy`, oldest first where there is none; equals are in that of their ids."""
    call: Call = info.context
    order = arguments.get("orderBy") or {"field": "CREATED_AT", "direction": "ASC"}
    value, descending = ORDERS[order["field"]], order["direction"] == "DESC"

    def key_of(place: int, item: Any) -> Key:
        return (value(item), item.number)

    found = Connection(
        sorted(items, key=lambda item: key_of(0, item), reverse=descending),
        f"{parent.id}/{name}/{order['field']}/{descending}",
        arguments,
        call.faults,
        key_of,
        descending=descending,
    )
    call.serve(found.page_count)
    return found
