"""Makes whole pull requests. One depends on the spec and its entry alone, so any can be made at any time."""

from collections.abc import Mapping, Sequence
from random import Random

from integrations.sandbox.github import discussions, wording
from integrations.sandbox.github.accounts import Account, GitActor
from integrations.sandbox.github.catalog import login_of
from integrations.sandbox.github.entries import DAY, Entry
from integrations.sandbox.github.lives import GHOST_SHARE, Life
from integrations.sandbox.github.pulls import MERGED, OPEN, Event, PullRequest, PullRequestCommit
from integrations.sandbox.github.repositories import Commit, Repository
from integrations.sandbox.text import Writer
from integrations.sandbox.vocabulary import TOPICS

# Room for ten million numbers in each repository; beyond 32 bits from the first one.
FIRST_PULL_ID, PULLS_A_REPOSITORY = 4_100_000_000, 10_000_000
FORK_SHARE, UNLINKED_SHARE = 0.08, 0.12
FORCE_PUSHES = 15


def make_pull(
    seed: int, entry: Entry, repository: Repository, people: Sequence[Account], accounts: Mapping[str, Account]
) -> PullRequest:
    """`people` are those who write code and reviews, in an order that stays; `accounts` is everybody by login."""
    random = Random(f"{seed}/github/{entry.repository}/{entry.number}")
    writer = Writer(random, TOPICS[repository.topic])
    worded = wording.word(writer, entry.issues, entry.oddity)
    # Some are talked about after they were closed.
    late = 0 if entry.state == OPEN or random.random() < 0.7 else (entry.updated_at - entry.created_at) // 5
    life = Life(seed, entry, writer, people, accounts, entry.updated_at - late)
    author = _author(life)
    pull = PullRequest(
        repository,
        entry.number,
        FIRST_PULL_ID + entry.repository * PULLS_A_REPOSITORY + entry.number,
        entry.created_at,
        entry.updated_at,
        entry.state,
        entry.title or worded.title,
        worded.body,
        author,
        entry.branch or worded.branch,
        repository.default_branch or "main",
        repository,
        repository.owner,
        base_ref_oid=life.oid("base"),
    )
    pull.labels = random.sample(repository.labels, random.choice((0, 0, 1, 1, 2, 3)))
    _fork(life, pull)
    _commit(life, pull, worded.in_commits)
    discussions.discuss(life, pull)
    _force_push(life, pull)
    _finish(life, pull)
    pull.events.sort(key=lambda event: event.created_at)
    for place, event in enumerate(pull.events):
        event.place = place
    return pull


def _author(life: Life) -> Account | None:
    odd = {"bot": "dependabot", "mannequin": "mona-imported"}.get(life.entry.oddity or "")
    if odd:
        return life.accounts[odd]
    if life.entry.author:
        return life.accounts[login_of(life.entry.author)]
    if life.entry.oddity == "ghost" or life.random.random() < GHOST_SHARE:
        return None
    return life.random.choice(life.people)


def _fork(life: Life, pull: PullRequest) -> None:
    """Some come from a fork; a fork may be gone, while its owner is still known."""
    gone = life.entry.oddity == "deleted-fork"
    author = pull.author
    if author is None or author.typename != "User" or not (gone or life.random.random() < FORK_SHARE):
        if gone:
            pull.head_repository, pull.head_repository_owner, pull.is_cross_repository = None, None, True
        return
    home = pull.repository
    pull.is_cross_repository, pull.head_repository_owner = True, author
    # One fork a person and repository, so that it has one id.
    number = home.number + 1_000 + life.people.index(author)
    fork = Repository(number, author, home.name, home.created_at, pull.created_at, pull.created_at, home.topic)
    fork.parent = home
    pull.head_repository = None if gone else fork


