"""Repositories, pull requests and what belongs to them, and their links to work items."""

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Lower

from custommapping.models import CatalogueRow, FromSource
from etl.models.items import WorkItem
from integrations.models import Integration
from integrations.records import LinkKind
from pulse.postgres.comments import commented
from pulse.tenancy.models import TenantOwned

PR_TIMES = ("created", "updated", "closed", "merged")


def _unique(name: str) -> models.UniqueConstraint:
    return models.UniqueConstraint(fields=["tenant", "integration", "external_id"], name=name)


@commented(
    "Repositories of code",
    name="Name without its owner",
    full_name="owner/name; may change",
    url="Address of its page; empty: not told",
    description="What the site says of it; empty: nothing",
    default_branch="Branch that work is merged into; NULL: it is empty, or not told",
    private="Whether it is closed to the public",
    archived="Whether the site has archived it",
    fork="Whether it was made as a copy of another one",
)
class Repository(CatalogueRow):
    name = models.CharField(max_length=255)
    full_name = models.CharField(max_length=512)
    url = models.URLField(max_length=1000, default="", blank=True)
    description = models.TextField(default="", db_default="", blank=True)
    default_branch = models.CharField(max_length=255, null=True, blank=True)
    private = models.BooleanField(default=False, db_default=False)
    archived = models.BooleanField(default=False, db_default=False)
    fork = models.BooleanField(default=False, db_default=False)

    class Meta:
        db_table = "repositories"
        verbose_name_plural = "repositories"
        constraints = [_unique("repositories_external_id")]
        indexes = [models.Index("tenant", Lower("full_name"), name="repositories_full_name")]

    def __str__(self) -> str:
        return self.full_name


