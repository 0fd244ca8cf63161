"""What a provider's normaliser makes of a raw answer: plain records, one class a table.

Records name each other by the source's own stable ids (never by key or by localised name); the load
resolves them to rows. All datetimes are aware and in UTC. ``None`` means "the source says none".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from enum import StrEnum
from typing import Any


class Category(StrEnum):
    """What a status means for flow: Jira's three status categories, in the words of the flow metrics."""

    TO_DO = "To Do"
    IN_PROGRESS = "In Progress"
    DONE = "Done"


@dataclass(frozen=True, slots=True)
class ProjectRecord:
    external_id: str
    key: str
    name: str
    project_type: str = ""
    description: str = ""
    lead_id: str | None = None
    lead_name: str | None = None
    archived: bool = False


@dataclass(frozen=True, slots=True)
class WitRecord:
    """A work item type (Jira: issue type)."""

    external_id: str
    name: str
    description: str = ""
    subtask: bool = False
    hierarchy_level: int | None = None


@dataclass(frozen=True, slots=True)
class ProjectWits:
    """All types that one project offers, as one answer lists them: pairs that it does not name have ended."""

    project_id: str
    wit_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StatusRecord:
    """A status. ``category`` is None where the source gives none. ``project_id`` is set where it is scoped to one."""

    external_id: str
    name: str
    category: Category | None = None
    description: str = ""
    project_id: str | None = None


@dataclass(frozen=True, slots=True)
class ProjectStatuses:
    """All statuses that one project uses, as one answer lists them."""

    project_id: str
    status_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CustomFieldRecord:
    """A custom field; ``field_type`` in the source's words ('team', 'string', 'option', 'array').

    ``listed``: by the source's list of all fields, which says best what a field is; else it was only seen on a project.
    """

    external_id: str
    name: str
    field_type: str
    operations: tuple[str, ...] = ()
    schema: Mapping[str, Any] = field(default_factory=dict)
    listed: bool = True


@dataclass(frozen=True, slots=True)
class OfferedField:
    """A custom field as a project offers it."""

    external_id: str
    name: str
    field_type: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class ProjectFields:
    """Custom fields that a project offers for work items of a type; several answers may tell of the same type.

    ``wit_id`` is None where a field is the project's own and the source does not say of which types.
    """

    project_id: str
    wit_id: str | None
    fields: tuple[OfferedField, ...]


@dataclass(frozen=True, slots=True)
class Person:
    """Someone as the source names them; either part may be missing."""

    account_id: str | None = None
    name: str | None = None


NOBODY = Person()


@dataclass(frozen=True, slots=True)
class StatusChange:
    """One item of one history that changed the status. ``item`` numbers the items of a history from 0."""

    history_id: str
    item: int
    at: datetime
    from_id: str | None
    from_name: str | None
    to_id: str | None
    to_name: str | None
    by: Person = NOBODY


