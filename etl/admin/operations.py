"""What operators look after besides: quarantine and webhooks."""

from django.contrib import admin

from etl.admin.tracing import JsonPages
from etl.models import QuarantinedRecord, WebhookDelivery
from pulse.tenancy.admin.base import ReadOnlyAdmin


@admin.register(QuarantinedRecord)
class QuarantinedRecordAdmin(JsonPages, ReadOnlyAdmin):
    """A record's page shows the answer that it is in, opened where the record is."""

    change_form_outer_before_template = "etl/operations/quarantined.html"
    relations = ("tenant", "integration", "run__job", "raw_data")
    list_loads = ("reason",)
    list_display = ("table_name", "external_id", "reason", "path", "run", "resolved_at", "tenant")
    list_filter = ("tenant", "integration", ("resolved_at", admin.EmptyFieldListFilter))
    search_fields = ("external_id__exact", "run__id__exact")
    search_help_text = "The source's id, or a run's number"


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(JsonPages, ReadOnlyAdmin):
    relations = ("tenant", "integration", "raw_data")
    list_display = ("id", "event", "delivery_id", "integration", "tenant", "created_at")
    list_filter = ("tenant", "integration")
    search_fields = ("delivery_id__exact",)
