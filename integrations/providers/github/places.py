"""Places in a repository's list of pull requests: where a backfill begins, and where a list was read to whose cursor
the site does not know any more. Cheap: a hundred a call, of which only the times are read.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Any

from integrations.errors import Permanent, StageError
from integrations.provider import Answer, Cursor
from integrations.providers.github.answers import (
    answer_of,
    check_whole,
    first_page,
    is_stale,
    next_page,
    present,
    raw_answer,
)
from integrations.providers.github.client import GitHubClient
from integrations.providers.github.normalise import PLACES as PLACES_SEEN
from integrations.providers.github.queries import PLACES, SOUGHT_PLACES
from integrations.providers.github.questions import newest_wanted, oldest_wanted, question_name
from integrations.providers.github.values import name_of

# Of one partition: a site that forgets its cursors at once would lead in a circle.
MOST_RESTARTS = 5
_PLACES_A_PAGE = 100


def fetch_place(client: GitHubClient, cursor: Cursor) -> Answer:
    """Goes on through what is newer than all that is wanted; the cursor behind it is of the first page to be read."""
    name, what = cursor["full_name"], f"places of pull requests of {cursor['full_name']}"
    owner, _, short = name.partition("/")
    place = {"owner": owner, "name": short, "first": _PLACES_A_PAGE, "after": cursor["after"]}
    try:
        answer = client.query(SOUGHT_PLACES.text, place, SOUGHT_PLACES.name)
    except StageError as error:
        if not is_stale(error) or cursor["after"] is None:
            raise
        return fetch_place(client, _restarted(cursor, what))
    check_whole(answer, what)
    question, repository = cursor["question"], answer.data.get("repository")
    metadata = {"full_name": name, "repository_id": question["repository_id"]}
    asked = raw_answer(PLACES_SEEN, f"{question_name(question)}:places:{cursor['page']}", answer, metadata)
    if not repository:
        return gone(answer_of(asked, answer), name)
    check_same(repository, cursor, what)
    return answer_of(asked, answer, _behind_newer(repository, cursor, what))


def _behind_newer(repository: Mapping[str, Any], cursor: Cursor, what: str) -> Cursor | None:
    """The next hundred, where all of these are newer; None where there are no others, or none of them is wanted."""
    edges, question = present(repository["pullRequests"]["edges"]), cursor["question"]
    newer = _until(edges, newest_wanted(question))
    if len(newer) == len(edges):
        return next_page(repository["pullRequests"], cursor, what)
    wanted = _until(edges, oldest_wanted(question))[len(newer) :]
    ends_here = len(newer) + len(wanted) < len(edges)
    if ends_here and not wanted:
        return None
    after = newer[-1]["cursor"] if newer else cursor["after"]
    begun = {**cursor, "call": "page", "node_id": repository["id"], "passed": newest_wanted(question)}
    # With an older one, which tells that there is no more.
    return {**first_page(**begun), "after": after, "few": len(wanted) + 1 if ends_here else None}


def _until(edges: Sequence[dict[str, Any]], instant: str) -> Sequence[dict[str, Any]]:
    """Those at the beginning that were last updated then or later."""
    return list(takewhile(lambda edge: edge["node"]["updatedAt"] >= instant, edges))


def check_same(repository: Mapping[str, Any], cursor: Cursor, what: str) -> None:
    """A name can go to another repository between its listing and the first page, which asks for it by name."""
    found, wanted = name_of(repository), cursor["question"]["repository_id"]
    if found not in ("", wanted):
        called = repository["nameWithOwner"]
        raise Permanent(f"{what}: {called} is another repository now, {found} and not {wanted}: run it again")


def gone(answer: Answer, full_name: str) -> Answer:
    """Deleted, or hidden from the account, since it was listed: there is nothing more to read."""
    warning = f"repository {full_name} is not visible to this account any more"
    # Where it comes back, what changed meanwhile is to be read, and the pages that are left.
    return replace(answer, warning=warning, broken_off=True)


def _restarted(cursor: Cursor, what: str) -> dict[str, Any]:
    """From the beginning of the list. Raises Permanent where that was done too often."""
    if cursor["restarts"] == MOST_RESTARTS:
        raise Permanent(f"{what}: the site forgot its cursors {MOST_RESTARTS} times")
    return {**cursor, "after": None, "mark": None, "restarts": cursor["restarts"] + 1}


def place_again(client: GitHubClient, cursor: Cursor, what: str) -> Cursor:
    """The cursor of what comes after the newer ones: those that were passed already.

    Raises Permanent where that was done too often.
    """
    restarted = _restarted(cursor, what)
    after, passed = None, cursor["passed"]
    for edge in _edges(client, cursor["node_id"], what) if passed else ():
        if edge["node"]["updatedAt"] <= passed:
            break
        after = edge["cursor"]
    return {**restarted, "after": after}


def _edges(client: GitHubClient, node_id: str, what: str) -> Iterator[dict[str, Any]]:
    """All pull requests as they stand in the list, newest first."""
    state: dict[str, Any] | None = first_page()
    while state is not None:
        variables = {"id": node_id, "first": _PLACES_A_PAGE, "after": state["after"]}
        answer = client.query(PLACES.text, variables, PLACES.name)
        check_whole(answer, what)
        repository = answer.data.get("repository")
        # Gone: the next page says so.
        if not repository:
            return
        yield from present(repository["pullRequests"]["edges"])
        state = next_page(repository["pullRequests"], state, what)
