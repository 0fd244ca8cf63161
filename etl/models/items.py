"""Work items, their status changes, and their flow metrics."""

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Length
from django.db.models.lookups import LessThanOrEqual

from custommapping.models import CUSTOM_FIELD_COLUMNS, MAPPED_COLUMNS, FromSource, Project, Status, Wit
from etl.models.references import OWNERS, unchecked
from integrations.models import Integration
from pulse.postgres.comments import commented
from pulse.tenancy.models import Tenant, TenantOwned

ITEM_TIMES = ("created", "updated", "resolved")
TEXT_COLUMNS = tuple(column for column in MAPPED_COLUMNS if column != "story_points")
# Characters: what is longer no index could hold.
LONGEST_INDEXED = 200


def is_short(column: str) -> models.Q:
    """Whether the column's text is among those that an index finds."""
    return models.Q(LessThanOrEqual(Length(column), LONGEST_INDEXED))


@commented(
    work_first_committed_at="When it first entered a To Do status, creation included, UTC; NULL: never",
    work_first_started_at="When it first entered an In Progress status, UTC; NULL: never",
    work_last_started_at="When it last entered In Progress from another category, UTC; NULL: never",
    work_first_completed_at="When it first entered a Done status, UTC; NULL: never",
    work_last_completed_at="When it last entered Done from another category, UTC; kept when reopened; NULL: never",
    total_work_starts="How often it entered In Progress from another category or was created in it",
    total_completions="How often it entered Done from another category; being created in it does not count",
    total_backlog_returns="How often it went back to To Do from another category",
    total_work_time_seconds="Seconds in In Progress statuses; those of the status that it is in now do not count",
    total_review_time_seconds="Seconds in To Do statuses; those of the status that it is in now do not count",
    total_cycle_time_seconds="Seconds from work_first_started_at to work_last_completed_at; NULL: one is missing",
    total_lead_time_seconds="Seconds from work_first_committed_at to work_last_completed_at; NULL: one is missing",
    workflow_complexity_score="2 * total_backlog_returns + total_completions - 1, never below 0",
    rework_indicator="Whether it was started more than once: total_work_starts > 1",
    direct_completion="Whether it was completed without ever being In Progress",
)
class FlowMetrics(models.Model):
    """The 15 flow metrics, as `etl.transform.metrics` defines them."""

    work_first_committed_at = models.DateTimeField(null=True, blank=True)
    work_first_started_at = models.DateTimeField(null=True, blank=True)
    work_last_started_at = models.DateTimeField(null=True, blank=True)
    work_first_completed_at = models.DateTimeField(null=True, blank=True)
    work_last_completed_at = models.DateTimeField(null=True, blank=True)
    total_work_starts = models.IntegerField(default=0, db_default=0)
    total_completions = models.IntegerField(default=0, db_default=0)
    total_backlog_returns = models.IntegerField(default=0, db_default=0)
    total_work_time_seconds = models.BigIntegerField(default=0, db_default=0)
    total_review_time_seconds = models.BigIntegerField(default=0, db_default=0)
    total_cycle_time_seconds = models.BigIntegerField(null=True, blank=True)
    total_lead_time_seconds = models.BigIntegerField(null=True, blank=True)
    workflow_complexity_score = models.IntegerField(default=0, db_default=0)
    rework_indicator = models.BooleanField(default=False, db_default=False)
    direct_completion = models.BooleanField(default=False, db_default=False)

    class Meta:
        abstract = True


def _text() -> "models.TextField[str | None, str | None]":
    return models.TextField(null=True, blank=True)


