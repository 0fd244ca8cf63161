"""The bridge between rows and the vector store."""

from django.db import models

from etl.models.references import OWNERS, unchecked
from etl.models.unit import Unit, unit_constraints, unit_indexes
from integrations.models import Integration
from pulse.postgres.comments import commented
from pulse.tenancy.models import Tenant


@commented(
    "Which texts of rows are, or are to be, in the vector store",
    **OWNERS,
    source_type="integrations.provider of the site that the row came from",
    table_name="Table of the row whose text it is",
    external_id="external_id of that row, of the same integration",
    point_id="Id of the point in the vector store",
    collection="Collection of the vector store that the point is in",
    model="Model that embedded the text; empty: not embedded yet",
    content_hash="Hash of the text that is wanted; while completed, of the text that was embedded",
    alone="true: tried by itself, since the batch that it was in failed",
)
class QdrantVector(Unit):
    """One row's text in the vector store. A unit of embedding."""

    tenant = unchecked(Tenant)
    integration = unchecked(Integration)
    source_type = models.CharField(max_length=20)
    table_name = models.CharField(max_length=63)
    external_id = models.CharField(max_length=255)
    point_id = models.UUIDField()
    collection = models.CharField(max_length=100)
    model = models.CharField(max_length=100, default="", db_default="", blank=True)
    content_hash = models.CharField(max_length=64)
    alone = models.BooleanField(default=False, db_default=False)

    class Meta:
        db_table = "qdrant_vectors"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "integration", "table_name", "external_id"], name="qdrant_vectors_row"
            ),
            *unit_constraints("qdrant_vectors"),
        ]
        indexes = unit_indexes("vectors")

    def __str__(self) -> str:
        return f"{self.table_name} {self.external_id}"
