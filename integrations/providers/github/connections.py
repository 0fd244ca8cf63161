"""Lists within a pull request, gathered from the page that holds their beginning and the answers that go on.

Every answer tells a slice of a list; the last one says that there is no more. Order and overlaps do not matter.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from integrations.errors import Permanent
from integrations.json_text import hashes
from integrations.json_values import Json, UnreadableError, flag, join, section
from integrations.provider import RawAnswer
from integrations.providers.github.shapes import data_of, wrong
from integrations.providers.github.values import name_of, optional_listing, optional_section

CONNECTIONS = ("labels", "commits", "reviews", "comments", "reviewThreads")
_THREAD = "PullRequestReviewThread"
_NUMBERS = {"fullDatabaseId", "databaseId"}


@dataclass(frozen=True, slots=True)
class _Slice:
    """``more``: the list goes on behind it."""

    nodes: Sequence[Any]
    path: str
    more: bool


@dataclass(slots=True)
class Followed:
    """What follow-ups tell: (object, its path) by (external id of a pull request, or id of a thread; list's name)."""

    told: dict[tuple[str, str], list[tuple[Json, str]]] = field(default_factory=dict)

    def add(self, owner: str, name: str, holder: Json, path: str) -> None:
        self.told.setdefault((owner, name), []).append((holder, path))

    def nodes(self, holder: Json, name: str, owner: str, path: str = "") -> Iterator[tuple[str, Any]]:
        """(path, node) of all that the list of that name has; what nobody may see is null, and left out.

        Raises UnreadableError where the list is not told to its end: what is missing must not pass for gone.
        """
        first = _slice(optional_section(holder, name, path), join(path, name))
        further = [
            _slice(section(told, name, where), join(where, name)) for told, where in self.told.get((owner, name), ())
        ]
        if first.more and all(part.more for part in further):
            raise UnreadableError(f"{first.path}.pageInfo.hasNextPage", True, "followed to its end")
        for part in (first, *further):
            for place, node in enumerate(part.nodes):
                if node is not None:
                    yield f"{part.path}.nodes[{place}]", node


def _slice(connection: Json, path: str) -> _Slice:
    more = flag(optional_section(connection, "pageInfo", path), "hasNextPage", f"{path}.pageInfo")
    return _Slice(optional_listing(connection, "nodes", path), path, more)


def followed(followups: Iterable[RawAnswer]) -> Followed:
    """Raises Permanent where one is no answer about a node, or does not tell which pull request it completes."""
    found = Followed()
    for answer in followups:
        node, pull_request, path = _node(answer), _pull_request(answer), f"followup({answer.external_id}).data.node"
        thread = _thread(answer, node)
        if thread is not None:
            # A thread vanishes with its last comment.
            found.add(thread, "comments", {"comments": {}} if node is None else node, path)
        elif node is not None:
            for name in CONNECTIONS:
                if name in node:
                    found.add(pull_request, name, node, path)
    return found


def missing_lists(page: RawAnswer) -> Mapping[str, tuple[str, str]]:
    """(path of a list that is not told to its end, the error of the call that failed), by node id of a pull request.

    Of several lists of one, the first that was to be read.
    """
    return {
        task["home"]: ("reviewThreads.comments" if "thread" in task else task["connection"], entry["error"])
        for entry in page.metadata.get("missing") or ()
        for task in reversed(entry["cursor"].get("open") or ())
    }


def followup_digests(answer: RawAnswer) -> Mapping[str, str]:
    """A hash of all that a follow-up says, by the pull request's id."""
    return hashes([(_pull_request(answer), _node(answer))])


def _node(answer: RawAnswer) -> Json | None:
    data = data_of(answer)
    node = data.get("node")
    if "node" in data and (node is None or type(node) is dict):
        return node
    raise wrong(answer, data, "an object 'node'")


def _pull_request(answer: RawAnswer) -> str:
    """The id of the one that an answer completes, '' where that one did not say its id."""
    node = _node(answer) or {}
    # A thread is not asked for a number.
    named = name_of(node) if _NUMBERS & node.keys() else ""
    pull_request = answer.metadata.get("pull_request", named or None)
    if type(pull_request) is str:
        return pull_request
    raise Permanent(
        f"{answer.entity_type} {answer.external_id!r}: metadata.pull_request is {pull_request!r}, not the id of one"
    )


def _thread(answer: RawAnswer, node: Json | None) -> str | None:
    """The id of the thread that an answer is about, None where it is about a pull request."""
    thread = answer.metadata.get("thread") or (node and node.get("__typename") == _THREAD and node.get("id"))
    return thread if type(thread) is str and thread else None