@commented(
    "Pull requests, with times and sizes derived from their commits and reviews",
    repository="repositories.id of the repository that it is in",
    number="Number in its repository, as in #12",
    title="Title at the site",
    url="Address of its page; empty: not told",
    body="Text; NULL: none",
    state="OPEN, CLOSED (without being merged) or MERGED",
    draft="Whether it is not ready for review",
    author="Account of who opened it, else the name; NULL: not known any more",
    bot="Whether the author is a bot",
    created="When it was opened, UTC",
    updated="When it changed last at the site, UTC",
    closed="When it was closed or merged, UTC; NULL: it is open",
    merged="When it was merged, UTC; NULL: it is not",
    merged_by="Account of who merged it, else the name; NULL: it is not merged, or not known any more",
    first_commit_at="When the earliest of its commits was written, UTC; NULL: none says when",
    first_review_at="When the first review by another person was submitted, no bot's, UTC; NULL: none was",
    additions="Lines added",
    deletions="Lines deleted",
    changed_files="Files changed",
    commits="How many commits it has in prs_commits",
    reviews="How many reviews it has in prs_reviews, also pending ones and those of bots",
    comments="How many comments it has in prs_comments",
    review_decision="APPROVED, CHANGES_REQUESTED or REVIEW_REQUIRED, as the site says; NULL: no review is required",
    base="Branch that it is to be merged into",
    head="Branch that it comes from",
    head_repository="owner/name of the repository of head; NULL: that is gone",
    merge_commit="Hash of the commit that merged it; NULL: none",
    labels="JSON list of its labels",
    time_to_first_review_seconds="Seconds from created to first_review_at, never below 0; NULL: no review",
    review_rounds="Groups of others' reviews: commits between two reviews begin a new one; 0 without reviews",
    cycle_time_seconds="Seconds from first_commit_at to merged, never below 0; NULL: one is missing",
    size_class="By additions + deletions: XS up to 9, S to 29, M to 99, L to 499, XL to 999, XXL above",
    mentioned_keys="JSON list of words of its title, branch and commits that may be keys of work items",
    content_hash="Hash of all that the site said of it: the same where nothing changed",
)
class Pr(FromSource):
    """A pull request. What is derived is as `etl.transform.pr_metrics` defines it."""

    # `prs_number` begins with it: by statistics of a smaller table, a planner would take the worse of two indexes.
    repository = models.ForeignKey(Repository, on_delete=models.PROTECT, db_index=False)
    number = models.PositiveIntegerField()
    title = models.TextField()
    url = models.URLField(max_length=2000, default="", db_default="", blank=True)
    body = models.TextField(null=True, blank=True)
    state = models.CharField(max_length=20)
    draft = models.BooleanField(default=False, db_default=False)
    author = models.CharField(max_length=255, null=True, blank=True)
    bot = models.BooleanField(default=False, db_default=False)
    created = models.DateTimeField()
    updated = models.DateTimeField()
    closed = models.DateTimeField(null=True, blank=True)
    merged = models.DateTimeField(null=True, blank=True)
    merged_by = models.CharField(max_length=255, null=True, blank=True)
    first_commit_at = models.DateTimeField(null=True, blank=True)
    first_review_at = models.DateTimeField(null=True, blank=True)
    additions = models.BigIntegerField(default=0)
    deletions = models.BigIntegerField(default=0)
    changed_files = models.IntegerField(default=0)
    commits = models.IntegerField(default=0)
    reviews = models.IntegerField(default=0)
    comments = models.IntegerField(default=0)
    review_decision = models.CharField(max_length=50, null=True, blank=True)
    base = models.CharField(max_length=1000, default="", blank=True)
    head = models.CharField(max_length=1000, default="", blank=True)
    head_repository = models.CharField(max_length=512, null=True, blank=True)
    merge_commit = models.CharField(max_length=64, null=True, blank=True)
    labels = models.JSONField(default=list)
    time_to_first_review_seconds = models.BigIntegerField(null=True, blank=True)
    review_rounds = models.IntegerField(default=0)
    cycle_time_seconds = models.BigIntegerField(null=True, blank=True)
    size_class = models.CharField(max_length=10, default="", blank=True)
    mentioned_keys = models.JSONField(default=list, db_default=models.Value([], models.JSONField()), editable=False)
    content_hash = models.CharField(max_length=64, default="", db_default="", editable=False)

    class Meta:
        db_table = "prs"
        verbose_name = "pull request"
        constraints = [_unique("prs_external_id")]
        indexes = [
            # Looked into for every page of work items: what waits to be added would be read each time.
            GinIndex(fields=["mentioned_keys"], name="prs_mentioned_keys", fastupdate=False),
            models.Index(fields=["repository", "number"], name="prs_number"),
            models.Index(fields=["tenant", "id"], name="prs_in_order"),
            *(
                models.Index(fields=["tenant", name, "id"], name=f"prs_{name}")
                for name in ("author", "state", *PR_TIMES)
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.number} {self.title}"


@commented(
    external_id="Id that the site has given it, unique among those of its kind of the pull request",
    pr="prs.id of the pull request that it belongs to",
    author="Account of who wrote it, else the name; NULL: not known any more",
    bot="Whether the author is a bot",
)
class PrPart(FromSource):
    """Base of what belongs to a pull request."""

    pr = models.ForeignKey(Pr, on_delete=models.CASCADE)
    author = models.CharField(max_length=255, null=True, blank=True)
    bot = models.BooleanField(default=False, db_default=False)
    created = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True


@commented(
    "Commits of pull requests",
    created="When it was written, UTC; NULL: not told",
    sha="Hash that names it in its repository",
    message="What it says of itself; empty: nothing",
    author_email="Address of e-mail that it gives for its author; NULL: none",
    committed="When it was last rewritten, as by a rebase, UTC; NULL: not told",
    additions="Lines added; NULL: not told",
    deletions="Lines deleted; NULL: not told",
)
class PrCommit(PrPart):
    sha = models.CharField(max_length=64)
    message = models.TextField(default="", blank=True)
    author_email = models.CharField(max_length=320, null=True, blank=True)
    committed = models.DateTimeField(null=True, blank=True)
    additions = models.BigIntegerField(null=True, blank=True)
    deletions = models.BigIntegerField(null=True, blank=True)

    class Meta:
        db_table = "prs_commits"
        verbose_name = "pull request commit"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "integration", "pr", "external_id"], name="prs_commits_one")
        ]

    def __str__(self) -> str:
        return self.sha[:10]


@commented(
    "Reviews of pull requests",
    created="When it was submitted, UTC; NULL: not yet, it is PENDING",
    state="APPROVED, CHANGES_REQUESTED, COMMENTED, DISMISSED or PENDING, as the site says",
    body="Text; NULL: none",
)
class PrReview(PrPart):
    state = models.CharField(max_length=50)
    body = models.TextField(null=True, blank=True)

    class Meta:
        db_table = "prs_reviews"
        verbose_name = "pull request review"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "integration", "pr", "external_id"], name="prs_reviews_one")
        ]

    def __str__(self) -> str:
        return f"{self.author} {self.state}"