@commented(
    "Work items (issues) as they are now, with their flow metrics",
    **OWNERS,
    key="What people call it, such as PAY-12; changes where it moves to another project",
    former_keys="JSON list of all keys that it is known to have had, the present one too; empty: only that one",
    project="projects.id of the project that it is in",
    wit="wits.id of its type",
    status="statuses.id of the status that it is in",
    parent="work_items.id of the item that it is part of; NULL: none, or that is not stored",
    parent_external_id="The site's id of the item that it is part of; NULL: none",
    summary="Title at the site",
    description="Text, plain; NULL: none",
    priority="Name of its priority at the site; NULL: none",
    resolution="Name of how it was resolved at the site; NULL: it is not",
    reporter_id="The site's id of the account that reported it; NULL: not known",
    reporter_name="Name of who reported it; NULL: not known",
    assignee_id="The site's id of the account that it is assigned to; NULL: nobody",
    assignee_name="Name of whom it is assigned to; NULL: nobody",
    labels="JSON list of its labels",
    created="When it was created at the site, UTC",
    updated="When it changed last at the site, UTC",
    resolved="When the site says that it was resolved, UTC; NULL: it is not. See also work_last_completed_at",
    due="Day that it is due; NULL: none is set",
    team="Text of the custom field that is mapped to it, see custom_fields_mapping; NULL: none",
    code_changed="Text of the custom field that is mapped to it, see custom_fields_mapping; NULL: none",
    story_points="Number in the custom field that is mapped to it, see custom_fields_mapping; NULL: none",
    **dict.fromkeys(
        CUSTOM_FIELD_COLUMNS, "Text of what custom_fields_mapping names for it; NULL: nothing, or no value"
    ),
    custom_fields_overflow="JSON object: values of custom fields that no column holds, as the site gives them, by id",
    deleted_at="When it was found to be gone at the site, UTC; NULL: it is there, or is only not read any more",
    dev_status_read_at="From when its branches and pull requests were last read at its site, UTC; NULL: never",
    dev_status_as_of="JSON object: which answers its links are from",
    content_hash="Hash of all that the site said of it: the same where nothing changed",
)
class WorkItem(FlowMetrics, FromSource):
    """An issue. Its natural key is the source's id; its key (PAY-12) and project may change.

    A sync leaves an item alone where its ``content_hash`` is the same. Of ``dev_status_as_of`` and
    ``dev_status_read_at`` see `etl.load.links`, of ``former_keys`` see `etl.load.former_keys`.
    """

    tenant = unchecked(Tenant)
    integration = unchecked(Integration)
    key = models.CharField(max_length=255)
    former_keys = models.JSONField(default=list, db_default=models.Value([], models.JSONField()), editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, db_index=False)
    wit = models.ForeignKey(Wit, on_delete=models.PROTECT, db_index=False)
    status = models.ForeignKey(Status, on_delete=models.PROTECT, db_index=False)
    parent = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True)
    parent_external_id = models.CharField(max_length=255, null=True, blank=True)
    summary = models.TextField()
    description = _text()
    priority = models.CharField(max_length=255, null=True, blank=True)
    resolution = models.CharField(max_length=255, null=True, blank=True)
    reporter_id = models.CharField(max_length=255, null=True, blank=True)
    reporter_name = models.CharField(max_length=255, null=True, blank=True)
    assignee_id = models.CharField(max_length=255, null=True, blank=True)
    assignee_name = models.CharField(max_length=255, null=True, blank=True)
    labels = models.JSONField(default=list, db_default=models.Value([], models.JSONField()))
    created = models.DateTimeField()
    updated = models.DateTimeField()
    resolved = models.DateTimeField(null=True, blank=True)
    due = models.DateField(null=True, blank=True)
    team = _text()
    code_changed = _text()
    story_points = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True)
    custom_field_01 = _text()
    custom_field_02 = _text()
    custom_field_03 = _text()
    custom_field_04 = _text()
    custom_field_05 = _text()
    custom_field_06 = _text()
    custom_field_07 = _text()
    custom_field_08 = _text()
    custom_field_09 = _text()
    custom_field_10 = _text()
    custom_field_11 = _text()
    custom_field_12 = _text()
    custom_field_13 = _text()
    custom_field_14 = _text()
    custom_field_15 = _text()
    custom_field_16 = _text()
    custom_field_17 = _text()
    custom_field_18 = _text()
    custom_field_19 = _text()
    custom_field_20 = _text()
    custom_fields_overflow = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))
    deleted_at = models.DateTimeField(null=True, blank=True)
    dev_status_read_at = models.DateTimeField(null=True, editable=False)
    dev_status_as_of = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()), editable=False)
    content_hash = models.CharField(max_length=32, default="", editable=False)

    class Meta:
        db_table = "work_items"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "integration", "external_id"], name="work_items_external_id")
        ]
        indexes = [
            models.Index(fields=["tenant", "key"], name="work_items_key"),
            GinIndex(
                fields=["former_keys"],
                condition=~models.Q(former_keys=models.Value([], models.JSONField())),
                name="work_items_former_keys",
            ),
            GinIndex(fields=["custom_fields_overflow"], opclasses=["jsonb_path_ops"], name="work_items_overflow"),
            models.Index(
                fields=["integration", "parent_external_id"],
                condition=models.Q(parent=None, parent_external_id__isnull=False),
                name="work_items_orphans",
            ),
            # What lists are filtered by, each with the order that they have then.
            models.Index(fields=["tenant", "id"], name="work_items_in_order"),
            models.Index(fields=["tenant", "id"], condition=models.Q(active=False), name="work_items_inactive"),
            models.Index(fields=["tenant", "work_last_completed_at"], name="work_items_completed"),
            *(
                models.Index(fields=[name, "id"], name=f"work_items_{name}")
                for name in ("integration", "project", "wit", "status")
            ),
            *(models.Index(fields=["tenant", name, "id"], name=f"work_items_{name}") for name in ITEM_TIMES),
            *(
                models.Index(fields=["tenant", name, "id"], condition=is_short(name), name=f"work_items_{name}")
                for name in TEXT_COLUMNS
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.summary}"


@commented(
    "Changes of status of work items, one row each",
    **OWNERS,
    work_item="work_items.id of the item that changed",
    external_id="The site's id of the history entry; with item_number unique in the work item",
    item_number="Place of the change in its history entry, from 0",
    from_status="statuses.id of the status that it left; NULL: not known",
    to_status="statuses.id of the status that it entered; NULL: not known",
    from_status_name="Name that the status left had then; NULL: not told",
    to_status_name="Name that the status entered had then; NULL: not told",
    transition_start_date="When it entered the status left: the change before, or its creation, UTC",
    transition_change_date="When it changed, UTC",
    time_in_status_seconds="Seconds in the status left: from transition_start_date to transition_change_date",
    changed_by="Name of who changed it, or the site's id of the account; NULL: not told",
)
class Changelog(TenantOwned):
    """One status change."""

    tenant = unchecked(Tenant)
    integration = unchecked(Integration)
    work_item = models.ForeignKey(WorkItem, on_delete=models.CASCADE, related_name="changelogs", db_index=False)
    external_id = models.CharField(max_length=255)
    item_number = models.PositiveSmallIntegerField(default=0, db_default=0)
    # Looked up as they are written, and never deleted: checked once more they would double the checks of a changelog.
    from_status = models.ForeignKey(Status, on_delete=models.PROTECT, null=True, related_name="+", db_constraint=False)
    to_status = models.ForeignKey(Status, on_delete=models.PROTECT, null=True, related_name="+", db_constraint=False)
    from_status_name = models.CharField(max_length=255, null=True, blank=True)
    to_status_name = models.CharField(max_length=255, null=True, blank=True)
    transition_start_date = models.DateTimeField()
    transition_change_date = models.DateTimeField()
    time_in_status_seconds = models.BigIntegerField()
    changed_by = models.CharField(max_length=255, null=True, blank=True)

    class Meta:
        db_table = "changelogs"
        constraints = [
            models.UniqueConstraint(fields=["work_item", "external_id", "item_number"], name="changelogs_item")
        ]
        indexes = [models.Index(fields=["tenant", "transition_change_date", "id"], name="changelogs_changed")]

    def __str__(self) -> str:
        return f"{self.from_status_name} → {self.to_status_name}"
