"""An issue's life: a draft is created in the first status of its workflow and then changed, one history after another.

Every change returns changelog items and leaves the draft as they say: the last `to` of a field is what the issue shows.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from integrations.sandbox.jira.catalog import PRIORITIES, RESOLUTIONS, Json, Status, Workflow
from integrations.sandbox.jira.development import Development
from integrations.sandbox.jira.entries import Entry
from integrations.sandbox.jira.people import NAMES, PEOPLE
from integrations.sandbox.jira.timestamps import DAY_MS
from integrations.sandbox.text import Writer

SPRINT_MS = 14 * DAY_MS
LABELS = ("backend", "frontend", "regression", "security", "quick-win", "tech-debt", "customer", "größe-m")
VERSIONS = ("2024.1", "2024.2", "2025.1", "2025.2")
Change = Callable[["Draft", Random], list[Json]]


@dataclass(slots=True)
class History:
    """`at` in epoch ms; `author` is None where an automation without a user did it."""

    id: int
    at: int
    author: Json | None
    items: list[Json]


@dataclass(slots=True)
class Draft:
    """The changeable values of an issue while its life is told. Sprints, points and the rest as Jira shows them."""

    entry: Entry
    writer: Writer
    status: Status
    summary: str
    priority: Json = field(default_factory=lambda: PRIORITIES[2])
    resolution: Json | None = None
    # In epoch ms, like category_at.
    resolved_at: int | None = None
    category_at: int = 0
    assignee: Json | None = None
    points: float | None = None
    sprints: list[int] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    version: str | None = None
    flagged: bool = False
    development: tuple[Development, ...] = ()


def item(name: str, field_id: str | None, before: tuple[Any, Any], after: tuple[Any, Any]) -> Json:
    """One changelog item; (id, text) before and after. Links and remote links carry no fieldId."""
    kind = "custom" if field_id and field_id.startswith("customfield") else "jira"
    head: Json = {"field": name, "fieldtype": kind} | ({"fieldId": field_id} if field_id else {})
    return head | {"from": before[0], "fromString": before[1], "to": after[0], "toString": after[1]}


def status_walk(workflow: Workflow, limit: int, random: Random) -> list[Status]:
    """The statuses in order, at most `limit` moves; neighbours differ. Goes forward, back, aside, sometimes reopens."""
    walk, position = [workflow.chain[0]], 0
    last = len(workflow.chain) - 1
    goal = last if random.random() < 0.65 else random.randrange(len(workflow.chain))
    while len(walk) <= limit:
        if walk[-1] is workflow.chain[goal]:
            # Only what was finished can be reopened.
            if goal < last or not workflow.reopened or random.random() > 0.12:
                break
            walk.append(workflow.reopened)
            position = 0
            continue
        position, after = _step(workflow, position, goal, random)
        if after is not walk[-1]:
            walk.append(after)
    # A status that was deleted since holds no issue any more: it is seen in histories only.
    return walk[:-1] if walk[-1] is workflow.retired else walk


def _step(workflow: Workflow, position: int, goal: int, random: Random) -> tuple[int, Status]:
    """The next place in the chain and the status entered; a detour keeps the place."""
    roll = random.random()
    if roll < 0.08 and workflow.detours and position:
        return position, random.choice(workflow.detours)
    if roll < 0.12 and workflow.retired and position:
        return position, workflow.retired
    if roll < 0.24 and position:
        position = random.randrange(position)
    else:
        position = min(position + (2 if roll > 0.93 else 1), max(goal, position))
    return position, workflow.chain[position]


def move(draft: Draft, after: Status, at: int) -> list[Json]:
    """Enters a status; the resolution is set on entering a done status and taken away on leaving it."""
    before, draft.status = draft.status, after
    items = [item("status", "status", (before.id, before.name), (after.id, after.name))]
    # Passing between two statuses of one category is no change of the category.
    if before.category != after.category:
        draft.category_at = at
    if before.done != after.done:
        old = draft.resolution
        draft.resolution = RESOLUTIONS[0] if after.done else None
        draft.resolved_at = at if after.done else None
        items.append(item("resolution", "resolution", _named(old), _named(draft.resolution)))
    return items


def _named(value: Json | None) -> tuple[str | None, str | None]:
    return (value["id"], value["name"]) if value else (None, None)


def _assign(draft: Draft, random: Random) -> list[Json]:
    before = draft.assignee
    # Only people are assigned; former users and automations act but own nothing.
    others = [person for person in PEOPLE[: len(NAMES)] if person is not before]
    draft.assignee = random.choice(others) if before is None or random.random() < 0.9 else None
    old, new = ((p["accountId"], p["displayName"]) if p else (None, None) for p in (before, draft.assignee))
    return [item("assignee", "assignee", old, new) | {"tmpFromAccountId": old[0], "tmpToAccountId": new[0]}]


def _prioritise(draft: Draft, random: Random) -> list[Json]:
    before = draft.priority
    draft.priority = random.choice([value for value in PRIORITIES if value is not before])
    return [item("priority", "priority", _named(before), _named(draft.priority))]


def _estimate(draft: Draft, random: Random) -> list[Json]:
    """Number fields have only texts: from and to are null although something was there."""
    before, draft.points = (
        draft.points,
        random.choice([p for p in (0.0, 1.0, 2.0, 3.0, 5.0, 8.0, 0.5) if p != draft.points]),
    )
    return [item("Story Points", "customfield_10028", (None, _number(before)), (None, _number(draft.points)))]


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:g}"


def _plan(draft: Draft, random: Random) -> list[Json]:
    before = list(draft.sprints)
    draft.sprints.append(before[-1] + 1 if before else draft.entry.created // SPRINT_MS % 1000)
    return [item("Sprint", "customfield_10020", _listed(draft, before), _listed(draft, draft.sprints))]


def _listed(draft: Draft, sprints: list[int]) -> tuple[str, str]:
    return ", ".join(map(str, sprints)), ", ".join(sprint_name(draft.entry.project.key, n) for n in sprints)


def sprint_name(key: str, number: int) -> str:
    """Every seventh has a comma in its name, which breaks those who split the list at commas."""
    return f"{key} Sprint {number}" + (", part two" if number % 7 == 0 else "")


def _label(draft: Draft, random: Random) -> list[Json]:
    before = " ".join(draft.labels)
    # The symmetric difference adds one label and adds or removes another.
    draft.labels = sorted({*draft.labels, random.choice(LABELS)} ^ {random.choice(LABELS)})
    return [item("labels", "labels", (None, before), (None, " ".join(draft.labels)))]


def _rank(draft: Draft, random: Random) -> list[Json]:
    return [item("Rank", "customfield_10019", ("", ""), ("", random.choice(("Ranked higher", "Ranked lower"))))]


def _link(draft: Draft, random: Random) -> list[Json]:
    """Two items of one field in one history now and then, and never a fieldId."""
    keys = [
        f"{draft.entry.project.key}-{random.randint(1, draft.entry.number)}" for _ in range(random.choice((1, 1, 2)))
    ]
    return [item("Link", None, (None, None), (key, f"This issue blocks {key}")) for key in keys]


def _remote_link(draft: Draft, random: Random) -> list[Json]:
    number = str(random.randint(10000, 99999))
    return [item("RemoteIssueLink", None, (None, None), (number, f'This issue links to "build {number}"'))]


def _fix_version(draft: Draft, random: Random) -> list[Json]:
    before, draft.version = draft.version, random.choice([name for name in VERSIONS if name != draft.version])
    items = [item("Fix Version", "fixVersions", (None, None), (version_id(draft.version), draft.version))]
    if before:
        items.append(item("Fix Version", "fixVersions", (version_id(before), before), (None, None)))
    return items


def version_id(name: str) -> str:
    return str(10200 + VERSIONS.index(name))


def _flag(draft: Draft, random: Random) -> list[Json]:
    before, draft.flagged = draft.flagged, not draft.flagged
    on, off = ("[10019]", "Impediment"), ("", "")
    return [item("Flagged", "customfield_10021", on if before else off, off if before else on)]


def _describe(draft: Draft, random: Random) -> list[Json]:
    """Rich text: `from` and `to` are JSON in a string, only toString is readable."""
    ari = f"ari:cloud:jira:sandbox:issuefieldvalue/{draft.entry.id}/description"
    reference = f'{{"id":"{ari}","version":"{random.randint(1, 9)}"}}'
    return [item("description", "description", (None, None), (reference, draft.writer.sentence()))]


def _reword(draft: Draft, random: Random) -> list[Json]:
    before, draft.summary = draft.summary, draft.writer.summary(draft.entry.type.name)
    return [item("summary", "summary", (None, before), (None, draft.summary))]


CHANGES: tuple[tuple[Change, int], ...] = (
    (_assign, 20),
    (_rank, 15),
    (_plan, 12),
    (_estimate, 9),
    (_link, 9),
    (_remote_link, 9),
    (_label, 8),
    (_prioritise, 6),
    (_fix_version, 5),
    (_describe, 4),
    (_flag, 3),
    (_reword, 2),
)
# Long histories are noise on real sites too: nine of ten items are remote links.
NOISE: tuple[tuple[Change, int], ...] = ((_remote_link, 70), (_rank, 20), (_link, 5), (_assign, 5))
