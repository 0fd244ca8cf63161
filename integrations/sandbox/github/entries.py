"""The index of a site: one small entry per pull request. The rest is made from its entry when somebody asks.

Pull requests that Jira's development data names (see jira/development.py) are the same ones here: the same repository,
number, address, branch, commits, author and state.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from integrations.sandbox.github.catalog import ORGANIZATION, Plan
from integrations.sandbox.github.pulls import CLOSED, MERGED, OPEN
from integrations.sandbox.jira.development import Development, make_development
from integrations.sandbox.jira.entries import Entry as WorkItem
from integrations.sandbox.jira.entries import SiteSpec, make_entries
from integrations.sandbox.jira.timestamps import milliseconds

DAY = 86_400
HOST = "GitHub"
STATES = {"OPEN": OPEN, "MERGED": MERGED, "DECLINED": CLOSED}
STATE_WEIGHTS = {MERGED: 70, OPEN: 20, CLOSED: 10}
# One pull request of each oddity among the first of a site, and again among every so many.
ODDITIES = (
    "many-commits",
    "ghost",
    "bot",
    "deleted-fork",
    "long-title",
    "force-pushed",
    "emoji",
    "crlf",
    "squashed",
    "draft",
    "pending-review",
    "dismissed-review",
    "decoys",
    "many-comments",
    "many-threads",
    "long-thread",
    "many-reviews",
    "mannequin",
    "lower-case-branch",
    "unlinked-author",
    "reopened",
)
ODDITIES_EVERY = 40
# The one that is about a work item.
NAMING_ODDITY = "lower-case-branch"
JIRA = SiteSpec(100)


@dataclass(frozen=True, slots=True)
class GitHubSpec:
    """What a site holds; the same spec gives the same bytes.

    `pull_requests` come besides those that the development data of `jira` names. `more_repositories` have none.
    """

    pull_requests: int = 60
    seed: int = 1
    jira: SiteSpec = JIRA
    more_repositories: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """Instants in epoch seconds. `repository` is a place in the list of plans, `issues` are keys of work items.

    `commits` are hashes that must be among its commits, `author` the name of a person, where Jira knows them.
    """

    repository: int
    number: int
    created_at: int
    updated_at: int
    state: str
    oddity: str | None = None
    issues: tuple[str, ...] = ()
    branch: str | None = None
    commits: tuple[str, ...] = ()
    author: str | None = None
    title: str | None = None


def make_index(spec: GitHubSpec, plans: Sequence[Plan]) -> list[Entry]:
    """All entries, in the order of their repositories and numbers."""
    items = list(make_entries(spec.jira))
    entries = list(_developed(spec, plans, items))
    taken = {(entry.repository, entry.number) for entry in entries}
    last = [0] * len(plans)
    for entry in _own(spec, plans, items):
        number = last[entry.repository] + 1
        while (entry.repository, number) in taken:
            number += 1
        last[entry.repository] = number
        entries.append(_numbered(entry, number))
    return sorted(entries, key=lambda entry: (entry.repository, entry.number))


def _numbered(entry: Entry, number: int) -> Entry:
    return Entry(entry.repository, number, entry.created_at, entry.updated_at, entry.state, entry.oddity, entry.issues)


def _developed(spec: GitHubSpec, plans: Sequence[Plan], items: Sequence[WorkItem]) -> Iterator[Entry]:
    """Those that Jira's development data names."""
    places = {plan.name: place for place, plan in enumerate(plans) if plan.owner == ORGANIZATION}
    for item in items:
        for found in make_development(spec.jira.seed, item):
            if found.application == HOST:
                yield from _of_item(item, found, places[found.repository])


def _of_item(item: WorkItem, found: Development, repository: int) -> Iterator[Entry]:
    for place, request in enumerate(found.pull_requests):
        at = request.at // 1000
        yield Entry(
            repository,
            request.number,
            created_at=at - DAY // 2 - place * 3600,
            updated_at=at,
            state=STATES[request.state],
            issues=(item.key,),
            # All of an issue's pull requests come from its one branch.
            branch=found.branches[0] if found.branches else None,
            commits=found.commits if place == 0 else (),
            author=request.author,
            title=f"{item.key} Change {found.repository}",
        )


def _own(spec: GitHubSpec, plans: Sequence[Plan], items: Sequence[WorkItem]) -> Iterator[Entry]:
    """The others, in the order of their creation, still without numbers."""
    random = Random(f"{spec.seed}/github/index")
    start, end = milliseconds(spec.jira.start) // 1000, milliseconds(spec.jira.end) // 1000
    gap = (end - start - DAY) / max(spec.pull_requests, 1)
    weights = [plan.weight for plan in plans]
    for index in range(spec.pull_requests):
        created = start + int(gap * (index + random.random()))
        lifetime = 3600 + int(random.expovariate(1 / (5 * DAY)))
        at = index % ODDITIES_EVERY
        state = random.choices(list(STATE_WEIGHTS), list(STATE_WEIGHTS.values()))[0]
        oddity = ODDITIES[at] if at < len(ODDITIES) else None
        yield Entry(
            random.choices(range(len(plans)), weights)[0],
            0,
            created,
            min(created + lifetime, end),
            # An oddity that only an open or a merged one has.
            {"draft": OPEN, "squashed": MERGED, "reopened": OPEN, "pending-review": OPEN}.get(oddity or "", state),
            oddity,
            _issues(items, created * 1000, random, needed=oddity == NAMING_ODDITY),
        )


def _issues(items: Sequence[WorkItem], at: int, random: Random, *, needed: bool) -> tuple[str, ...]:
    """Keys of one or two of the latest work items at that time (epoch ms), or of none where none is needed."""
    roll = random.random()
    known = items[: bisect_right(items, at, key=lambda item: item.created)][-20:]
    if (roll < 0.3 and not needed) or not known:
        return ()
    return tuple(item.key for item in random.sample(known, min(len(known), 2 if roll > 0.9 else 1)))
