"""Integrations, and what holds them back."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse

from integrations.admin.connecting import ConnectPages
from integrations.admin.findings import SHOWN_PROBLEMS, named
from integrations.admin.form import IntegrationForm, field_name, form_for
from integrations.checking import check_integration, containers_of
from integrations.models import Integration, IntegrationLimit, IntegrationLogo, IntegrationToken
from integrations.provider import ConnectionReport, Provider
from integrations.saving import save_integration
from pulse.tenancy.admin.base import PulseAdmin, ReadOnlyAdmin
from pulse.tenancy.admin.pictures import picture_answer, picture_shown
from pulse.tenancy.models import Role


def _form(request: HttpRequest, integration: Integration | None) -> type[IntegrationForm]:
    chosen = request.POST.get("provider") or request.GET.get("provider") or ""
    return form_for(integration, chosen)


@admin.register(Integration)
class IntegrationAdmin(ConnectPages, PulseAdmin):
    """An integration is switched off, not deleted: erasing what it brought is more than deleting its row."""

    class Media:
        css = {"all": ("integrations/connect.css",)}

    least_role = Role.ADMINISTRATOR
    hidden = ("secrets",)
    relations = ("tenant",)
    fixed_owner = ("tenant", "provider")
    list_display: Any = ("name", "provider", "tenant", "active", "created_at", "last_updated_at")
    list_filter = ("tenant", "active")
    search_fields = ("name",)
    actions: Any = ("check_connections",)
    readonly_fields = ("picture",)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.logo_view)
        urls: list[URLPattern] = [
            path("<int:pk>/logo/", view, name="integrations_integration_logo"),
            *super().get_urls(),
        ]
        return urls

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
        usual = [field_name(setting) for setting in provider.settings if setting.usual]
        others = [field_name(setting) for setting in provider.settings if not setting.usual]
        folded = [] if self._says_more(request, obj, provider) else ["collapse"]
        settings = [
            (f"{provider.label} settings", {"fields": usual}),
            ("More settings", {"fields": others, "classes": folded}),
        ]
        look = ("Look", {"fields": ("picture", "logo", "without_logo")})
        return [common, *settings, *([look] if obj is not None else [])]

    def _says_more(self, request: HttpRequest, integration: Integration | None, provider: Provider) -> bool:
        """Whether one of the rarer settings is given, here or before: what counts, and may be wrong, is in sight."""
        if request.method == "POST":
            said: Mapping[str, str] = {one.name: request.POST.get(field_name(one), "") for one in provider.settings}
        elif integration is not None:
            said = {**integration.settings, **integration.secrets}
        else:
            said = self.typed(request)
        return any(said.get(one.name) not in (None, "", one.default) for one in provider.settings if not one.usual)

    def save_model(self, request: HttpRequest, obj: Integration, form: Any, change: bool) -> None:
        save_integration(obj)
        form.save_logo()

    @admin.display(description="logo")
    def picture(self, integration: Integration) -> str:
        if not IntegrationLogo.objects.filter(integration=integration).exists():
            return "none"
        return picture_shown(reverse("admin:integrations_integration_logo", args=[integration.pk]), integration)

    def logo_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        seen = self.get_queryset(request).filter(pk=pk)
        return picture_answer(get_object_or_404(IntegrationLogo, integration__in=seen))

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
    return (
        f"{integration}: {report.account} on {report.site}, {report.deployment}; "
        f"{containers_of(integration)}: {named(keys)}."
    )


@admin.register(IntegrationLimit)
class IntegrationLimitAdmin(ReadOnlyAdmin):
    relations = ("tenant", "integration")
    list_display = (
        "integration",
        "tenant",
        "blocked_until",
        "errors_in_a_row",
        "quota_left",
        "quota_limit",
        "quota_as_of",
    )
    list_filter = ("tenant", "integration")
    search_fields = ("integration__name",)


@admin.register(IntegrationToken)
class IntegrationTokenAdmin(ReadOnlyAdmin):
    hidden = ("secrets",)
    relations = ("tenant", "integration")
    list_display = ("integration", "tenant", "minted_at", "expires_at")
    list_filter = ("tenant", "integration")
    search_fields = ("integration__name",)
