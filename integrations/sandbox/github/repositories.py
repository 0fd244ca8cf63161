"""Repositories, their labels, branches and commits."""

from dataclasses import dataclass, field
from hashlib import sha1
from typing import ClassVar

from integrations.sandbox.github.accounts import Account, GitActor, Located
from integrations.sandbox.github.ids import as_int32, node_id


@dataclass(slots=True, eq=False)
class Label(Located):
    typename: ClassVar[str] = "Label"
    number: int
    name: str
    color: str
    description: str | None
    repository: "Repository"
    is_default: bool = False

    @property
    def id(self) -> str:
        return node_id("LA", self.number)

    @property
    def created_at(self) -> int:
        return self.repository.created_at

    updated_at = created_at

    @property
    def resource_path(self) -> str:
        return f"{self.repository.resource_path}/labels/{self.name.replace(' ', '%20')}"


@dataclass(slots=True, eq=False)
class Repository(Located):
    """`default_branch` is None where there is none; `topic` is what its pull requests are about."""

    typename: ClassVar[str] = "Repository"
    number: int
    owner: Account
    name: str
    created_at: int
    updated_at: int
    pushed_at: int | None
    topic: str
    description: str | None = None
    language: str | None = "Python"
    default_branch: str | None = "main"
    is_private: bool = False
    is_disabled: bool = False
    is_empty: bool = False
    is_template: bool = False
    archived_at: int | None = None
    parent: "Repository | None" = None
    labels: list[Label] = field(default_factory=list)

    @property
    def id(self) -> str:
        return node_id("R", self.number)

    @property
    def database_id(self) -> int | None:
        return as_int32(self.number)

    @property
    def name_with_owner(self) -> str:
        return f"{self.owner.login}/{self.name}"

    @property
    def resource_path(self) -> str:
        return f"/{self.name_with_owner}"

    @property
    def ssh_url(self) -> str:
        return f"git@github.test:{self.name_with_owner}.git"

    @property
    def is_archived(self) -> bool:
        return self.archived_at is not None

    @property
    def is_fork(self) -> bool:
        return self.parent is not None

    @property
    def visibility(self) -> str:
        return "PRIVATE" if self.is_private else "PUBLIC"


@dataclass(slots=True, eq=False)
class Commit(Located):
    typename: ClassVar[str] = "Commit"
    repository: Repository
    oid: str
    message: str
    author: GitActor
    committer: GitActor
    additions: int
    deletions: int
    changed_files_if_available: int
    parent_oids: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return node_id("C", self.repository.number, int(self.oid[:15], 16))

    @property
    def abbreviated_oid(self) -> str:
        return self.oid[:7]

    @property
    def authored_date(self) -> int:
        return self.author.date

    @property
    def committed_date(self) -> int:
        return self.committer.date

    @property
    def message_headline(self) -> str:
        return self.message.partition("\n")[0]

    @property
    def message_body(self) -> str:
        return self.message.partition("\n")[2].strip("\n")

    @property
    def authored_by_committer(self) -> bool:
        return self.author.email == self.committer.email

    @property
    def resource_path(self) -> str:
        return f"{self.repository.resource_path}/commit/{self.oid}"

    commit_resource_path = resource_path

    @property
    def commit_url(self) -> str:
        return self.url


@dataclass(frozen=True, slots=True)
class Ref:
    """A branch that exists."""

    typename: ClassVar[str] = "Ref"
    repository: Repository
    name: str
    target: Commit | None
    prefix: str = "refs/heads/"

    @property
    def id(self) -> str:
        digest = sha1(self.name.encode()).digest()
        return node_id("REF", self.repository.number, int.from_bytes(digest[:8]))
