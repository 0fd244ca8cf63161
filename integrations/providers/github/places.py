"""Finding the place again that a list was read to, where the site does not know its cursor any more."""

from collections.abc import Iterator
from typing import Any

from integrations.errors import Permanent
from integrations.provider import Cursor
from integrations.providers.github.answers import check_whole, first_page, next_page, present
from integrations.providers.github.client import GitHubClient
from integrations.providers.github.queries import PLACES

# Of one partition: a site that forgets its cursors at once would lead in a circle.
MOST_RESTARTS = 5
_PLACES_A_PAGE = 100


def place_again(client: GitHubClient, cursor: Cursor, what: str) -> Cursor:
    """The cursor of what comes after the newer ones: those that were passed already. Cheap: it reads only their times.

    Raises Permanent where that was done too often.
    """
    if cursor["restarts"] == MOST_RESTARTS:
        raise Permanent(f"{what}: the site forgot its cursors {MOST_RESTARTS} times")
    after, passed = None, cursor["passed"]
    for edge in _edges(client, cursor["node_id"], what) if passed else ():
        if edge["node"]["updatedAt"] <= passed:
            break
        after = edge["cursor"]
    return {**cursor, "after": after, "mark": None, "restarts": cursor["restarts"] + 1}


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
