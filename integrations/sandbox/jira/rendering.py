"""Issues as JSON bytes, in the shape that a call asked for, made once and kept while the site does not change."""

import threading
from dataclasses import dataclass

import orjson

from integrations.sandbox.jira.catalog import API, Json
from integrations.sandbox.jira.data_center import as_data_center
from integrations.sandbox.jira.entries import Entry
from integrations.sandbox.jira.histories import History
from integrations.sandbox.jira.store import Store
from integrations.sandbox.jira.timestamps import stamp

EXPANDABLE = "operations,versionedRepresentations,editmeta,changelog,renderedFields"
CACHE_BYTES = 150_000_000
EVERYTHING = {"*all", "*navigable"}
EPIC_LINK = "customfield_10014"


@dataclass(frozen=True, slots=True)
class Shape:
    """`fields` as a call names them (ids, *all, *navigable, -id); `changelog`: with the newest histories inline."""

    fields: tuple[str, ...] = ("id",)
    changelog: bool = False

    @property
    def only_id(self) -> bool:
        return self.fields == ("id",) and not self.changelog

    def chosen(self, fields: Json) -> Json:
        """The values in the order of the issue, not of the call; unknown names are ignored."""
        named, refused = set(self.fields), {name[1:] for name in self.fields if name.startswith("-")}
        everything = bool(named & EVERYTHING)
        return {key: value for key, value in fields.items() if (everything or key in named) and key not in refused}


class Renderer:
    """Makes and keeps the bytes. `inline_histories` is how many an embedded changelog of Cloud holds at most.

    Data Center gives changelogs whole.
    """

    def __init__(self, site: Store, inline_histories: int, *, is_data_center: bool = False) -> None:
        self._site, self._inline, self._is_data_center = site, inline_histories, is_data_center
        self._lock = threading.Lock()
        self._kept: dict[tuple[int, Shape], bytes] = {}
        self._links: dict[int, Json] = {}
        self._size, self._version = 0, site.version

    def issue(self, entry: Entry, shape: Shape) -> bytes:
        kept = self._find((entry.id, shape))
        if kept is not None:
            return kept
        version = self._site.version
        shown = self.json(entry, shape)
        made = orjson.dumps(as_data_center(shown) if self._is_data_center else shown)
        self._keep((entry.id, shape), made, version)
        return made

    def _find(self, key: tuple[int, Shape]) -> bytes | None:
        with self._lock:
            if self._version != self._site.version:
                # A parent's summary and status are part of its children's bytes: everything is made again.
                self._kept.clear()
                self._links = {}
                self._size, self._version = 0, self._site.version
            return self._kept.get(key)

    def _keep(self, key: tuple[int, Shape], made: bytes, version: int) -> None:
        with self._lock:
            if version != self._version or key in self._kept:
                return
            self._kept[key] = made
            self._size += len(made)
            while self._size > CACHE_BYTES:
                self._size -= len(self._kept.pop(next(iter(self._kept))))

    def json(self, entry: Entry, shape: Shape) -> Json:
        """In the shapes of Cloud."""
        if shape.only_id:
            return {"id": str(entry.id)}
        issue, zone = self._site.issue(entry), entry.project.zone
        shown: Json = {"expand": EXPANDABLE} | _reference(entry)
        if shape.changelog:
            histories = self._inlined(issue.histories)
            page = {"startAt": 0, "maxResults": len(histories), "total": len(issue.histories)}
            shown["changelog"] = page | {"histories": [history_json(history, zone) for history in histories]}
        return shown | {"fields": shape.chosen(self._fields(entry, issue.fields))}

    def _inlined(self, histories: list[History]) -> list[History]:
        """On Cloud a slice backwards from the end: newest first, the oldest are what is cut."""
        return histories if self._is_data_center else histories[: -self._inline - 1 : -1]

    def _fields(self, entry: Entry, fields: Json) -> Json:
        zone = entry.project.zone
        shown = fields | {"created": stamp(entry.created, zone), "updated": stamp(entry.updated, zone)}
        shown["subtasks"] = [self._linked(child) for child in entry.subtasks]
        if entry.parent is None:
            return shown
        if self._is_data_center and entry.type.level == 0:
            # There, only a subtask has a parent: an epic is a custom field.
            return shown | {EPIC_LINK: entry.parent.key}
        return shown | {"parent": self._linked(entry.parent)}

    def _linked(self, entry: Entry) -> Json:
        """Another issue as it stands inside an issue."""
        # Taken once: a reader that comes before an edit then fills the old dictionary, not the one of the new version.
        links = self._links
        if entry.id not in links:
            fields = self._site.issue(entry).fields
            shown = {name: fields[name] for name in ("summary", "status", "priority", "issuetype")}
            links[entry.id] = _reference(entry) | {"fields": shown}
        return links[entry.id]


def _reference(entry: Entry) -> Json:
    return {"id": str(entry.id), "self": f"{API}/issue/{entry.id}", "key": entry.key}


def history_json(history: History, zone: str) -> Json:
    """As search and `/changelog` show it: `created` is a string. No author key where nobody did it."""
    author = {"author": history.author} if history.author else {}
    return {"id": str(history.id)} | author | {"created": stamp(history.at, zone), "items": history.items}
