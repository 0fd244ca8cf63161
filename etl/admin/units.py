"""Units of work: what is to be fetched, what is to be embedded. Of what was answered see `etl.admin.answers`."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest

from etl.admin.acting import ActingAdmin
from etl.admin.filters import StepFilter
from etl.admin.searching import SearchPages
from etl.admin.tracing import JsonPages
from etl.admin.vectors import VectorPages
from etl.models import ExtractionCheckpoint, QdrantVector
from pulse.tenancy.admin.base import ReadOnlyAdmin
from pulse.tenancy.admin.shown import state_column
from pulse.tenancy.scoping import person


class UnitAdmin(JsonPages, ReadOnlyAdmin):
    """Base of the three tables of units; `etl.jobs.units` alone changes them."""

    relations: ClassVar[tuple[str, ...]] = ("tenant", "integration", "run__job")
    search_fields: ClassVar[tuple[str, ...]] = ("external_id__exact", "run__id__exact")
    search_help_text = "An exact external id, or a run's number"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Workers are the installation's: their names are no tenant's business."""
        names = super().get_fields(request, obj)
        return names if person(request).is_superuser else [name for name in names if name != "worker"]


@admin.register(ExtractionCheckpoint)
class ExtractionCheckpointAdmin(UnitAdmin):
    relations = (*UnitAdmin.relations, "parent_raw")
    list_display = ("id", "step", "partition_key", state_column("status"), "pages", "tries", "run", "integration")
    list_filter = ("tenant", "integration", StepFilter, "status")
    search_fields = ("partition_key__exact", "run__id__exact")
    search_help_text = "An exact partition key, or a run's number"


@admin.register(QdrantVector)
class QdrantVectorAdmin(VectorPages, SearchPages, UnitAdmin, ActingAdmin):
    list_display = ("id", "table_name", "external_id", state_column("status"), "model", "collection", "tenant")
    list_filter = ("tenant", "integration", "status")
