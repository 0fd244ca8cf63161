"""Work items, their status changes, and their flow metrics."""

from django.contrib.postgres.indexes import GinIndex
from django.db import models

from custommapping.models import FromSource, Project, Status, Wit
from etl.models.references import unchecked
from integrations.models import Integration
from pulse.tenancy.models import Tenant, TenantOwned


class FlowMetrics(models.Model):
    """The 15 flow metrics, as `etl.transform.metrics` defines them. Times are in seconds."""

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


class WorkItem(FlowMetrics, FromSource):
    """An issue. Its natural key is the source's id; its key (PAY-12) and project may change.

    ``content_hash`` is the hash of all that the source said of it: a sync leaves an item alone where it is the same.
    ``dev_status_as_of`` says which answers its links are from (see `etl.load.links`), ``former_keys`` holds all keys
    that it is known to have had, where there are several (see `etl.load.former_keys`).
    """

    tenant = unchecked(Tenant)
    integration = unchecked(Integration)
    key = models.CharField(max_length=255)
    former_keys = models.JSONField(default=list, db_default=models.Value([], models.JSONField()), editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT)
    wit = models.ForeignKey(Wit, on_delete=models.PROTECT, db_index=False)
    status = models.ForeignKey(Status, on_delete=models.PROTECT)
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
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.summary}"


class Changelog(TenantOwned):
    """One status change. Names are as they were then; ``time_in_status_seconds`` is the time in the status left."""

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

    def __str__(self) -> str:
        return f"{self.from_status_name} → {self.to_status_name}"
