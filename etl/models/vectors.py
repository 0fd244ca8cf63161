"""The bridge between rows and the vector store."""

from django.db import models

from etl.models.references import unchecked
from etl.models.unit import Unit, unit_constraints, unit_indexes
from integrations.models import Integration
from pulse.tenancy.models import Tenant


class QdrantVector(Unit):
    """One row's text in the vector store. A unit of embedding.

    ``content_hash`` is the hash of the text that is wanted; while the unit is completed it is the hash of the
    text that was embedded, with ``model``, as ``point_id`` of ``collection``. ``alone`` is set where the batch it was
    in failed: it is tried by itself then.
    """

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
