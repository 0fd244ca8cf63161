"""Makes whole issues from entries. An issue depends on (seed, its entry) alone, so any one can be made at any time."""

from dataclasses import dataclass
from random import Random

from integrations.sandbox.jira.catalog import API, PRIORITIES, Json, Status
from integrations.sandbox.jira.content import description
from integrations.sandbox.jira.customfields import CUSTOM_FIELDS, Facts
from integrations.sandbox.jira.development import Development, make_development
from integrations.sandbox.jira.entries import Entry
from integrations.sandbox.jira.histories import CHANGES, NOISE, Draft, History, move, status_walk, version_id
from integrations.sandbox.jira.people import PEOPLE
from integrations.sandbox.jira.timestamps import DAY_MS, day, stamp
from integrations.sandbox.text import Writer
from integrations.sandbox.vocabulary import TOPICS

LONG_HISTORY = 40
HISTORIES_PER_ISSUE = 1000
# Far from issue ids, so that a mix-up of the two shows.
FIRST_HISTORY_ID = 30_000_000
# The one a draft begins with: an issue that still has it may as well have none.
UNSET_PRIORITY = PRIORITIES[2]


@dataclass(slots=True)
class Issue:
    """A whole issue. `fields` lacks what the site knows better (dates, parent, subtasks); `histories` oldest first."""

    entry: Entry
    status: Status
    fields: Json
    histories: list[History]
    development: tuple[Development, ...] = ()


def make_issue(seed: int, entry: Entry) -> Issue:
    random = Random(f"{seed}/{entry.index}")
    writer = Writer(random, TOPICS[random.choice(entry.project.topics)])
    workflow = entry.project.workflow_of(entry.type)
    draft = Draft(entry, writer, workflow.chain[0], writer.summary(entry.type.name), category_at=entry.created)
    draft.development = make_development(seed, entry)
    histories = _live(draft, status_walk(workflow, entry.changes, random), random)
    return Issue(entry, draft.status, _fields(draft, random), histories, draft.development)


def _live(draft: Draft, walk: list[Status], random: Random) -> list[History]:
    """Tells the issue's life: its status moves and other changes, in the order of their times."""
    count = draft.entry.changes
    moves = iter(walk[1:])
    # Which of the histories are status moves; all others change something else.
    moving = set(random.sample(range(count), len(walk) - 1))
    kinds = NOISE if count > LONG_HISTORY else CHANGES
    chosen = random.choices([change for change, _ in kinds], [weight for _, weight in kinds], k=count)
    histories = []
    for position, at in enumerate(_times(draft.entry, moving, random)):
        items = move(draft, next(moves), at) if position in moving else chosen[position](draft, random)
        # Some histories change two things at once, status moves besides.
        if random.random() < 0.12 and position not in moving:
            items += random.choice(CHANGES)[0](draft, random)
        author = random.choice(PEOPLE) if random.random() > 0.03 else None
        histories.append(History(_history_id(draft.entry, position), at, author, items))
    return _squeezed(histories)


def _times(entry: Entry, moving: set[int], random: Random) -> list[int]:
    """Ascending, the last one at `updated`; some fall into the same millisecond, two moves more often than others."""
    if not entry.changes:
        return []
    times = [*sorted(random.randint(entry.created, entry.updated) for _ in range(entry.changes - 1)), entry.updated]
    for position in reversed(range(entry.changes - 1)):
        if random.random() < (0.05 if {position, position + 1} <= moving else 0.02):
            times[position] = times[position + 1]
    return times


def _history_id(entry: Entry, position: int) -> int:
    return FIRST_HISTORY_ID + entry.index * HISTORIES_PER_ISSUE + position


def _squeezed(histories: list[History]) -> list[History]:
    """A bulk change is one history: moves of the same instant become two items of the field `status`, in order."""
    kept: list[History] = []
    for history in histories:
        if kept and history.at == kept[-1].at and _is_move(history) and _is_move(kept[-1]):
            kept[-1].items += history.items
        else:
            kept.append(history)
    return kept


def _is_move(history: History) -> bool:
    return bool(history.items[0]["field"] == "status")


def _fields(draft: Draft, random: Random) -> Json:
    entry, zone = draft.entry, draft.entry.project.zone
    reporter = random.choice(PEOPLE)
    resolved = stamp(draft.resolved_at, zone) if draft.resolved_at is not None else None
    fields: Json = {
        "summary": draft.summary,
        "issuetype": entry.type.json(),
        "project": entry.project.brief(),
        "status": draft.status.json(),
        "priority": draft.priority if draft.priority is not UNSET_PRIORITY or random.random() > 0.04 else None,
        "resolution": draft.resolution,
        "resolutiondate": resolved,
        "statuscategorychangedate": stamp(draft.category_at, zone),
        "assignee": draft.assignee,
        "reporter": reporter if random.random() > 0.04 else None,
        # The creator stays where the reporter was taken away.
        "creator": reporter,
        "labels": draft.labels,
        "description": description(draft.writer, random),
        "environment": None,
        "duedate": day(entry.created + random.randint(5, 60) * DAY_MS) if random.random() < 0.25 else None,
        "fixVersions": [_version(draft.version)] if draft.version else [],
        "components": [{"id": str(10300 + len(draft.writer.topic.name)), "name": draft.writer.topic.component}],
        "issuelinks": [],
        "attachment": [],
        "timespent": None,
        "workratio": -1,
        "security": None,
    }
    facts = Facts(draft, random)
    return fields | {custom.id: custom.value(facts) for custom in CUSTOM_FIELDS}


def _version(name: str) -> Json:
    number, released = version_id(name), name < "2025.2"
    shown: Json = {"self": f"{API}/version/{number}", "id": number, "description": "", "name": name}
    shown |= {"archived": False, "released": released}
    return shown | {"releaseDate": f"{name[:4]}-{3 * int(name[5:]):02}-15"} if released else shown
