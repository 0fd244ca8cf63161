"""The organisations, repositories and people of the sandbox's GitHub."""

from collections.abc import Sequence
from dataclasses import dataclass

from integrations.sandbox.github.accounts import Account
from integrations.sandbox.github.repositories import Label, Repository
from integrations.sandbox.jira.catalog import Project
from integrations.sandbox.jira.people import NAMES
from integrations.sandbox.vocabulary import TOPICS

ORGANIZATION, LABS, UPSTREAM = "acme", "acme-labs", "open-widgets"
FIRST_ACCOUNT = 1_000_001
# Some repositories lie below 2^31 and some above, as on the real site.
FIRST_SMALL_ID, FIRST_LARGE_ID = 912_340_001, 3_105_000_001
# A person who works under an account of an e-mail that no commit has.
VIEWER_LOGIN = "pulse-reader"
LABELS: tuple[tuple[str, str, str | None], ...] = (
    ("bug", "d73a4a", "Something is broken"),
    ("enhancement", "a2eeef", None),
    ("tech debt", "fbca04", ""),
)
LABELS += (("Größe: L", "0e8a16", "more than 500 lines"), ("🚀 release", "5319e7", None))


@dataclass(frozen=True, slots=True)
class Plan:
    """How a repository begins. `weight` is its share of the pull requests; `former` a name that it had before."""

    owner: str
    name: str
    topic: str
    weight: int = 0
    is_private: bool = False
    archived: bool = False
    disabled: bool = False
    empty: bool = False
    default_branch: str | None = "main"
    language: str | None = "Python"
    former: str | None = None
    # "owner/name" of the repository that this one was forked from.
    fork_of: str | None = None


OTHERS = (
    Plan(ORGANIZATION, "console", "permissions", 3, True, default_branch="trunk", former="admin-console"),
    Plan(ORGANIZATION, "legacy-billing", "invoicing", 1, archived=True, default_branch="master", language="PHP"),
    Plan(ORGANIZATION, "widgets", "search", 1, fork_of=f"{UPSTREAM}/widgets", language="TypeScript"),
    Plan(ORGANIZATION, "frozen-app", "performance", 1, True, disabled=True),
    Plan(ORGANIZATION, "handbook", "onboarding", is_private=True, empty=True, default_branch=None, language=None),
    Plan(ORGANIZATION, "templates", "deployment", default_branch=None, language=None),
    Plan(LABS, "spikes", "data pipeline", 1),
    Plan(LABS, "prototype", "mobile app", 1, is_private=True, language="Kotlin"),
    Plan(UPSTREAM, "widgets", "search", language="TypeScript"),
)


def plans(projects: Sequence[Project], more: int) -> list[Plan]:
    """What Jira's projects work on first, heaviest first; then the odd ones; then `more` empty-handed ones."""
    topics = dict.fromkeys(project.topics[0] for project in projects)
    busy = [
        Plan(ORGANIZATION, TOPICS[topic].component, topic, max(6 - place, 2), is_private=place % 2 == 0)
        for place, topic in enumerate(topics)
    ]
    services = [Plan(ORGANIZATION, f"service-{number:03d}", "performance") for number in range(1, more + 1)]
    return [*busy, *OTHERS, *services]


def make_accounts(at: int) -> dict[str, Account]:
    """Everybody by login, in an order that stays."""
    people: list[tuple[str, str, str | None]] = [("User", login_of(name), name) for name in NAMES]
    people += [("User", VIEWER_LOGIN, "Pulse"), ("Mannequin", "mona-imported", None)]
    people += [("Bot", login, None) for login in ("dependabot", "renovate", "github-actions")]
    people += [("Organization", ORGANIZATION, "Acme"), ("Organization", LABS, "Acme Labs 🧪")]
    people += [("Organization", UPSTREAM, None)]
    return {
        login: Account(kind, FIRST_ACCOUNT + place, login, name, _email(kind, login), at)
        for place, (kind, login, name) in enumerate(people)
    }


def login_of(name: str) -> str:
    """The account of a person: `liam-obrien` of "Liam O'Brien"; ASCII only, as accounts are."""
    plain = name.lower().replace("ş", "s").replace("í", "i").replace("'", "")
    return "-".join(plain.split())


def _email(kind: str, login: str) -> str:
    # Most people hide theirs: the field is then empty and never null.
    return f"{login.partition('-')[0]}@example.com" if kind == "User" and len(login) % 2 else ""


def make_repositories(found: Sequence[Plan], accounts: dict[str, Account], at: int) -> list[Repository]:
    made: dict[str, Repository] = {}
    # Originals before their forks.
    for plan in sorted(found, key=lambda plan: plan.fork_of is not None):
        repository = _repository(plan, found.index(plan), accounts[plan.owner], at)
        repository.parent = made[plan.fork_of] if plan.fork_of else None
        made[repository.name_with_owner] = repository
    return [made[f"{plan.owner}/{plan.name}"] for plan in found]


def _repository(plan: Plan, place: int, owner: Account, at: int) -> Repository:
    number = (FIRST_LARGE_ID if place % 2 else FIRST_SMALL_ID) + place * 7919
    made = Repository(
        number,
        owner,
        plan.name,
        created_at=at - (place + 1) * 86_400,
        updated_at=at,
        pushed_at=None if plan.empty else at,
        topic=plan.topic,
        description=f"All about {plan.topic}" if place % 3 else None,
        language=plan.language,
        default_branch=plan.default_branch,
        is_private=plan.is_private,
        is_disabled=plan.disabled,
        is_empty=plan.empty,
        archived_at=at if plan.archived else None,
    )
    made.labels = [
        Label(number * 10 + one, name, color, text, made, is_default=one < 2)
        for one, (name, color, text) in enumerate(LABELS)
    ]
    return made
