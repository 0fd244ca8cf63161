"""The sorted hits of the latest queries, so that each page does not filter and sort the whole site again."""

import threading

from integrations.sandbox.faults import Faults
from integrations.sandbox.jira.entries import Entry
from integrations.sandbox.jira.jql import Query
from integrations.sandbox.jira.site import Site

REMEMBERED_QUERIES = 64
Hits = list[tuple[tuple[int, ...], Entry]]


class Orders:
    """Hits are (position, entry) in the order that the query asks for; made anew after every change of the site."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._lock = threading.Lock()
        self._kept: dict[tuple[object, ...], Hits] = {}

    def of(self, jql: str, query: Query, faults: Faults) -> Hits:
        """Issues of forbidden projects are no hits; a query that names such a project was refused before."""
        hidden = self._site.hidden(faults.late_calls, faults.late_seconds)
        late = frozenset((issue, before and before.updated) for issue, before in hidden.items())
        # Whether a change is late depends on the time as well, so it is part of what is kept.
        key = (self._site.version, jql, faults.forbidden(), late)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = self._made(query, faults, hidden)
                # The oldest goes first: a crawl of several projects asks for few queries at a time.
                while len(self._kept) > REMEMBERED_QUERIES:
                    self._kept.pop(next(iter(self._kept)))
            return self._kept[key]

    def _made(self, query: Query, faults: Faults, hidden: dict[int, Entry | None]) -> Hits:
        hits: Hits = []
        for entry in self._site.entries:
            known = hidden.get(entry.id, entry)
            if known is not None and query.test(known) and not faults.forbids(known.project.key):
                hits.append((query.position(known), entry))
        return sorted(hits, key=lambda hit: hit[0])
