"""The sorted hits of the latest queries, so that each page does not filter and sort the whole site again."""

import threading

from integrations.sandbox.jira.entries import Entry
from integrations.sandbox.jira.jql import Query
from integrations.sandbox.jira.site import Site

REMEMBERED_QUERIES = 16
Hits = list[tuple[tuple[int, ...], Entry]]


class Orders:
    """Hits are (position, entry) in the order that the query asks for; made anew after every change of the site."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._lock = threading.Lock()
        self._kept: dict[tuple[int, str], Hits] = {}

    def of(self, jql: str, query: Query) -> Hits:
        key = (self._site.version, jql)
        with self._lock:
            if key not in self._kept:
                hits = [(query.position(entry), entry) for entry in self._site.entries if query.matches(entry)]
                self._kept[key] = sorted(hits, key=lambda hit: hit[0])
                # The oldest goes first: a crawl of several projects asks for few queries at a time.
                while len(self._kept) > REMEMBERED_QUERIES:
                    self._kept.pop(next(iter(self._kept)))
            return self._kept[key]
