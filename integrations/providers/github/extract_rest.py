"""What a page of pull requests cut: commits, reviews, comments, labels, threads and what is said in them.

One partition follows all that one page cut, list by list and page after page; its cursor holds the lists that are open.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from integrations.errors import Permanent, StageError
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
from integrations.providers.github.client import GitHubClient, GraphAnswer
from integrations.providers.github.normalise import PULL_REQUEST_REST
from integrations.providers.github.queries import REST, THREAD_REST
from integrations.providers.github.shapes import has_id, is_connection
from integrations.providers.github.sizes import MOST_BARE, NESTED, WHOLE, Sized, Sizes, ask, sized, sizes_of
from integrations.providers.github.values import name_of

CALL = "rest"
Json = Mapping[str, Any]
# A list: whose (external id, and ``home``, the node id), which, of what (node id), and where it goes on.
Open = dict[str, Any]

_WANTED = {"first": 100, **{name: NESTED[name] for name in ("threadComments", "lineCounts", WHOLE)}}
_THREADS, _COMMENTS = "reviewThreads", "comments"


def rest_partitions(page: RawAnswer, pulls: Sequence[Json], *, puts_aside: bool = True) -> tuple[Partition, ...]:
    """The partition of all that a page cut of its pull requests; none where it cut nothing.

    It ``puts_aside`` those of which something does not come, so that the others do not wait for them.
    """
    cut = [found for pull in pulls for found in _cut_lists(pull)]
    if not cut:
        return ()
    key = f"rest:{page.external_id}"
    wanted = {name: size for name, size in _WANTED.items() if puts_aside or name != WHOLE}
    return (Partition(key, {"call": CALL, "key": key, "number": 1, "open": cut, "lost": False, **sized(wanted)}),)


def fetch_rest(client: GitHubClient, cursor: Cursor) -> Answer:
    """A page of the first of the open lists; threads may open further ones."""
    task, *others = cursor["open"]
    what = f"{task['connection']} of pull request {task['pull_request']}"
    found = _asked(client, task, cursor, what)
    refused = _is_refused(found.answer, cursor, what)
    node = found.answer.data.get("node")
    aside = [task["home"]] if found.is_bare or refused else []
    metadata = {name: task[name] for name in ("pull_request", "connection", "thread") if name in task}
    metadata |= {"page_size": found.sizes["first"], "put_aside": aside}
    asked = raw_answer(PULL_REQUEST_REST, f"{cursor['key']}:{cursor['number']}", found.answer, metadata)
    others = [other for other in others if other["home"] not in aside]
    following = [*(() if refused else _opened(task, node, what)), *others]
    # A thread goes with its last comment; a pull request that is not there was hidden, and may come back.
    lost = cursor["lost"] or (node is None and "thread" not in task and not refused)
    state = {**found.cursor, "bare": cursor["bare"] + 1 if refused else found.cursor["bare"], "open": following}
    further = {**state, "number": cursor["number"] + 1, "lost": lost} if following else None
    return replace(answer_of(asked, found.answer, further), broken_off=lost)


def _is_refused(answer: GraphAnswer, cursor: Cursor, what: str) -> bool:
    """Whether not all of it may be seen, of a pull request that can be put aside. Raises Permanent of one that cannot,
    and where so many in a row are refused that it is the account that may not see such things.
    """
    try:
        check_whole(answer, what)
    except Permanent:
        if WHOLE not in cursor["wanted"] or cursor["bare"] == MOST_BARE:
            raise
        return True
    return False


def _cut_lists(pull: Json) -> Iterator[Open]:
    """None of one that cannot be asked for again: where something was cut, reading it says so."""
    for connection in REST if has_id(pull) else ():
        task = first_page(pull_request=name_of(pull), home=pull["id"], connection=connection, id=pull["id"])
        yield from _opened(task, pull, f"{connection} of pull request {name_of(pull)}")


def _opened(task: Open, holder: Json | None, what: str) -> Iterator[Open]:
    """What is to be read behind a page of a list: the list itself, and what its threads cut.

    Lists may be null, and what holds them is where it was deleted since its page was read. Nothing is to be read of
    what is no list, nor behind one that leads in a circle: it costs its own pull request once that is read, and not
    the page.
    """
    found = holder.get(task["connection"]) if type(holder) is dict else None
    if not is_connection(found):
        return
    with suppress(Permanent):
        if following := next_page(found, task, what):
            yield following
    if task["connection"] == _THREADS:
        for thread in filter(has_id, present(found.get("nodes"))):
            whose = {name: task[name] for name in ("pull_request", "home")}
            part = {**whose, "connection": _COMMENTS, "thread": thread["id"]}
            yield from _opened(first_page(**part, id=thread["id"]), thread, f"{_COMMENTS} of thread {thread['id']}")


def _asked(client: GitHubClient, task: Open, cursor: Cursor, what: str) -> Sized:
    """The page, or the list's first one where the site does not know the cursor any more: what came twice is one."""
    query = THREAD_REST if "thread" in task else REST[task["connection"]]

    def variables(sizes: Sizes) -> dict[str, Any]:
        return {"id": task["id"], "after": task["after"], **sizes_of(query, sizes)}

    try:
        return ask(client, query, variables, cursor, what)
    except StageError as error:
        if not is_stale(error) or task["after"] is None:
            raise
        return _asked(client, {**task, "after": None}, cursor, what)
