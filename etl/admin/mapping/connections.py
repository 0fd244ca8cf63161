"""The list of integrations, with what is done about the meaning of their fields."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html_join

from etl.admin.mapping.base import discover
from integrations.admin.pages import IntegrationAdmin
from integrations.models import Integration
from pulse.tenancy.models import Role
from pulse.tenancy.scoping import has_role, person

PAGES = (("customfieldmapping", "fields"), ("statusmapping", "statuses"), ("witmapping", "types"))

# Packages below know nothing of runs and mappings: what they need of the page is added here.
admin.site.unregister(Integration)


@admin.register(Integration)
class MappedIntegrationAdmin(IntegrationAdmin):
    actions = (*IntegrationAdmin.actions, "discover_fields")
    list_display = (*IntegrationAdmin.list_display, "meaning")

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
