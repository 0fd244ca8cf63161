"""Who acts on a GitHub site.

As in everything that a site holds, instants are epoch seconds (GitHub knows no fraction of a second), and attributes
are named as GraphQL's fields in Python's spelling, which is how the schema finds them.
"""

from dataclasses import dataclass
from hashlib import sha1

from integrations.sandbox.github.ids import as_int32, node_id

# A reserved name: nobody can follow a link of the sandbox to a real site. Jira's development data has the same.
WEB = "https://github.test"
PREFIXES = {"User": "U", "Bot": "BOT", "Mannequin": "M", "Organization": "O"}


class Located:
    """Whatever has a page on the site."""

    __slots__ = ()

    @property
    def resource_path(self) -> str:
        raise NotImplementedError

    @property
    def url(self) -> str:
        return WEB + self.resource_path


@dataclass(slots=True, eq=False)
class Account(Located):
    """Who acts or owns: `typename` is User, Bot, Mannequin or Organization."""

    typename: str
    number: int
    login: str
    name: str | None
    email: str
    created_at: int
    description: str | None = None

    @property
    def id(self) -> str:
        return node_id(PREFIXES[self.typename], self.number)

    @property
    def database_id(self) -> int | None:
        return as_int32(self.number)

    @property
    def updated_at(self) -> int:
        return self.created_at

    @property
    def resource_path(self) -> str:
        return f"/apps/{self.login}" if self.typename == "Bot" else f"/{self.login}"

    @property
    def rest_login(self) -> str:
        """REST and webhooks mark bots, GraphQL does not."""
        return f"{self.login}[bot]" if self.typename == "Bot" else self.login


@dataclass(frozen=True, slots=True)
class GitActor:
    """Who a commit names; `user` only where the address belongs to an account."""

    name: str
    email: str
    date: int
    user: Account | None

    @property
    def avatar_url(self) -> str:
        return f"{WEB}/identicons/{sha1(self.email.encode()).hexdigest()[:12]}.png"
