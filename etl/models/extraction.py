"""What is to be fetched, and every answer as it came."""

from django.db import models

from etl.models.unit import OPEN, Unit, UnitState, unit_constraints, unit_indexes
from pulse.postgres.comments import commented


@commented(
    "What is to be fetched, each part with the place that it stands at",
    partition_key="Name of the part, such as a project; the same in each run",
    scope="What is whole once all parts of this scope are, such as a project; empty: nothing",
    cursor="JSON object: what is asked for next, in the provider's own form",
    pages="How many pages were fetched",
    first_answer_at="When the first page came, by the site's clock, UTC; NULL: none did",
    watermark="From when the next sync has to read the scope, by the site's clock, UTC; NULL: not whole yet",
    parent_raw="raw_extraction_data.id of the answer whose rest it fetches; NULL: of none",
)
class ExtractionCheckpoint(Unit):
    """One partition of one step in one run, with its cursor. A unit of extraction.

    ``watermark`` is the earliest ``first_answer_at`` of the partition's scope, kept once all of that scope is stored.
    """

    partition_key = models.CharField(max_length=255)
    scope = models.CharField(max_length=255, default="", db_default="")
    cursor = models.JSONField(default=dict)
    pages = models.PositiveIntegerField(default=0, db_default=0)
    first_answer_at = models.DateTimeField(null=True)
    watermark = models.DateTimeField(null=True)
    parent_raw = models.ForeignKey("etl.RawExtractionData", on_delete=models.CASCADE, null=True, related_name="+")

    class Meta:
        db_table = "extraction_checkpoints"
        constraints = [
            models.UniqueConstraint(fields=["run", "step", "partition_key"], name="extraction_checkpoints_partition"),
            *unit_constraints("extraction_checkpoints"),
        ]
        indexes = [
            *unit_indexes("checkpoints"),
            models.Index(
                fields=["integration", "step", "scope", "-watermark"],
                condition=models.Q(watermark__isnull=False),
                name="checkpoints_watermark",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.step} {self.partition_key}"


@commented(
    "Answers of the sites, whole and as they came",
    entity_type="What the answer is about, in the provider's words, such as jira_issues",
    external_id="Names the question that was asked; empty: not told",
    raw_data="The answer, as JSON",
    extraction_metadata="JSON object: what was asked, and what loading found in the answer",
    status="pending, processing, completed, failed or cancelled: how far transforming and loading are",
    processed_at="When it was transformed last, UTC; NULL: not yet",
    parent="raw_extraction_data.id of the answer that this one completes; NULL: none",
    is_complete="false: it waits for answers that complete it",
    digests="JSON object: hashes of its items by the site's id; NULL: it was handed in, not fetched",
    records="How many records it was transformed into",
    fingerprint="Hash of the mappings and the reader that it was last transformed with; empty: not yet",
)
class RawExtractionData(Unit):
    """One API answer, whole. A unit of transform.

    An answer that completes another one is transformed together with it. An answer that is not ``is_complete`` does not
    wait for what failed to come, and is transformed once more where a later run fetches that. Loading notes in
    ``extraction_metadata`` what it made of it: "projects" and "repositories" that it listed, "gone" (see
    `etl.load.gone`), "repositories_told" (see `etl.load.repositories`) and "fields_told" (see `etl.load.fields_told`).
    Of the ``fingerprint`` see `etl.mapping.fingerprints`.
    """

    entity_type = models.CharField(max_length=50)
    external_id = models.CharField(max_length=255, default="", blank=True)
    raw_data = models.JSONField()
    extraction_metadata = models.JSONField(default=dict, blank=True)
    status = models.CharField(
        max_length=20, choices=UnitState, default=UnitState.PENDING, db_column="processing_status"
    )
    processed_at = models.DateTimeField(null=True, blank=True)
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True, blank=True, db_index=False)
    is_complete = models.BooleanField(default=True, db_default=True)
    digests = models.JSONField(null=True, editable=False)
    records = models.PositiveIntegerField(default=0, db_default=0)
    fingerprint = models.CharField(max_length=32, default="", db_default="", editable=False)

    class Meta:
        db_table = "raw_extraction_data"
        verbose_name_plural = "raw extraction data"
        constraints = unit_constraints("raw_extraction_data")
        indexes = [
            *unit_indexes("raw"),
            models.Index(fields=["tenant", "id"], name="raw_in_order"),
            models.Index(fields=["tenant", "entity_type"], name="raw_entity_type"),
            models.Index(fields=["status"], condition=models.Q(status__in=OPEN), name="raw_processing_status"),
            models.Index(fields=["external_id"], name="raw_external_id"),
            models.Index(fields=["integration"], name="raw_integration"),
            models.Index(fields=["-created_at"], name="raw_created_at"),
            models.Index(fields=["parent"], condition=models.Q(parent__isnull=False), name="raw_parent"),
            models.Index(
                fields=["integration", "id"],
                condition=models.Q(extraction_metadata__has_key="gone"),
                name="raw_gone",
            ),
            models.Index(
                fields=["integration", "id"],
                condition=models.Q(extraction_metadata__has_key="repositories_told"),
                name="raw_repositories_told",
            ),
            models.Index(
                fields=["run", "id"],
                condition=models.Q(extraction_metadata__has_key="fields_told"),
                name="raw_fields_told",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.entity_type} {self.external_id}"
