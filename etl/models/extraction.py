"""What is to be fetched, and every answer as it came."""

from django.db import models

from etl.models.unit import OPEN, Unit, UnitState, unit_constraints, unit_indexes


class ExtractionCheckpoint(Unit):
    """One partition of one step in one run, with its cursor. A unit of extraction.

    ``watermark`` is the site's own clock at the first page of the partition's scope, kept once all of that scope is
    stored: the next sync starts there. ``parent_raw`` is set where this fetches what that answer cut.
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


class RawExtractionData(Unit):
    """One API answer, whole. A unit of transform.

    ``parent`` is set on an answer that completes another one: it is transformed together with it. An answer that
    still waits for such is not ``is_complete``; it does not wait for what failed to come, and is transformed once more
    where a later run fetches that. ``external_id`` names the question that was asked. ``digests`` are the hashes of its
    items by source id, None where the answer was not fetched but imported. Loading notes in ``extraction_metadata``
    what it made of it: "projects" and "repositories" that it listed, "gone" (see `etl.load.gone`), "repositories_told"
    (see `etl.load.repositories`) and "fields_told" (see `etl.load.fields_told`). ``fingerprint`` says with which
    mappings and which reader it was last transformed (see `etl.mapping.fingerprints`).
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
