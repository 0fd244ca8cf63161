"""One Jira site: its issues, and what tests do to them. Thread-safe; `version` grows with every change."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any, TypeVar

from integrations.sandbox import adf
from integrations.sandbox.jira.catalog import IssueType, Json, Project, Status, Workflow
from integrations.sandbox.jira.customfields import DEVELOPMENT_FIELD
from integrations.sandbox.jira.development import HOSTS, develop, field_text
from integrations.sandbox.jira.entries import Entry, SiteSpec
from integrations.sandbox.jira.fieldlist import FieldList
from integrations.sandbox.jira.generator import Issue, make_issue
from integrations.sandbox.jira.histories import Draft, History, item, move
from integrations.sandbox.jira.people import PEOPLE
from integrations.sandbox.jira.store import Store
from integrations.sandbox.jira.timestamps import stamp
from integrations.sandbox.jira.webhooks import webhook_body
from integrations.sandbox.text import Writer
from integrations.sandbox.vocabulary import TOPICS

Made = TypeVar("Made")


class Site(Store):
    """`clock` gives epoch seconds and is what edits and the server's Date header use. `zone` is the time zone of the
    calling account: date strings in JQL are read in it.
    """

    def __init__(
        self, spec: SiteSpec, clock: Callable[[], float] = time.time, zone: str = "America/Los_Angeles"
    ) -> None:
        super().__init__(spec, clock, zone)

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

    def touch_issue(self, key: str, *, status: str | None = None) -> None:
        """Adds a history WITHOUT moving `updated`, as real sites do: a remote link, or an entry into `status`.

        Raises KeyError for an unknown key, ValueError for an unknown status or the one that it has.
        """
        with self._lock:
            issue = self._for_change(key)
            # Kept, for every change below moves it.
            updated = issue.entry.updated
            if status is None:
                number = str(self._next_history)
                link = item("RemoteIssueLink", None, (None, None), (number, f'This issue links to "build {number}"'))
                self._apply(issue, [link], {})
            else:
                self._move(issue, status)
            issue.entry.updated = updated

    def delete_issue(self, key: str) -> None:
        """Raises KeyError for an unknown key. The issue is simply gone, its subtasks stay without a parent."""
        with self._lock:
            entry = self._deleted[key] = self._by_key.pop(key)
            del self._by_id[entry.id]
            self._former = {old: other for old, other in self._former.items() if other is not entry}
            for other in self._by_id.values():
                # A full pass is fine: deleting is for tests, and rare.
                other.parent = None if other.parent is entry else other.parent
            if entry.parent:
                entry.parent.subtasks = [child for child in entry.parent.subtasks if child is not entry]
            self.version += 1

    def move_issue(self, key: str, project: str) -> str:
        """To another project: the id stays, key, type and status become those of the new project, `updated` moves.

        Returns the new key; the old one still finds the issue. Raises KeyError for an unknown key, ValueError for an
        unknown project or the issue's own.
        """
        home = self.project(project)
        with self._lock:
            issue = self._for_change(key)
            entry = issue.entry
            if home is None or home.key == entry.project.key:
                raise ValueError(f"cannot move {key} to the project {project}")
            before, old_project = entry.key, entry.project
            # Noted before the entry changes: search may lag behind.
            self._index.note(entry.id, replace(entry), self.clock())
            kind = _counterpart(home, entry.type)
            entry.project, entry.number, entry.type = home, self._next_number(home), kind
            self._former[before] = self._by_key[entry.key] = self._by_key.pop(before)
            issue.status = _same_or_first(home.workflow_of(kind), issue.status)
            changed: Json = {"project": home.brief(), "issuetype": kind.json(), "status": issue.status.json()}
            items = [
                item("project", "project", (old_project.id, old_project.name), (home.id, home.name)),
                item("Key", None, (None, before), (None, entry.key)),
            ]
            self._apply(issue, items, changed)
            return entry.key

    def add_issue(self, project: str, *, type: str = "Task", summary: str | None = None, description: str = "") -> str:
        """A new issue of now, in the first status of its workflow, without histories; returns its key."""
        home = self.project(project)
        kind = next((kind for kind in home.types if kind.name == type), None) if home else None
        if home is None or kind is None:
            raise ValueError(f"no project {project} with the issue type {type}")
        with self._lock:
            now = self._now()
            entry = Entry(self._next_index, home, self._next_number(home), kind, now, now, 0)
            self._next_index += 1
            issue = make_issue(self.spec.seed, entry)
            issue.fields["summary"] = summary or issue.fields["summary"]
            if description:
                issue.fields["description"] = adf.doc(adf.paragraph(adf.text(description)))
            self._by_id[entry.id] = self._by_key[entry.key] = entry
            self._edited[entry.id] = issue
            self._index.note(entry.id, None, self.clock())
            self.version += 1
            return entry.key

    def develop_issue(
        self,
        key: str,
        *,
        pull_requests: Sequence[str] = (),
        branches: int = 0,
        commits: int = 0,
        application: str = "GitHub",
    ) -> None:
        """Replaces what is known of the issue's development; neither `updated` nor the histories move.

        `pull_requests` are their states (OPEN, MERGED, DECLINED): the same place keeps the same address. With nothing
        given the issue has no development any more. Raises KeyError for an unknown key or application type.
        """
        if application not in HOSTS:
            raise KeyError(application)
        with self._lock:
            issue = self._for_change(key)
            made = develop(issue.entry, application, pull_requests, branches=branches, commits=commits)
            issue.development = (made,) if pull_requests or branches or commits else ()
            issue.fields = issue.fields | {f"customfield_{DEVELOPMENT_FIELD}": field_text(issue.development)}
            self.version += 1

    def rename_status(self, name: str, new_name: str) -> None:
        """Wherever it is shown, but not in histories. Raises ValueError for an unknown name."""
        with self._lock:
            found = [status for status in self.statuses() if status.name == name]
            if not found:
                raise ValueError(
                    f"no status {name!r}; there are {', '.join(status.name for status in self.statuses())}"
                )
            self._renamed |= {status.id: replace(status, name=new_name) for status in found}
            self._statuses.clear()
            self.version += 1

    def remove_project(self, key: str) -> None:
        """As by archiving: neither the project nor its issues can be seen. Raises KeyError for an unknown key."""
        with self._lock:
            if key not in {project.key for project in self.projects}:
                raise KeyError(key)
            self._removed.add(key)
            self.version += 1

    def restore_project(self, key: str) -> None:
        """Raises KeyError where it is not removed."""
        with self._lock:
            self._removed.remove(key)
            self.version += 1

    def rename_field(self, field_id: str, name: str) -> None:
        """Raises KeyError for an unknown id, as the next three do."""
        self._change_fields(lambda fields: fields.rename(field_id, name))

    def retype_field(self, field_id: str, kind: str) -> None:
        """As after a restore or a migration: the same id is of another type. The values stay as they are."""
        self._change_fields(lambda fields: fields.retype(field_id, kind))

    def remove_field(self, field_id: str) -> None:
        """With its values, until it is restored from the bin."""
        self._change_fields(lambda fields: fields.remove(field_id))

    def restore_field(self, field_id: str) -> None:
        self._change_fields(lambda fields: fields.restore(field_id))

    def add_field(self, name: str, kind: str, project: str = "") -> str:
        """A field of the whole site, or of one project (its key); its id. Raises KeyError for an unknown project."""
        found = self.project(project) if project else None
        if project and found is None:
            raise KeyError(project)
        return self._change_fields(lambda fields: fields.add(name, kind, found.id if found else ""))

    def _change_fields(self, change: Callable[[FieldList], Made]) -> Made:
        with self._lock:
            made = change(self.fields)
            self.version += 1
            return made

    def webhook_body(self, event: str, key: str, *, is_data_center: bool = False) -> Json:
        """What the site posts: `event` is jira:issue_created, jira:issue_updated or jira:issue_deleted.

        An update tells the issue's latest history; a deletion may be told after it. Raises KeyError for an unknown key,
        ValueError for another event.
        """
        with self._lock:
            entry = self._by_key.get(key) or self._deleted[key]
        return webhook_body(self, event, entry, is_data_center=is_data_center)

    def _for_change(self, key: str) -> Issue:
        entry = self._by_key[key]
        return self._edited.setdefault(entry.id, self.issue(entry))

    def _next_number(self, project: Project) -> int:
        self._last_numbers[project.key] = self._last_numbers.get(project.key, 0) + 1
        return self._last_numbers[project.key]

    def _move(self, issue: Issue, name: str) -> None:
        entry = issue.entry
        workflow = entry.project.workflow_of(entry.type)
        after = _status_named([self.shown(status) for status in workflow.statuses], name)
        if after.id == issue.status.id:
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
        self._index.note(issue.entry.id, replace(issue.entry), self.clock())
        # New objects instead of changes in place: a reader on another thread may hold the old ones.
        issue.fields = issue.fields | changed
        issue.histories = [*issue.histories, History(self._next_history, at, PEOPLE[0], items)]
        issue.entry.updated = at
        self._next_history += 1
        self.version += 1

    def _tick(self, issue: Issue) -> int:
        """Now, but always after the issue's last change."""
        # A touched issue has a history that is newer than its `updated`.
        last = issue.histories[-1].at if issue.histories else 0
        return max(self._now(), max(issue.entry.updated, last) + 1)

    def _now(self) -> int:
        return round(self.clock() * 1000)


def _status_named(statuses: Sequence[Status], name: str) -> Status:
    for status in statuses:
        if status.name.lower() == name.lower():
            return status
    raise ValueError(f"no status {name!r}; there are {', '.join(status.name for status in statuses)}")


def _counterpart(project: Project, kind: IssueType) -> IssueType:
    """The project's type of that name, else its first of that level, else its first."""
    same = [other for other in project.types if other.name == kind.name]
    return (same + [other for other in project.types if other.level == kind.level] + list(project.types))[0]


def _same_or_first(workflow: Workflow, status: Status) -> Status:
    return next((other for other in workflow.statuses if other.id == status.id), workflow.chain[0])


def _as_text(value: Any) -> str | None:
    return None if value is None else str(value)


def empty_site() -> Site:
    """A site without projects, where `/project/search` answers 404."""
    return Site(SiteSpec(issues=0, projects=()))
