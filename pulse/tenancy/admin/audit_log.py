"""The audit log: nobody changes it, administrators read it and take it away as a file."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from pulse.tenancy.admin.base import ReadOnlyAdmin
from pulse.tenancy.models import AuditEntry, Role
from pulse.tenancy.scoping import person

# The list's filters, by what the export calls them.
_FILTERS = {"tenant__id__exact": "tenant_id", "created_at__gte": "at_from", "created_at__lt": "at_to"}


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    least_reader = Role.ADMINISTRATOR
    relations = ("tenant",)
    list_before_template = "tenancy/audit_export.html"
    list_display = ("created_at", "actor", "action", "target_table", "target_id", "address", "tenant")
    list_filter = ("tenant", "created_at")
    search_fields = ("actor__exact", "action__exact", "target_table__exact", "target_id__exact")
    search_help_text = "Who, an action such as job.paused, a table, or a row's number"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        shown = ("created_at", "actor", "user", "api_key", "address", "action", "target_table", "target_id")
        return [*shown, self._json["changes"], "tenant"]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        more = {"export_address": _export_address(request)}
        shown: HttpResponse = super().changelist_view(request, {**(extra_context or {}), **more})
        return shown


def _export_address(request: HttpRequest) -> str:
    """Of what the list shows, as its filters say; empty where it shows several tenants: a file is of one."""
    given = {theirs: request.GET[own] for own, theirs in _FILTERS.items() if own in request.GET}
    user = person(request)
    if user.is_superuser and user.chosen:
        given["tenant_id"] = str(user.chosen.pk)
    if user.is_superuser and "tenant_id" not in given:
        return ""
    return f"{reverse('audit-log-export')}?{urlencode(given)}"
