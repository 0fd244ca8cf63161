"""The tables that the load writes, declared: which columns, which references, when a row is newer."""

from dataclasses import dataclass

from custommapping.models import CUSTOM_FIELD_COLUMNS
from etl.transform.metrics import METRIC_NAMES
from etl.transform.pr_metrics import PR_METRIC_NAMES


@dataclass(frozen=True)
class Reference:
    """A foreign key of this integration's rows, staged as the source's id in ``staged``."""

    column: str
    table: str

    @property
    def staged(self) -> str:
        return self.column.removesuffix("_id") + "_ref"


@dataclass(frozen=True)
class Target:
    """A table whose natural key is (tenant, integration, external id).

    ``ranked`` tables have an ``authority`` that wins over age; of a row without ``telling``, a column, all that has it
    wins over both: lists may leave out what is said elsewhere. ``dated`` ones take their ``source_updated_at`` from
    the source's own record, so that it is part of what may differ. Rows of ``mortal`` ones may have been deleted at
    the source; a newer answer that has them brings them back.
    """

    name: str
    columns: tuple[str, ...]
    references: tuple[Reference, ...] = ()
    ranked: bool = False
    telling: str = ""
    dated: bool = False
    mortal: bool = False

    def rank(self, alias: str) -> tuple[str, ...]:
        """What wins over the age of a row, the most important first, as SQL."""
        telling = (f"({alias}.{self.telling} IS NOT NULL)",) if self.telling else ()
        return (*telling, f"{alias}.authority") if self.ranked else telling

    @property
    def staging(self) -> str:
        return f"staged_{self.name}"

    @property
    def staged_columns(self) -> tuple[str, ...]:
        """The order in which rows are staged."""
        rank = ("authority",) if self.ranked else ()
        return (
            "external_id",
            "source_updated_at",
            *rank,
            *self.columns,
            *(reference.staged for reference in self.references),
        )


@dataclass(frozen=True)
class Part:
    """A table of what belongs to the rows of another one, which ``parent`` refers to.

    Its natural key is (tenant, integration, parent, external id): the same id may mean other things elsewhere. It has
    no age of its own: it is as old as the row that it belongs to.
    """

    name: str
    parent: str
    columns: tuple[str, ...]

    @property
    def staging(self) -> str:
        return f"staged_{self.name}"

    @property
    def staged_columns(self) -> tuple[str, ...]:
        """The order in which rows are staged."""
        return (self.parent, "external_id", *self.columns)


PROJECTS = Target(
    "projects",
    ("key", "name", "project_type", "description", "lead_id", "lead_name", "archived"),
    ranked=True,
)
WITS = Target("wits", ("name", "description", "subtask", "hierarchy_level"), ranked=True)
STATUSES = Target(
    "statuses",
    ("name", "category", "description"),
    (Reference("project_id", "projects"),),
    ranked=True,
    telling="category",
)
CUSTOM_FIELDS = Target("custom_fields", ("name", "field_type", "schema"), ranked=True)
WORK_ITEMS = Target(
    "work_items",
    (
        "key",
        "parent_external_id",
        "summary",
        "description",
        "priority",
        "resolution",
        "reporter_id",
        "reporter_name",
        "assignee_id",
        "assignee_name",
        "labels",
        "created",
        "updated",
        "resolved",
        "due",
        "team",
        "code_changed",
        "story_points",
        *CUSTOM_FIELD_COLUMNS,
        "custom_fields_overflow",
        "content_hash",
        *METRIC_NAMES,
    ),
    (
        Reference("project_id", "projects"),
        Reference("wit_id", "wits"),
        Reference("status_id", "statuses"),
        Reference("parent_id", "work_items"),
    ),
    dated=True,
    mortal=True,
)
REPOSITORIES = Target(
    "repositories",
    ("name", "full_name", "url", "description", "default_branch", "private", "archived", "fork"),
    ranked=True,
)
PRS = Target(
    "prs",
    (
        "number",
        "title",
        "url",
        "body",
        "state",
        "draft",
        "author",
        "bot",
        "created",
        "updated",
        "closed",
        "merged",
        "merged_by",
        "additions",
        "deletions",
        "changed_files",
        "commits",
        "reviews",
        "comments",
        "review_decision",
        "base",
        "head",
        "head_repository",
        "merge_commit",
        "labels",
        "mentioned_keys",
        "content_hash",
        *PR_METRIC_NAMES,
    ),
    (Reference("repository_id", "repositories"),),
    dated=True,
)
PR_COMMITS = Part(
    "prs_commits",
    "pr_id",
    ("sha", "message", "author", "author_email", "bot", "created", "committed", "additions", "deletions"),
)
PR_REVIEWS = Part("prs_reviews", "pr_id", ("state", "author", "bot", "created", "body"))
PR_COMMENTS = Part(
    "prs_comments",
    "pr_id",
    ("author", "bot", "created", "updated", "body", "path", "line", "review_external_id", "resolved"),
)
