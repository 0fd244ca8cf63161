"""One Jira site: its issues, and what tests do to them. Thread-safe; `version` grows with every change."""

import threading
import time
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from integrations.sandbox import adf
from integrations.sandbox.jira.catalog import Json, Project, Status, Workflow
from integrations.sandbox.jira.entries import Entry, SiteSpec, make_entries
from integrations.sandbox.jira.generator import Issue, make_issue
from integrations.sandbox.jira.histories import Draft, History, item, move
from integrations.sandbox.jira.people import PEOPLE
from integrations.sandbox.jira.timestamps import stamp
from integrations.sandbox.text import Writer
from integrations.sandbox.vocabulary import TOPICS

# Beyond 32 bits on purpose, as ids of large sites are.
FIRST_EDIT_ID = 4_000_000_000


class Site:
    """Issues are made from their entries when they are read; only edited ones are kept whole.

    `clock` gives epoch seconds and is what edits and the server's Date header use. `zone` is the time zone of the
    calling account: date strings in JQL are read in it.
    """

    def __init__(
        self, spec: SiteSpec, clock: Callable[[], float] = time.time, zone: str = "America/Los_Angeles"
    ) -> None:
        self.spec, self.clock, self.zone = spec, clock, zone
        self.version = 0
        self._lock = threading.RLock()
        self._by_id = {entry.id: entry for entry in make_entries(spec)}
        self._by_key = {entry.key: entry for entry in self._by_id.values()}
        self._edited: dict[int, Issue] = {}
        self._next_index = spec.issues
        self._next_history = FIRST_EDIT_ID
        self._last_numbers = {entry.project.key: entry.number for entry in self._by_id.values()}

    @property
    def entries(self) -> list[Entry]:
        """All entries in the order of their ids."""
        with self._lock:
            return list(self._by_id.values())

    def keys(self, project: str | None = None) -> list[str]:
        return [entry.key for entry in self.entries if project in (None, entry.project.key)]

    def project(self, id_or_key: str) -> Project | None:
        """Keys are case-sensitive here, as in Jira's paths."""
        return next((project for project in self.spec.projects if id_or_key in (project.id, project.key)), None)

    def find(self, id_or_key: str) -> Entry | None:
        with self._lock:
            return self._by_id.get(int(id_or_key)) if id_or_key.isdecimal() else self._by_key.get(id_or_key.upper())

    def issue(self, entry: Entry) -> Issue:
        with self._lock:
            edited = self._edited.get(entry.id)
        # Outside the lock: making one takes a while and touches nothing shared.
        return edited or make_issue(self.spec.seed, entry)

    def edit_issue(
        self,
        key: str,
        *,
        summary: str | None = None,
        status: str | None = None,
        fields: Mapping[str, Any] | None = None,
    ) -> int:
        """Appends one history per changed thing and moves `updated`, which is returned (epoch ms).

        `status` is a name in the issue's workflow; `fields` are raw values by field id. Raises KeyError for an unknown
        key, ValueError for an unknown status or the one that it has.
        """
        with self._lock:
            issue = self._for_change(key)
            if summary is not None:
                change = item("summary", "summary", (None, issue.fields["summary"]), (None, summary))
                self._apply(issue, [change], {"summary": summary})
            if status is not None:
                self._move(issue, status)
            for name, value in (fields or {}).items():
                change = item(name, name, (None, _as_text(issue.fields.get(name))), (None, _as_text(value)))
                self._apply(issue, [change], {name: value})
            return issue.entry.updated

    def delete_issue(self, key: str) -> None:
        """Raises KeyError for an unknown key. The issue is simply gone, its subtasks stay without a parent."""
        with self._lock:
            entry = self._by_key.pop(key)
            del self._by_id[entry.id]
            for other in self._by_id.values():
                # A full pass is fine: deleting is for tests, and rare.
                other.parent = None if other.parent is entry else other.parent
            if entry.parent:
                entry.parent.subtasks = [child for child in entry.parent.subtasks if child is not entry]
            self.version += 1

    def add_issue(self, project: str, *, type: str = "Task", summary: str | None = None, description: str = "") -> str:
        """A new issue of now, in the first status of its workflow, without histories; returns its key."""
        home = self.project(project)
        kind = next((kind for kind in home.types if kind.name == type), None) if home else None
        if home is None or kind is None:
            raise ValueError(f"no project {project} with the issue type {type}")
        with self._lock:
            now = self._now()
            number = self._last_numbers.get(home.key, 0) + 1
            entry = Entry(self._next_index, home, number, kind, now, now, 0)
            self._next_index, self._last_numbers[home.key] = self._next_index + 1, number
            issue = make_issue(self.spec.seed, entry)
            issue.fields["summary"] = summary or issue.fields["summary"]
            if description:
                issue.fields["description"] = adf.doc(adf.paragraph(adf.text(description)))
            self._by_id[entry.id] = self._by_key[entry.key] = entry
            self._edited[entry.id] = issue
            self.version += 1
            return entry.key

    def _for_change(self, key: str) -> Issue:
        entry = self._by_key[key]
        return self._edited.setdefault(entry.id, self.issue(entry))

    def _move(self, issue: Issue, name: str) -> None:
        entry = issue.entry
        after = _status_named(entry.project.workflow_of(entry.type), name)
        if after is issue.status:
            raise ValueError(f"{entry.key} is in {after.name} already")
        draft = Draft(entry, Writer(Random(0), TOPICS[entry.project.topics[0]]), issue.status, issue.fields["summary"])
        # A draft of today: moving it does to the fields what the generator does in an issue's life.
        draft.resolution = issue.fields["resolution"]
        at = self._tick(issue)
        items = move(draft, after, at)
        issue.status = after
        changed: Json = {"status": after.json(), "resolution": draft.resolution}
        if len(items) > 1:
            changed["resolutiondate"] = stamp(at, entry.project.zone) if draft.resolved_at else None
        if draft.category_at:
            changed["statuscategorychangedate"] = stamp(at, entry.project.zone)
        self._apply(issue, items, changed, at)

    def _apply(self, issue: Issue, items: list[Json], changed: Json, at: int | None = None) -> None:
        at = self._tick(issue) if at is None else at
        # New objects instead of changes in place: a reader on another thread may hold the old ones.
        issue.fields = issue.fields | changed
        issue.histories = [*issue.histories, History(self._next_history, at, PEOPLE[0], items)]
        issue.entry.updated = at
        self._next_history += 1
        self.version += 1

    def _tick(self, issue: Issue) -> int:
        """Now, but always after the issue's last change."""
        return max(self._now(), issue.entry.updated + 1)

    def _now(self) -> int:
        return round(self.clock() * 1000)


def _status_named(workflow: Workflow, name: str) -> Status:
    for status in workflow.statuses:
        if status.name.lower() == name.lower():
            return status
    raise ValueError(f"no status {name!r}; there are {', '.join(status.name for status in workflow.statuses)}")


def _as_text(value: Any) -> str | None:
    return None if value is None else str(value)


def empty_site() -> Site:
    """A site without projects, where `/project/search` answers 404."""
    return Site(SiteSpec(issues=0, projects=()))
