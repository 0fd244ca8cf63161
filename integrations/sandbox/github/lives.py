"""One pull request in the making: its random source, its people, and when things happened."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha1
from random import Random

from integrations.sandbox.github.accounts import Account
from integrations.sandbox.github.entries import Entry
from integrations.sandbox.text import Writer

GHOST_SHARE = 0.03


@dataclass(slots=True)
class Life:
    """`random` is its own; `until` (epoch s) is when its work ended."""

    seed: int
    entry: Entry
    writer: Writer
    people: Sequence[Account]
    accounts: Mapping[str, Account]
    until: int

    @property
    def random(self) -> Random:
        return self.writer.random

    def moments(self, count: int, start: int | None = None) -> list[int]:
        """So many instants of its life, in order."""
        begin = self.entry.created_at if start is None else start
        return sorted(begin + int(self.random.random() * max(self.until - begin, 0)) for _ in range(count))

    def oid(self, name: object) -> str:
        return sha1(f"{self.seed}/{self.entry.repository}/{self.entry.number}/{name}".encode()).hexdigest()

    def other(self, author: Account | None) -> Account | None:
        """Somebody else; now and then an account that is gone."""
        if self.random.random() < GHOST_SHARE:
            return None
        return self.random.choice([person for person in self.people if person is not author])
