"""From the client's answers to the contract's, what their errors mean, and paging by cursor."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from integrations.errors import Permanent, StageError
from integrations.provider import Answer, Cursor, Partition, RawAnswer
from integrations.providers.github.client import GraphAnswer
from integrations.providers.github.normalise import digests
from integrations.providers.github.refusals import NOT_FOUND, explained
from integrations.providers.github.shapes import has_id
from integrations.providers.github.sizes import MOST_BARE

_STALE_CURSOR = "INVALID_CURSOR_ARGUMENTS"
# Others' things that are no part of what is asked about: they may be hidden, as a fork in another organisation is.
_MAY_BE_HIDDEN = ("author", "headRepository", "mergedBy", "user")


def raw_answer(entity_type: str, external_id: str, answer: GraphAnswer, metadata: Mapping[str, Any]) -> RawAnswer:
    """An answer under the name of the question that was asked, as the normaliser gets it."""
    told = {**metadata, "cost": answer.cost, "remaining": answer.remaining}
    return RawAnswer(entity_type, external_id, {"data": answer.data, "errors": answer.errors}, told)


def answer_of(
    asked: RawAnswer,
    answer: GraphAnswer,
    next_cursor: Cursor | None = None,
    followups: tuple[Partition, ...] = (),
    warning: str = "",
) -> Answer:
    """The bytes go on unchanged."""
    response = answer.response
    method, path, *_ = response.call.split(" ")
    return Answer(
        entity_type=asked.entity_type,
        external_id=asked.external_id,
        body=response.body,
        metadata={"method": method, "url": path, "status": response.status, **asked.metadata},
        next_cursor=next_cursor,
        followups=followups,
        source_time=response.source_time,
        warning=warning,
        digests=digests(asked),
    )


def check_whole(answer: GraphAnswer, what: str) -> None:
    """Raises Permanent where something is missing from an answer that is there: then it is not to be stored.

    What is null since it does not exist is no such thing.
    """
    for error in answer.errors:
        if _hides_more(error):
            raise refusal(error, what)


def _hides_more(error: Mapping[str, Any]) -> bool:
    """Whether more is missing than what does not exist, or may be hidden."""
    path = error.get("path") or ()
    return error.get("type") != NOT_FOUND and (not path or path[-1] not in _MAY_BE_HIDDEN)


def refusal(error: Mapping[str, Any], what: str) -> Permanent:
    path = ".".join(map(str, error.get("path") or ()))
    refused = Permanent(f"{what}: {error.get('type')} at {path}: {explained(error)}")
    # What waits for a permission goes on where it was once there is one.
    refused.status = 403
    return refused


def refused_entries(answer: GraphAnswer, what: str, nodes: Sequence[Any], *place: str) -> list[int]:
    """Which of the ``nodes``, the list at that place of the data, may not be seen, or not all of them: their numbers.

    Raises Permanent where something is missing elsewhere, as `check_whole`, and where all or many are refused: that is
    no matter of single ones, the account may not see such things.
    """
    refused, others = dict[int, dict[str, Any]](), list[dict[str, Any]]()
    for error in answer.errors:
        path = error.get("path") or ()
        number = path[len(place)] if len(path) > len(place) and tuple(path[: len(place)]) == place else None
        if _hides_more(error) and type(number) is int:
            refused.setdefault(number, error)
        else:
            others.append(error)
    check_whole(replace(answer, errors=others), what)
    whole = [number for number, node in enumerate(nodes) if node is not None and number not in refused]
    if refused and (not whole or len(refused) > MOST_BARE):
        raise refusal(next(iter(refused.values())), what)
    return list(refused)


def ids_at(nodes: Sequence[Any], places: Sequence[int]) -> set[str]:
    """The node ids of those entries of a list that are there and say one."""
    return {node["id"] for place, node in enumerate(nodes) if place in places and has_id(node)}


def is_stale(error: StageError) -> bool:
    """Whether the site does not know the cursor that it was asked with."""
    return _STALE_CURSOR in str(error)


def first_page(**state: Any) -> dict[str, Any]:
    return {**state, "after": None, "page": 1, "mark": None}


def next_page(connection: Mapping[str, Any], state: Mapping[str, Any], what: str) -> dict[str, Any] | None:
    """The state of the page after one of a list, None at its end.

    Raises Permanent where the site leads in a circle. Besides the cursor just used one older one is kept, of a page
    whose number is a power of two: that finds circles of any length, and the state stays small.
    """
    info, page = connection["pageInfo"], state["page"]
    if not info["hasNextPage"]:
        return None
    after = info["endCursor"]
    if not after or after in (state["after"], state["mark"]):
        raise Permanent(f"{what}, page {page}: there is more, and the site gave cursor {after!r} again")
    # A power of two has a single bit.
    mark = after if page & (page - 1) == 0 else state["mark"]
    return {**state, "after": after, "page": page + 1, "mark": mark}


def present(entries: Sequence[Any] | None) -> list[Any]:
    """The entries of a list that are there: those of which GitHub may not speak are null."""
    return [entry for entry in entries or () if entry is not None]
