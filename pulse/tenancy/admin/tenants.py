"""Tenants: what they have paid for, and how their pages look."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

from pulse.tenancy.admin.base import PulseAdmin, TenantForm
from pulse.tenancy.admin.pictures import LogoField, picture_shown, without_logo_field
from pulse.tenancy.logos import delete_logo, save_logo
from pulse.tenancy.models import Role, Tenant, TenantLogo
from pulse.tenancy.scoping import person

# What the installation grants a tenant.
TERMS = ("name", "tier", "job_gap_minutes", "cycle_minutes", "active")


class TenantPageForm(TenantForm):
    """A tenant, and its logo."""

    if TYPE_CHECKING:
        instance: Tenant
    logo = LogoField()
    without_logo = without_logo_field()

    def save_logo(self) -> None:
        """Once the tenant is saved."""
        if self.cleaned_data["logo"]:
            save_logo(self.instance, self.cleaned_data["logo"])
        elif self.cleaned_data["without_logo"]:
            delete_logo(self.instance)


@admin.register(Tenant)
class TenantAdmin(PulseAdmin):
    """Superusers make and change tenants, administrators say how theirs looks; erasing one is more than deleting it."""

    form = TenantPageForm
    least_role = Role.ADMINISTRATOR
    list_display = ("name", "tier", "job_gap_minutes", "cycle_minutes", "active", "created_at")
    list_filter = ("tier", "active")
    search_fields = ("name",)
    readonly_fields = ("picture",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return person(request).sees_all and super().has_add_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        names = super().get_readonly_fields(request, obj)
        return names if person(request).is_superuser else [*names, *TERMS]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        changes = self.has_change_permission(request, obj)
        upload = ("logo", *(("without_logo",) if obj else ())) if changes else ()
        return [
            (None, {"fields": TERMS}),
            ("Look", {"fields": ("colour", *(("picture",) if obj else ()), *upload)}),
        ]

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "colour":
            field.help_text = (
                "Buttons and links of its pages, as #1d4ed8; where it could not be read, darker or lighter."
            )
            field.widget.attrs |= {"placeholder": "#1d4ed8", "spellcheck": "false"}
        return field

    def save_model(self, request: HttpRequest, obj: Tenant, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        form.save_logo()

    @admin.display(description="logo")
    def picture(self, tenant: Tenant) -> str:
        if not TenantLogo.objects.filter(tenant=tenant).exists():
            return "none"
        return picture_shown(reverse("tenant-logo", args=[tenant.pk]), tenant)
