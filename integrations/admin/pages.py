"""Integrations, and what holds them back."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from integrations.admin.form import IntegrationForm, field_name, form_for
from integrations.checking import check_integration, containers_of
from integrations.models import Integration, IntegrationLimit, IntegrationToken
from integrations.provider import ConnectionReport
from integrations.saving import save_integration
from pulse.tenancy.admin.base import PulseAdmin, ReadOnlyAdmin
from pulse.tenancy.models import Role

# Messages travel in a cookie or the session, and people read them at one glance.
SHOWN_PROBLEMS = 10
SHOWN_PROJECTS = 20


def _form(request: HttpRequest, integration: Integration | None) -> type[IntegrationForm]:
    chosen = request.POST.get("provider") or request.GET.get("provider") or ""
    return form_for(integration, chosen)


@admin.register(Integration)
class IntegrationAdmin(PulseAdmin):
    """An integration is switched off, not deleted: erasing what it brought is more than deleting its row."""

    least_role = Role.ADMINISTRATOR
    hidden = ("secrets",)
    relations = ("tenant",)
    fixed_owner = ("tenant", "provider")
    list_display: Any = ("name", "provider", "tenant", "active", "created_at", "last_updated_at")
    list_filter = ("tenant", "active")
    search_fields = ("name",)
    actions: Any = ("check_connections",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        kwargs["form"] = _form(request, obj)
        return super().get_form(request, obj, change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        common = (None, {"fields": ("tenant", "provider", "name", "active")})
        if obj is not None and not self.has_change_permission(request, obj):
            return [common, ("Settings", {"fields": (self._json["settings"],)})]
        provider = _form(request, obj).provider_code
        fields = [field_name(setting) for setting in provider.settings]
        return [common, (f"{provider.label} settings", {"fields": fields})]

    def save_model(self, request: HttpRequest, obj: Integration, form: Any, change: bool) -> None:
        save_integration(obj)

    @admin.action(description="Check connection", permissions=["change"])
    def check_connections(self, request: HttpRequest, integrations: QuerySet[Integration]) -> None:
        """Each on its own: a site that does not answer does not hold up the others."""
        for integration in integrations:
            report = check_integration(integration)
            for problem in report.problems[:SHOWN_PROBLEMS]:
                self.message_user(request, f"{integration}: {problem}", messages.ERROR)
            if len(report.problems) > SHOWN_PROBLEMS:
                more = len(report.problems) - SHOWN_PROBLEMS
                self.message_user(request, f"{integration}: and {more} problems more", messages.ERROR)
            if report.account:
                level = messages.WARNING if report.problems else messages.SUCCESS
                self.message_user(request, _seen(integration, report), level)


def _seen(integration: Integration, report: ConnectionReport) -> str:
    keys = [project.key for project in report.projects]
    more = f" and {len(keys) - SHOWN_PROJECTS} more" if len(keys) > SHOWN_PROJECTS else ""
    return (
        f"{integration}: {report.account} on {report.site}, {report.deployment}; "
        f"{containers_of(integration)}: {', '.join(keys[:SHOWN_PROJECTS]) or 'none'}{more}."
    )


@admin.register(IntegrationLimit)
class IntegrationLimitAdmin(ReadOnlyAdmin):
    relations = ("tenant", "integration")
    list_display = ("integration", "tenant", "blocked_until", "errors_in_a_row", "last_updated_at")
    list_filter = ("tenant", "integration")
    search_fields = ("integration__name",)


@admin.register(IntegrationToken)
class IntegrationTokenAdmin(ReadOnlyAdmin):
    hidden = ("secrets",)
    relations = ("tenant", "integration")
    list_display = ("integration", "tenant", "minted_at", "expires_at")
    list_filter = ("tenant", "integration")
    search_fields = ("integration__name",)
