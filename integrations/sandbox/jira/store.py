"""What a site holds, as its API reads it. How it changes is in site.py."""

import threading
from collections.abc import Callable
from dataclasses import replace

from integrations.sandbox.jira.catalog import Project, Status
from integrations.sandbox.jira.entries import Entry, SiteSpec, make_entries
from integrations.sandbox.jira.fieldlist import FieldList
from integrations.sandbox.jira.generator import Issue, make_issue
from integrations.sandbox.jira.lateness import SearchIndex

# Beyond 32 bits on purpose, as ids of large sites are.
FIRST_EDIT_ID = 4_000_000_000


class Store:
    """Issues are made from their entries when they are read; only edited ones are kept whole."""

    def __init__(self, spec: SiteSpec, clock: Callable[[], float], zone: str) -> None:
        self.spec, self.clock, self.zone = spec, clock, zone
        self.version = 0
        self._lock = threading.RLock()
        self._by_id = {entry.id: entry for entry in make_entries(spec)}
        self._by_key = {entry.key: entry for entry in self._by_id.values()}
        # Keys that moved issues had before.
        self._former: dict[str, Entry] = {}
        self._edited: dict[int, Issue] = {}
        self._deleted: dict[str, Entry] = {}
        self._removed: set[str] = set()
        self._renamed: dict[str, Status] = {}
        self.fields = FieldList()
        # Of issues that nobody edited: a search by status would make them all again.
        self._statuses: dict[int, Status] = {}
        self._index = SearchIndex()
        self._next_index = spec.issues
        self._next_history = FIRST_EDIT_ID
        self._last_numbers = {entry.project.key: entry.number for entry in self._by_id.values()}

    @property
    def projects(self) -> list[Project]:
        """Without those that were archived or removed."""
        return [project for project in self.spec.projects if project.key not in self._removed]

    @property
    def entries(self) -> list[Entry]:
        """All entries of these projects, in the order of their ids."""
        with self._lock:
            found = list(self._by_id.values())
        # The filter is left out where nothing is removed: this runs in each new search over the whole site.
        return [entry for entry in found if entry.project.key not in self._removed] if self._removed else found

    def keys(self, project: str | None = None) -> list[str]:
        return [entry.key for entry in self.entries if project in (None, entry.project.key)]

    def project(self, id_or_key: str) -> Project | None:
        """Keys are case-sensitive here, as in Jira's paths."""
        return next((project for project in self.projects if id_or_key in (project.id, project.key)), None)

    def find(self, id_or_key: str) -> Entry | None:
        """By id, by key in any case, or by a key that the issue had before it was moved."""
        with self._lock:
            if id_or_key.isdecimal():
                found = self._by_id.get(int(id_or_key))
            else:
                found = self._by_key.get(id_or_key.upper()) or self._former.get(id_or_key.upper())
        return None if found and found.project.key in self._removed else found

    def issue(self, entry: Entry) -> Issue:
        with self._lock:
            edited = self._edited.get(entry.id)
        # Outside the lock: making one takes a while and touches nothing shared.
        issue = edited or make_issue(self.spec.seed, entry)
        status, removed = self.shown(issue.status), self.fields.removed
        if status is issue.status and not removed:
            return issue
        kept = {name: value for name, value in issue.fields.items() if name not in removed}
        return replace(issue, status=status, fields=kept | {"status": status.json()})

    def statuses(self) -> list[Status]:
        """Of the projects' workflows, each once."""
        workflows = [found for project in self.projects for found in project.workflows()]
        found = {status.id: status for workflow in workflows for status in workflow.statuses}
        return [self.shown(status) for status in found.values()]

    def shown(self, status: Status) -> Status:
        """The status under the name that it has now; histories keep the old one."""
        return self._renamed.get(status.id, status)

    def status_of(self, entry: Entry) -> Status:
        with self._lock:
            if edited := self._edited.get(entry.id):
                return self.shown(edited.status)
            known = self._statuses.get(entry.id)
        if known is None:
            # Two threads may both make it: they make the same.
            known = self._statuses[entry.id] = self.issue(entry).status
        return known

    def searched(self) -> None:
        """To be told of each search: after enough of them a change is found."""
        with self._lock:
            self._index.searches += 1

    def hidden(self, calls: int, seconds: float) -> dict[int, Entry | None]:
        """What search does not know yet where it lags behind by calls or seconds: by issue id, the issue before."""
        if not calls and not seconds:
            return {}
        with self._lock:
            return self._index.hidden(calls, seconds, self.clock())