@commented(
    "Comments on pull requests and on lines of their code",
    created="When it was written, UTC; NULL: not told",
    body="Text; NULL: none",
    updated="When it was edited last, UTC; NULL: not told",
    review_external_id="prs_reviews.external_id of the review that it is part of; NULL: of none",
    resolved="Whether the thread that it is in was resolved; NULL: it is in none",
    path="File that it is about; NULL: the whole pull request",
    line="Line of that file; NULL: none, or it is not there any more",
)
class PrComment(PrPart):
    """With a ``path`` it is about a line of code, and belongs to a thread and maybe to a review."""

    body = models.TextField(null=True, blank=True)
    updated = models.DateTimeField(null=True, blank=True)
    review_external_id = models.CharField(max_length=255, null=True, blank=True)
    resolved = models.BooleanField(null=True, blank=True)
    path = models.TextField(null=True, blank=True)
    line = models.IntegerField(null=True, blank=True)

    class Meta:
        db_table = "prs_comments"
        verbose_name = "pull request comment"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "integration", "pr", "external_id"], name="prs_comments_one")
        ]

    def __str__(self) -> str:
        return f"{self.author} on {self.pr_id}"


# The source of links that were found in the text of pull requests: see `etl.load.mentions`.
MENTION = "mention"


@commented(
    "Pull requests, branches and commits that belong to work items",
    integration="integrations.id of the site that says so",
    work_item="work_items.id of the item that it belongs to",
    pr="prs.id of the pull request; NULL: not stored, or no pull request",
    kind="pull_request, branch or commit",
    external_id="The source's id of it, unique among those of its kind of the work item",
    external_repo="owner/name of its repository; empty: not told",
    pr_number="Number of the pull request in its repository; NULL: not told, or none",
    source="Application that the work item's site names for it, or mention: its key stands in the pull request",
    url="Address of its page; empty: not told",
    title="Title, as the source says; empty: not told",
    state="State, as the source says; empty: not told",
    author="Who made it, as the source says; empty: not told",
    last_changed_at="When it changed last, of a commit when it was written, UTC; NULL: not told",
    raw_data_id="raw_extraction_data.id of the answer that the row was written from; NULL: of none",
)
class WorkItemPrLink(TenantOwned):
    """A pull request, branch or commit that belongs to a work item; the pull request may be unknown as a row.

    ``source`` is the application that the work item's own site names, or MENTION.
    """

    integration = models.ForeignKey(Integration, on_delete=models.PROTECT, related_name="+", db_index=False)
    # The unique key begins with it (see `Pr.repository`).
    work_item = models.ForeignKey(WorkItem, on_delete=models.CASCADE, db_index=False)
    pr = models.ForeignKey(Pr, on_delete=models.CASCADE, null=True, blank=True)
    kind = models.CharField(
        max_length=20, choices=[(kind.value, kind.value) for kind in LinkKind], default=LinkKind.PULL_REQUEST
    )
    external_id = models.CharField(max_length=512, default="")
    external_repo = models.CharField(max_length=512, default="", blank=True)
    pr_number = models.PositiveIntegerField(null=True, blank=True)
    source = models.CharField(max_length=50)
    url = models.URLField(max_length=2000, default="", blank=True)
    title = models.TextField(default="", blank=True)
    state = models.CharField(max_length=50, default="", blank=True)
    author = models.CharField(max_length=255, default="", blank=True)
    last_changed_at = models.DateTimeField(null=True, blank=True)
    raw_data_id = models.BigIntegerField(null=True, editable=False)

    class Meta:
        db_table = "work_items_prs_links"
        verbose_name = "work item to pull request link"
        constraints = [
            models.UniqueConstraint(
                fields=["work_item", "source", "kind", "external_id"], name="work_items_prs_links_one"
            )
        ]
        indexes = [
            models.Index(
                "tenant",
                Lower("external_repo"),
                "pr_number",
                condition=models.Q(kind=LinkKind.PULL_REQUEST.value) & ~models.Q(source=MENTION),
                name="work_items_prs_links_named",
            )
        ]

    def __str__(self) -> str:
        return f"{self.work_item_id} ↔ {self.external_repo}#{self.pr_number}"
