"""Repositories, pull requests and what belongs to them, and their links to work items."""

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Lower

from custommapping.models import CatalogueRow, FromSource
from etl.models.items import WorkItem
from integrations.models import Integration
from integrations.records import LinkKind
from pulse.tenancy.models import TenantOwned


def _unique(name: str) -> models.UniqueConstraint:
    return models.UniqueConstraint(fields=["tenant", "integration", "external_id"], name=name)


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


class Pr(FromSource):
    """A pull request. Derived times are in seconds.

    ``mentioned_keys`` are words of its title, branch and commits that may be keys of work items, now or later.
    """

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
        ]

    def __str__(self) -> str:
        return f"#{self.number} {self.title}"


class PrPart(FromSource):
    """Base of what belongs to a pull request."""

    pr = models.ForeignKey(Pr, on_delete=models.CASCADE)
    author = models.CharField(max_length=255, null=True, blank=True)
    bot = models.BooleanField(default=False, db_default=False)
    created = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True


class PrCommit(PrPart):
    """``created`` is when it was written, ``committed`` when it was last rewritten: by a rebase, say."""

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


class PrReview(PrPart):
    """``created`` is when it was submitted; None while it is PENDING."""

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


class WorkItemPrLink(TenantOwned):
    """A pull request, branch or commit that belongs to a work item; the pull request may be unknown as a row.

    ``external_id`` is the source's name for it, unique among the links of one kind of a work item. ``source`` is the
    application that the work item's own site names, or MENTION.
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