@dataclass(frozen=True, slots=True)
class WorkItemRecord:
    """One work item with its whole status history.

    ``changes`` holds every status change, ordered by (at, history id as a number where it is one, item);
    ``former_keys`` are the keys that it had before, as far as the history tells of them.
    ``custom`` maps field ids to the values as the source gave them, empty ones left out; also those of optional
    dates that are none. ``custom_texts`` has the plain text of those that the source writes in a form of its own.
    """

    external_id: str
    key: str
    project_id: str
    project_key: str
    project_name: str
    wit: WitRecord
    status: StatusRecord
    created: datetime
    updated: datetime
    summary: str
    description: str | None = None
    parent_id: str | None = None
    parent_key: str | None = None
    priority: str | None = None
    resolution: str | None = None
    reporter: Person = NOBODY
    assignee: Person = NOBODY
    labels: tuple[str, ...] = ()
    resolved: datetime | None = None
    due: date | None = None
    custom: Mapping[str, Any] = field(default_factory=dict)
    custom_texts: Mapping[str, str] = field(default_factory=dict)
    changes: tuple[StatusChange, ...] = ()
    former_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A record that could not be taken over.

    ``path`` says where in the raw answer ('issues[3].fields.created'), ``reason`` names the field and its value.
    """

    table: str
    external_id: str
    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class ListedItem:
    """A line of a cheap listing: enough to see whether a work item changed, moved or went.

    ``only_known``: it says that the item is there, and is no reason to fetch one that is unknown.
    """

    external_id: str
    key: str
    project_id: str
    status_id: str
    updated: datetime
    only_known: bool = False


class LinkKind(StrEnum):
    PULL_REQUEST = "pull_request"
    BRANCH = "branch"
    COMMIT = "commit"


@dataclass(frozen=True, slots=True)
class DevLink:
    """A pull request, branch or commit that belongs to a work item. ``external_id`` is unique within its kind.

    ``at`` is when it last changed; of a commit, when it was written.
    """

    kind: LinkKind
    external_id: str
    repository: str = ""
    url: str = ""
    title: str = ""
    state: str = ""
    author: str = ""
    pr_number: int | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ItemLinks:
    """The links of these kinds that one application ("github") has for a work item.

    Others that were known of it in these kinds have ended, unless the answer is not ``whole``: then it could not tell
    all, and nothing ends.
    """

    work_item_id: str
    source: str
    kinds: tuple[LinkKind, ...]
    links: tuple[DevLink, ...] = ()
    whole: bool = True


@dataclass(frozen=True, slots=True)
class LinkOverview:
    """Which applications have links of which kind for a work item; `ItemLinks` that were asked for later tell which.

    Links of all other applications and kinds have ended, unless the answer is not ``whole``.
    """

    work_item_id: str
    present: tuple[tuple[str, LinkKind], ...] = ()
    whole: bool = True


@dataclass(frozen=True, slots=True)
class RepositoryRecord:
    """A repository. ``full_name`` is 'owner/name'; it may change, ``external_id`` (the source's number) does not."""

    external_id: str
    full_name: str
    url: str = ""
    description: str = ""
    default_branch: str | None = None
    private: bool = False
    archived: bool = False
    fork: bool = False


@dataclass(frozen=True, slots=True)
class OwnerRepositories:
    """All repositories of one owner, as one answer lists them: others known of it have been deleted or transferred."""

    owner: str
    repository_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CommitRecord:
    """A commit of a pull request. ``authored`` is when it was written, ``committed`` when it was last rewritten.

    ``author`` is an account where the source knows one, else only a name.
    """

    sha: str
    authored: datetime | None = None
    committed: datetime | None = None
    message: str = ""
    author: Person = NOBODY
    author_email: str | None = None
    bot: bool = False
    additions: int | None = None
    deletions: int | None = None


@dataclass(frozen=True, slots=True)
class ReviewRecord:
    """A review; ``state`` in the source's words ('APPROVED', 'PENDING'). What was not sent yet has no ``submitted``."""

    external_id: str
    state: str
    author: Person = NOBODY
    bot: bool = False
    submitted: datetime | None = None
    body: str | None = None


@dataclass(frozen=True, slots=True)
class CommentRecord:
    """What was said on a pull request; with ``path`` on a line of its code, in a thread that may be resolved."""

    external_id: str
    created: datetime
    author: Person = NOBODY
    bot: bool = False
    updated: datetime | None = None
    body: str | None = None
    path: str | None = None
    line: int | None = None
    review_id: str | None = None
    resolved: bool | None = None


@dataclass(frozen=True, slots=True)
class PullRequestRecord:
    """One pull request with all that belongs to it, so that what vanished can be told.

    ``state`` is 'OPEN', 'CLOSED' or 'MERGED'; ``repository`` what the answer about the pull request says of it.
    ``mentioned_keys`` are words of its title, branch and commit messages that may be keys of work items, in capitals
    ('PAY-12'): the load finds out which are.
    """

    external_id: str
    number: int
    repository: RepositoryRecord
    title: str
    state: str
    created: datetime
    updated: datetime
    url: str = ""
    body: str | None = None
    draft: bool = False
    author: Person = NOBODY
    bot: bool = False
    closed: datetime | None = None
    merged: datetime | None = None
    merged_by: Person = NOBODY
    additions: int = 0
    deletions: int = 0
    changed_files: int = 0
    review_decision: str | None = None
    base: str = ""
    head: str = ""
    head_repository: str | None = None
    merge_commit: str | None = None
    labels: tuple[str, ...] = ()
    commits: tuple[CommitRecord, ...] = ()
    reviews: tuple[ReviewRecord, ...] = ()
    comments: tuple[CommentRecord, ...] = ()
    mentioned_keys: tuple[str, ...] = ()


@dataclass(slots=True)
class Batch:
    """All that one raw answer says, ready to be loaded.

    ``gone`` are ids of work items that were asked for and do not exist any more, ``left`` of those that exist and
    are in no project that is to be read.
    """

    projects: list[ProjectRecord] = field(default_factory=list)
    wits: list[WitRecord] = field(default_factory=list)
    project_wits: list[ProjectWits] = field(default_factory=list)
    statuses: list[StatusRecord] = field(default_factory=list)
    project_statuses: list[ProjectStatuses] = field(default_factory=list)
    custom_fields: list[CustomFieldRecord] = field(default_factory=list)
    project_fields: list[ProjectFields] = field(default_factory=list)
    work_items: list[WorkItemRecord] = field(default_factory=list)
    listed: list[ListedItem] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    link_overviews: list[LinkOverview] = field(default_factory=list)
    item_links: list[ItemLinks] = field(default_factory=list)
    repositories: list[RepositoryRecord] = field(default_factory=list)
    owner_repositories: list[OwnerRepositories] = field(default_factory=list)
    gone_repositories: list[str] = field(default_factory=list)
    pull_requests: list[PullRequestRecord] = field(default_factory=list)
    quarantined: Sequence[Quarantined] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether the answer says nothing: all that it holds was left out."""
        return not any(getattr(self, kind.name) for kind in fields(self))
