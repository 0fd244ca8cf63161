"""Tenants, their users and API keys, and the audit log."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from pulse.tenancy.admin.base import PulseAdmin, ReadOnlyAdmin
from pulse.tenancy.models import ApiKey, AuditEntry, Role, Tenant, User
from pulse.tenancy.scoping import person

if TYPE_CHECKING:
    _UserAdmin = DjangoUserAdmin[User]
else:
    _UserAdmin = DjangoUserAdmin

# Roles say what a person may do; Django's groups and permissions are not used.
admin.site.unregister(Group)


@admin.register(Tenant)
class TenantAdmin(PulseAdmin):
    """Tenants are made and changed by superusers; erasing one is more than deleting its row."""

    list_display = ("name", "tier", "job_gap_minutes", "cycle_minutes", "active", "created_at")
    list_filter = ("tier", "active")
    search_fields = ("name",)
    fields = ("name", "tier", "job_gap_minutes", "cycle_minutes", "active")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return person(request).is_superuser and self.has_view_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(User)
class UserAdmin(_UserAdmin, PulseAdmin):
    """Administrators look after their tenant's users; only superusers make superusers and move users."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    least_role = Role.ADMINISTRATOR
    fixed_owner = ()
    hidden = ("password",)
    relations = ("tenant",)
    list_display = ("username", "email", "tenant", "role", "is_staff", "is_active", "last_login")
    list_filter = ("tenant", "role", "is_staff", "is_active")
    search_fields = ("username", "email", "first_name", "last_name")
    ordering = ("username",)
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        access = ["tenant", "role", "is_active", "is_staff"]
        if person(request).is_superuser:
            access.append("is_superuser")
        if obj is None:
            return [(None, {"fields": ("username", "usable_password", "password1", "password2", *access)})]
        if not person(request).is_superuser:
            access.remove("tenant")
        return [
            (None, {"fields": ("username", "password")}),
            ("Person", {"fields": ("first_name", "last_name", "email")}),
            ("Access", {"fields": access}),
            ("Dates", {"fields": ("last_login", "date_joined")}),
        ]


@admin.register(ApiKey)
class ApiKeyAdmin(PulseAdmin):
    """A key can be renamed, limited and switched off here; it is made where its text can be shown once."""

    least_role = Role.ADMINISTRATOR
    hidden = ("key_hash",)
    relations = ("tenant",)
    list_display = ("name", "prefix", "tenant", "active", "expires_at", "last_used_at")
    list_filter = ("tenant", "active")
    search_fields = ("name", "prefix")
    fields = ("tenant", "name", "prefix", "scopes", "active", "expires_at", "last_used_at")
    readonly_fields = ("prefix", "scopes", "last_used_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [self._json.get(str(name), name) for name in super().get_fields(request, obj)]


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    relations = ("tenant", "user")
    list_display = ("created_at", "user", "action", "target_table", "target_id", "tenant")
    list_filter = ("tenant", "created_at")
    search_fields = ("action__exact", "target_id__exact")
