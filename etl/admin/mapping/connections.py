"""The list of integrations, with what is done about the meaning of their fields."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html_join

from etl.admin.connection_panel import panel_of
from etl.admin.erasing import ErasePages, erase_link
from etl.admin.mapping.base import discover
from etl.erasing import asking
from integrations.admin.pages import IntegrationAdmin
from integrations.models import Integration
from pulse.tenancy.models import Erasure, Role
from pulse.tenancy.scoping import has_role, person

PAGES = (("customfieldmapping", "fields"), ("statusmapping", "statuses"), ("witmapping", "types"))

# Packages below know nothing of runs and mappings: what they need of the page is added here.
admin.site.unregister(Integration)


@admin.register(Integration)
class MappedIntegrationAdmin(ErasePages, IntegrationAdmin):
    keeps = "Keep it: disconnect only. Nothing more is read, and passwords and tokens are forgotten."
    erases = "Erase it: all that was read from the site and all that came of it, with the connection. For good."
    actions = (*IntegrationAdmin.actions, "discover_fields")
    list_display = (*IntegrationAdmin.list_display, "meaning")
    change_form_outer_before_template = "etl/connections/panel.html"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        integration = self.get_object(request, object_id)
        more: dict[str, Any] = {}
        if integration is not None:
            link = erase_link(self.erase_address, request, integration, integration.tenant_id, integration.pk)
            more = {**panel_of(request, integration), **link}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})

    def erase(self, row: Integration, by: str) -> Erasure:
        return asking.erase_integration(row, by=by)

    def let_rest(self, row: Integration) -> None:
        asking.disconnect(row)

    @admin.display(description="what it means")
    def meaning(self, integration: Integration) -> str | None:
        """Where the integration's fields, statuses and types are mapped; None where it has no custom fields."""
        if not integration.provider_code.fields_step:
            return None
        links = ((reverse(f"admin:custommapping_{page}_of", args=[integration.pk]), text) for page, text in PAGES)
        return format_html_join(" · ", '<a class="text-link" href="{}">{}</a>', links)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request) and has_role(person(request), Role.OPERATOR)

    @admin.action(description="Queue custom fields for Extraction & Transform", permissions=["operate"])
    def discover_fields(self, request: HttpRequest, integrations: QuerySet[Integration]) -> None:
        discover(self, request, list(integrations))
