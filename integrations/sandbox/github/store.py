"""What a site holds, as its API reads it. How it changes is in site.py."""

import threading
import time
from collections.abc import Callable

from integrations.sandbox.github.accounts import Account
from integrations.sandbox.github.catalog import VIEWER_LOGIN, login_of, make_accounts, make_repositories, plans
from integrations.sandbox.github.entries import Entry, GitHubSpec, make_index
from integrations.sandbox.github.generator import FIRST_PULL_ID, PULLS_A_REPOSITORY, make_pull
from integrations.sandbox.github.pulls import PullRequest
from integrations.sandbox.github.repositories import Repository
from integrations.sandbox.jira.people import NAMES
from integrations.sandbox.jira.timestamps import milliseconds

FIRST_PUSH = 30 * 86_400


class Store:
    """Pull requests are made when they are first read. `clock` gives epoch seconds. Whoever reads holds `lock`."""

    def __init__(self, spec: GitHubSpec, clock: Callable[[], float] = time.time) -> None:
        self.spec, self.clock = spec, clock
        self.lock = threading.RLock()
        start = milliseconds(spec.jira.start) // 1000 - FIRST_PUSH
        found = plans(spec.jira.projects, spec.more_repositories)
        self.accounts = make_accounts(start)
        self.people = [self.accounts[login_of(name)] for name in NAMES]
        self.viewer = self.accounts[VIEWER_LOGIN]
        self._repositories = make_repositories(found, self.accounts, start)
        # Names that renamed and transferred repositories had, in lower case as all looking up is.
        self._former = {
            f"{plan.owner}/{plan.former}".lower(): repository
            for plan, repository in zip(found, self._repositories, strict=True)
            if plan.former
        }
        self._numbers = {repository.number: repository for repository in self._repositories}
        self._entries: dict[int, dict[int, Entry]] = {number: {} for number in self._numbers}
        self._pulls: dict[int, dict[int, PullRequest]] = {number: {} for number in self._numbers}
        for entry in make_index(spec, found):
            home = self._repositories[entry.repository]
            self._entries[home.number][entry.number] = entry
            home.pushed_at = max(home.pushed_at or 0, entry.updated_at)

        # Numbers go on behind the last one, also where that one is gone.
        self._last = {home: max(found, default=0) for home, found in self._entries.items()}

    @property
    def repositories(self) -> list[Repository]:
        """Those that there are, in the order in which they were made."""
        return list(self._numbers.values())

    @property
    def organizations(self) -> list[Account]:
        return [account for account in self.accounts.values() if account.typename == "Organization"]

    def repository(self, full_name: str, *, follow: bool = True) -> Repository | None:
        """By "owner/name" in any case; with `follow` also by a name that it had before."""
        wanted = full_name.lower()
        for repository in self._numbers.values():
            if repository.name_with_owner.lower() == wanted:
                return repository
        former = self._former.get(wanted) if follow else None
        return former if former and former.number in self._numbers else None

    def repository_by_number(self, number: int) -> Repository | None:
        return self._numbers.get(number)

    def account(self, login: str) -> Account | None:
        return next((found for found in self.accounts.values() if found.login.lower() == login.lower()), None)

    def pull(self, repository: Repository, number: int) -> PullRequest | None:
        # One of each: two readers at once must not make two.
        with self.lock:
            made = self._pulls.get(repository.number, {}).get(number)
            if made is None and (entry := self._entries.get(repository.number, {}).get(number)):
                made = make_pull(self.spec.seed, entry, repository, self.people, self.accounts)
                self._pulls[repository.number][number] = made
            return made

    def pulls(self, repository: Repository) -> list[PullRequest]:
        """All of a repository, in the order of their numbers; a fork of somebody has none."""
        return [pull for number in self._known(repository) if (pull := self.pull(repository, number))]

    def _known(self, repository: Repository) -> list[int]:
        return sorted({*self._entries.get(repository.number, ()), *self._pulls.get(repository.number, ())})

    def pull_by_number(self, number: int) -> PullRequest | None:
        """By the number of its id, which says where it began: it stays when its repository moves."""
        place, number = divmod(number - FIRST_PULL_ID, PULLS_A_REPOSITORY)
        if not 0 <= place < len(self._repositories) or self._repositories[place].number not in self._numbers:
            return None
        return self.pull(self._repositories[place], number)

    def find(self, name: str) -> PullRequest:
        """By "owner/name#12". Raises KeyError for an unknown one, with its name."""
        full_name, _, number = name.partition("#")
        repository = self.repository(full_name)
        pull = self.pull(repository, int(number)) if repository and number.isdecimal() else None
        if pull is None:
            raise KeyError(name)
        return pull

    def names(self, full_name: str | None = None) -> list[str]:
        """All pull requests, or those of one repository, as "owner/name#12"."""
        homes = [home for home in self.repositories if full_name in (None, home.name_with_owner)]
        return [f"{home.name_with_owner}#{number}" for home in homes for number in self._known(home)]