def _commit(life: Life, pull: PullRequest, keys: tuple[str, ...]) -> None:
    random, entry = life.random, life.entry
    count = max(1 + min(int(random.gammavariate(1.3, 2)), 14), len(entry.commits))
    if entry.oddity == "many-commits":
        count = random.randint(131, 180)
    # The first ones are older than the pull request, as nearly always.
    times = sorted(life.moments(count, entry.created_at - random.randint(600, 3 * DAY)))
    times[0] = min(times[0], entry.created_at)
    parent = pull.base_ref_oid
    for place, at in enumerate(times):
        oid = entry.commits[place] if place < len(entry.commits) else life.oid(place)
        actor = _actor(life, pull.author, at, unlinked=place == 0 and entry.oddity == "unlinked-author")
        # A rebase moves the committer's date and not the author's.
        committer = actor if random.random() < 0.9 else GitActor("GitHub", "noreply@github.test", at, None)
        commit = Commit(
            pull.repository,
            oid,
            wording.message(life.writer, place, keys),
            actor,
            committer,
            additions=int(random.lognormvariate(3, 1.2)),
            deletions=int(random.lognormvariate(2, 1.2)),
            changed_files_if_available=random.randint(1, 6),
            parent_oids=(parent,),
        )
        parent = oid
        pull.commits.append(PullRequestCommit(pull, place, commit))
    commits = [made.commit for made in pull.commits]
    pull.additions = sum(commit.additions for commit in commits)
    pull.deletions = sum(commit.deletions for commit in commits)
    pull.changed_files = max(commit.changed_files_if_available for commit in commits) + count // 4


def _actor(life: Life, account: Account | None, at: int, *, unlinked: bool = False) -> GitActor:
    """Whose name a commit bears; the address may belong to no account."""
    if account is None or unlinked or life.random.random() < UNLINKED_SHARE:
        name = life.random.choice(life.people).name or "Somebody"
        return GitActor(name, f"{name.split()[0].lower()}@laptop.local", at, None)
    # Only people: a bot has no user behind its address.
    user = account if account.typename == "User" else None
    return GitActor(account.name or account.login, f"{account.login}@users.noreply.github.test", at, user)


def _force_push(life: Life, pull: PullRequest) -> None:
    count = FORCE_PUSHES if life.entry.oddity == "force-pushed" else int(life.random.random() < 0.1)
    for place, at in enumerate(life.moments(count)):
        # What was pushed over can mostly not be found any more.
        before = _lost(life, pull, at, place) if place % 3 == 0 else None
        pull.events.append(
            Event(
                pull,
                0,
                "HeadRefForcePushedEvent",
                pull.author,
                at,
                before_commit=before,
                after_commit=pull.last_commit if place == count - 1 else None,
            )
        )


def _lost(life: Life, pull: PullRequest, at: int, place: int) -> Commit:
    actor = _actor(life, pull.author, at)
    return Commit(pull.repository, life.oid(f"lost/{place}"), "wip", actor, actor, 1, 0, 1)


def _finish(life: Life, pull: PullRequest) -> None:
    """How it came to its state."""
    events, actor = pull.events, life.other(pull.author)
    if life.entry.oddity == "draft":
        pull.is_draft = True
        events.append(Event(pull, 0, "ConvertToDraftEvent", pull.author, life.moments(1)[0]))
    elif life.random.random() < 0.08:
        events.append(Event(pull, 0, "ReadyForReviewEvent", pull.author, life.moments(1)[0]))
    if life.entry.oddity == "reopened":
        closed, opened = life.moments(2)
        events.append(Event(pull, 0, "ClosedEvent", actor, closed))
        events.append(Event(pull, 0, "ReopenedEvent", pull.author, opened))
    if pull.state == OPEN:
        return
    pull.closed_at = life.until
    if pull.state == MERGED:
        pull.merged_at, pull.merged_by = life.until, actor
        pull.merge_commit = merge_commit(pull, life.until, actor, life.oid("merge"), squash=_squashes(life))
        events.append(Event(pull, 0, "MergedEvent", actor, life.until, after_commit=pull.merge_commit))
    events.append(Event(pull, 0, "ClosedEvent", actor, life.until))
    if pull.state == MERGED or life.random.random() < 0.5:
        pull.has_head_ref = False
        events.append(Event(pull, 0, "HeadRefDeletedEvent", actor, life.until))


def _squashes(life: Life) -> bool:
    return life.entry.oddity == "squashed" or life.random.random() < 0.6


def merge_commit(pull: PullRequest, at: int, actor: Account | None, oid: str, *, squash: bool) -> Commit:
    """Never one of the pull request's own commits: a squash makes a new one of all of them, a merge joins two lines."""
    message = f"{pull.title} (#{pull.number})" if squash else f"Merge pull request #{pull.number}\n\n{pull.title}"
    name, user = (actor.name or actor.login, actor) if actor else ("ghost", None)
    who = GitActor(name, f"{name.split()[0].lower()}@example.com", at, user)
    parents = (pull.base_ref_oid,) if squash else (pull.base_ref_oid, pull.last_commit.oid)
    size = (pull.additions, pull.deletions, pull.changed_files)
    return Commit(pull.repository, oid, message, who, who, *size, parent_oids=parents)
