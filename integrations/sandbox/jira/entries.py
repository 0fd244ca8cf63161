"""The index of a site: one small entry per issue. The rest of an issue is made from its entry when somebody asks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

from integrations.sandbox.jira.catalog import PROJECTS, IssueType, Project
from integrations.sandbox.jira.timestamps import DAY_MS, milliseconds

TYPE_WEIGHTS = {"Epic": 5, "Story": 30, "Task": 25, "Bug": 25, "Sub-task": 15, "Subtask": 15}
OTHER_WEIGHT = 10
FIRST_ISSUE_ID = 20000
UNTOUCHED_SHARE, LONG_SHARE = 0.05, 0.012
LONGEST_HISTORY = 420


@dataclass(frozen=True, slots=True)
class SiteSpec:
    """What a site holds. The same spec gives the same bytes; `start` to `end` is when its issues were worked on."""

    issues: int
    seed: int = 1
    projects: tuple[Project, ...] = PROJECTS
    start: datetime = datetime(2024, 1, 1, tzinfo=UTC)
    end: datetime = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Entry:
    """`created`, `updated` in epoch ms; `changes` histories lie between them, the last one at `updated`."""

    index: int
    project: Project
    number: int
    type: IssueType
    created: int
    updated: int
    changes: int
    parent: "Entry | None" = None
    subtasks: list["Entry"] = field(default_factory=list)

    @property
    def id(self) -> int:
        return FIRST_ISSUE_ID + self.index

    @property
    def key(self) -> str:
        return f"{self.project.key}-{self.number}"


@dataclass(slots=True)
class _Shelf:
    """What one project has so far: where the next issue's number and parent come from."""

    count: int = 0
    epic: Entry | None = None
    standard: Entry | None = None

    def choose_type(self, project: Project, random: Random) -> IssueType:
        weights = [TYPE_WEIGHTS.get(kind.name, OTHER_WEIGHT) for kind in project.types]
        chosen: IssueType = random.choices(project.types, weights)[0]
        if chosen.level < 0 and self.standard is None:
            # A subtask needs something to hang on.
            return next((kind for kind in project.types if kind.level == 0), project.types[0])
        return chosen

    def parent_of(self, kind: IssueType, random: Random) -> Entry | None:
        if kind.level < 0:
            return self.standard
        return self.epic if kind.level == 0 and random.random() < 0.6 else None

    def add(self, entry: Entry) -> None:
        self.count += 1
        if entry.type.level > 0:
            self.epic = entry
        elif entry.type.level == 0:
            self.standard = entry
        elif entry.parent:
            entry.parent.subtasks.append(entry)


def make_entries(spec: SiteSpec) -> Iterator[Entry]:
    """All entries in the order of their ids, which is also the order of their creation."""
    if not spec.projects:
        return
    # One random source for the index, one per issue for the rest: any issue can be made without the others.
    random = Random(f"{spec.seed}/index")
    shelves = {project.key: _Shelf() for project in spec.projects}
    start, end = milliseconds(spec.start), milliseconds(spec.end)
    # A day is left at the end, so that the last issues can change too.
    gap = (end - start - DAY_MS) / max(spec.issues, 1)
    for index in range(spec.issues):
        project = random.choices(spec.projects, _weights(spec.projects))[0]
        created = start + int(gap * (index + random.random()))
        yield _place(Entry(index, project, 0, project.types[0], created, created, 0), shelves[project.key], end, random)


def _weights(projects: Sequence[Project]) -> list[int]:
    return [max(2, 6 - place) for place, _ in enumerate(projects)]


def _place(entry: Entry, shelf: _Shelf, end: int, random: Random) -> Entry:
    entry.type = shelf.choose_type(entry.project, random)
    entry.number = shelf.count + 1
    entry.parent = shelf.parent_of(entry.type, random)
    entry.changes = _how_many_changes(random)
    if entry.changes:
        lifetime = DAY_MS // 24 + int(random.expovariate(1 / (30 * DAY_MS)))
        entry.updated = min(entry.created + lifetime, end)
    # Last: an issue is never its own parent.
    shelf.add(entry)
    return entry


def _how_many_changes(random: Random) -> int:
    """About ten on average: most issues have a few, some none, and one in a hundred has hundreds."""
    roll = random.random()
    if roll < UNTOUCHED_SHARE:
        return 0
    if roll > 1 - LONG_SHARE:
        return random.randint(45, LONGEST_HISTORY)
    return 1 + min(int(random.gammavariate(2.2, 3.2)), 38)
