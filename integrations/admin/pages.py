"""Integrations, and what holds them back."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from integrations.admin.form import IntegrationForm, field_name, form_for
from integrations.models import Integration, IntegrationLimit
from pulse.tenancy.admin.base import PulseAdmin, ReadOnlyAdmin
from pulse.tenancy.models import Role


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
    list_display = ("name", "provider", "tenant", "active", "created_at", "last_updated_at")
    list_filter = ("tenant", "active")
    search_fields = ("name",)

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
        if change:
            obj.save(update_fields=["name", "active", "settings", "secrets", "last_updated_at"])
        else:
            obj.save()


@admin.register(IntegrationLimit)
class IntegrationLimitAdmin(ReadOnlyAdmin):
    relations = ("tenant", "integration")
    list_display = ("integration", "tenant", "blocked_until", "errors_in_a_row", "last_updated_at")
    list_filter = ("tenant", "integration")
    search_fields = ("integration__name",)
