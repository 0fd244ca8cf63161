"""What a page of pull requests cut: commits, reviews, comments, labels, threads and what is said in them.

One partition follows all that one page cut, list by list and page after page; its cursor holds the lists that are open.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from integrations.errors import StageError
from integrations.provider import Answer, Cursor, Partition, RawAnswer
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
from integrations.providers.github.normalise import PULL_REQUEST_REST
from integrations.providers.github.queries import REST, THREAD_REST
from integrations.providers.github.sizes import NESTED, Sized, Sizes, ask, sized
from integrations.providers.github.values import name_of

CALL = "rest"
Json = Mapping[str, Any]
# A list: whose (external id), which, of what (node id), and where it goes on.
Open = dict[str, Any]

_WANTED = {"first": 100, "threadComments": NESTED["threadComments"]}
_THREADS, _COMMENTS = "reviewThreads", "comments"


def rest_partitions(page: RawAnswer, pulls: Sequence[Json]) -> tuple[Partition, ...]:
    """The partition of all that a page cut of its pull requests; none where it cut nothing."""
    cut = [found for pull in pulls for found in _cut_lists(pull)]
    if not cut:
        return ()
    key = f"rest:{page.external_id}"
    return (Partition(key, {"call": CALL, "key": key, "number": 1, "open": cut, **sized(_WANTED)}),)


def fetch_rest(client: GitHubClient, cursor: Cursor) -> Answer:
    """A page of the first of the open lists; threads may open further ones."""
    task, *others = cursor["open"]
    what = f"{task['connection']} of pull request {task['pull_request']}"
    found = _asked(client, task, cursor, what)
    node = found.answer.data.get("node")
    metadata = {name: task[name] for name in ("pull_request", "connection", "thread") if name in task}
    name = f"{cursor['key']}:{cursor['number']}"
    asked = raw_answer(PULL_REQUEST_REST, name, found.answer, {**metadata, "page_size": found.sizes["first"]})
    following = [*_opened(task, node, what), *others]
    further = {**found.cursor, "number": cursor["number"] + 1, "open": following} if following else None
    return answer_of(asked, found.answer, further)


def _cut_lists(pull: Json) -> Iterator[Open]:
    for connection in REST:
        task = first_page(pull_request=name_of(pull), connection=connection, id=pull["id"])
        yield from _opened(task, pull, f"{connection} of pull request {name_of(pull)}")


def _opened(task: Open, holder: Json | None, what: str) -> Iterator[Open]:
    """What is to be read behind a page of a list: the list itself, and what its threads cut.

    Lists may be null, and what holds them is where it was deleted since its page was read.
    """
    found = holder.get(task["connection"]) if holder else None
    if not found:
        return
    following = next_page(found, task, what)
    if following:
        yield following
    if task["connection"] == _THREADS:
        for thread in present(found["nodes"]):
            part = {"pull_request": task["pull_request"], "connection": _COMMENTS, "thread": thread["id"]}
            yield from _opened(first_page(**part, id=thread["id"]), thread, f"{_COMMENTS} of thread {thread['id']}")


def _asked(client: GitHubClient, task: Open, cursor: Cursor, what: str) -> Sized:
    """The page, or the list's first one where the site does not know the cursor any more: what came twice is one."""
    query = THREAD_REST if "thread" in task else REST[task["connection"]]

    def variables(sizes: Sizes) -> dict[str, Any]:
        used = sizes if task["connection"] == _THREADS else {"first": sizes["first"]}
        return {"id": task["id"], "after": task["after"], **used}

    try:
        found = ask(client, query, variables, cursor, what)
    except StageError as error:
        if not is_stale(error) or task["after"] is None:
            raise
        return _asked(client, {**task, "after": None}, cursor, what)
    check_whole(found.answer, what)
    return found
