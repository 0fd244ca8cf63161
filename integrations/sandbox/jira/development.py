"""What connected code hosts say of an issue: pull requests, branches, commits. The field "Development" sums them up."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha1
from random import Random

import orjson

from integrations.sandbox.jira.catalog import Json
from integrations.sandbox.jira.entries import Entry
from integrations.sandbox.jira.people import NAMES
from integrations.sandbox.jira.timestamps import DAY_MS, stamp
from integrations.sandbox.vocabulary import TOPICS

SHARE, SECOND_HOST_SHARE, GONE_SHARE = 0.15, 0.15, 0.1
# Where several pull requests differ, the field and the summary show the state that comes first here.
STATES = ("OPEN", "MERGED", "DECLINED")
# By application type, as dev-status spells it: the name shown, and the address of a repository and of a pull request.
HOSTS = {
    "GitHub": ("GitHub", "https://github.test/acme/{repository}", "pull"),
    "stash": ("Bitbucket Server", "https://bitbucket.test/projects/ACME/repos/{repository}", "pull-requests"),
    "GitLab": ("GitLab", "https://gitlab.test/acme/{repository}", "-/merge_requests"),
}
NOTHING = "{}"


@dataclass(frozen=True, slots=True)
class PullRequest:
    """`state` is one of STATES; `at` (epoch ms) when it last changed."""

    number: int
    state: str
    at: int
    author: str


@dataclass(frozen=True, slots=True)
class Development:
    """All of one application type. `gone`: still counted, but the details come back empty, as on real sites."""

    application: str
    repository: str
    pull_requests: tuple[PullRequest, ...]
    branches: tuple[str, ...]
    commits: tuple[str, ...]
    at: int
    gone: bool = False

    @property
    def url(self) -> str:
        return HOSTS[self.application][1].format(repository=self.repository)

    def pull_request_url(self, pull_request: PullRequest) -> str:
        return f"{self.url}/{HOSTS[self.application][2]}/{pull_request.number}"

    def counts(self) -> dict[str, int]:
        """By data type of dev-status; `repository` counts commits."""
        return {
            "pullrequest": len(self.pull_requests),
            "branch": len(self.branches),
            "repository": len(self.commits),
        }


def make_development(seed: int, entry: Entry) -> tuple[Development, ...]:
    """The development of an issue; nothing for most. Depends on (seed, entry) alone."""
    # A source of its own: what is drawn here changes nothing of the rest of the issue.
    random = Random(f"{seed}/development/{entry.index}")
    if random.random() >= SHARE:
        return ()
    hosts = random.sample(list(HOSTS), 2 if random.random() < SECOND_HOST_SHARE else 1)
    return tuple(_on_host(entry, host, random) for host in hosts)


def _on_host(entry: Entry, host: str, random: Random) -> Development:
    states = random.choices(STATES, (3, 6, 1), k=random.choice((0, 1, 1, 1, 2, 3)))
    # Something is there, or the host would not be named.
    commits = random.randint(0 if states else 1, 3)
    made = develop(entry, host, states, branches=min(len(states), 1), commits=commits)
    return Development(
        made.application,
        made.repository,
        made.pull_requests,
        made.branches,
        made.commits,
        made.at,
        gone=random.random() < GONE_SHARE,
    )


def develop(entry: Entry, application: str, states: Sequence[str], *, branches: int, commits: int) -> Development:
    """A pull request for each state, and branches and commits, of the issue's first topic's component."""
    repository = TOPICS[entry.project.topics[0]].component
    author = NAMES[entry.index % len(NAMES)]
    at = entry.created + DAY_MS
    requests = tuple(
        # From the issue and the place alone, so that a new state does not make a new pull request.
        PullRequest(entry.index * 10 + place, state, at + place * DAY_MS, author)
        for place, state in enumerate(states, start=1)
    )
    names = tuple(f"feature/{entry.key}-{place}" for place in range(1, branches + 1))
    hashes = tuple(sha1(f"{application}/{entry.id}/{place}".encode()).hexdigest() for place in range(commits))
    return Development(application, repository, requests, names, hashes, at)


def shown_state(pull_requests: Sequence[PullRequest]) -> tuple[str, int]:
    """The state that stands for all of them, and how many are in it."""
    found = [state for state in STATES for request in pull_requests if request.state == state]
    return (found[0], found.count(found[0])) if found else (STATES[0], 0)


def summary_of(developments: Sequence[Development]) -> Json:
    """By data type: `overall` and, by application type, `byInstanceType`."""
    return {kind: _kind_summary(kind, developments) for kind in ("pullrequest", "branch", "repository")}


def _kind_summary(kind: str, developments: Sequence[Development]) -> Json:
    having = [development for development in developments if development.counts()[kind]]
    overall: Json = {"count": sum(development.counts()[kind] for development in having), "lastUpdated": None}
    if having:
        overall["lastUpdated"] = stamp(max(development.at for development in having), "UTC")
    if kind == "pullrequest":
        state, number = shown_state([request for found in having for request in found.pull_requests])
        overall |= {"stateCount": number, "state": state, "open": state == "OPEN" and number > 0}
    overall["dataType"] = kind
    return {
        "overall": overall,
        "byInstanceType": {
            found.application: {"count": found.counts()[kind], "name": HOSTS[found.application][0]} for found in having
        },
    }


def field_text(developments: Sequence[Development]) -> str:
    """The custom field: a string that looks like JSON where there is nothing, else Java's rendering of a map."""
    summary = {kind: found for kind, found in summary_of(developments).items() if found["overall"]["count"]}
    if not summary:
        return NOTHING
    # Nothing in it is quoted as JSON would: only the part behind `json=` can be parsed.
    parts = [f"{kind}={_bean(kind, found['overall'])}" for kind, found in summary.items()]
    cached = {"cachedValue": {"errors": [], "configErrors": [], "summary": summary}, "isStale": True}
    return f"{{{', '.join(parts)}, json={orjson.dumps(cached).decode()}}}"


def _bean(kind: str, overall: Json) -> str:
    if kind == "pullrequest":
        return f"{{dataType=pullrequest, state={overall['state']}, stateCount={overall['stateCount']}}}"
    return f"{{count={overall['count']}, dataType={kind}}}"
