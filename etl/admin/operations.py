"""What operators look after: dead letters, quarantine, workers, webhooks."""

from django.contrib import admin

from etl.models import DeadLetter, QuarantinedRecord, WebhookDelivery, WorkerRow
from pulse.tenancy.admin.base import ReadOnlyAdmin
from pulse.tenancy.admin.shown import state_column


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin):
    relations = ("tenant",)
    list_loads = ("error",)
    list_display = ("id", "queue", state_column("state"), "error", "attempt", "tenant", "created_at")
    list_filter = ("tenant", "state")
    search_fields = ("queue__exact",)
    search_help_text = "The exact name of a queue"


@admin.register(QuarantinedRecord)
class QuarantinedRecordAdmin(ReadOnlyAdmin):
    relations = ("tenant", "integration", "run__job", "raw_data")
    list_loads = ("reason",)
    list_display = ("table_name", "external_id", "reason", "path", "run", "resolved_at", "tenant")
    list_filter = ("tenant", "integration", ("resolved_at", admin.EmptyFieldListFilter))
    search_fields = ("external_id__exact", "run__id__exact")
    search_help_text = "The source's id, or a run's number"


@admin.register(WorkerRow)
class WorkerAdmin(ReadOnlyAdmin):
    """Workers serve all tenants of a tier, so only superusers see them."""

    list_display = ("host", "pid", "tier", "threads", "memory_mib", "active", "heartbeat_at", "stopped_at")
    list_filter = ("tier", "active")
    search_fields = ("host",)


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    relations = ("tenant", "integration", "raw_data")
    list_display = ("id", "event", "delivery_id", "integration", "tenant", "created_at")
    list_filter = ("tenant", "integration")
    search_fields = ("delivery_id__exact",)
