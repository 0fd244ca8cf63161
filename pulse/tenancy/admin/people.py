"""Tenants' users and API keys."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from pulse.tenancy import keys
from pulse.tenancy.admin.account import zone_field
from pulse.tenancy.admin.base import PulseAdmin, TenantForm
from pulse.tenancy.models import ApiKey, Role, User
from pulse.tenancy.scoping import person

if TYPE_CHECKING:
    _UserAdmin = DjangoUserAdmin[User]
else:
    _UserAdmin = DjangoUserAdmin

# Roles say what a person may do; Django's groups and permissions are not used.
admin.site.unregister(Group)


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
            ("Person", {"fields": ("first_name", "last_name", "email", "time_zone")}),
            ("Access", {"fields": access}),
            ("Dates", {"fields": ("last_login", "date_joined")}),
        ]

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        return (
            zone_field() if db_field.name == "time_zone" else super().formfield_for_dbfield(db_field, request, **kwargs)
        )


class ApiKeyForm(TenantForm):
    """A key's scopes are written as words."""

    instance: ApiKey
    parts = forms.CharField(
        required=False,
        label="scopes",
        help_text="Parts of the API, as jobs or jobs:read, with commas between; empty: all of it.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["parts"].initial = ", ".join(map(str, self.instance.scopes))

    def clean_parts(self) -> list[str]:
        found = [word.strip() for word in self.cleaned_data["parts"].split(",") if word.strip()]
        if problem := keys.scopes_problem(found):
            raise ValidationError(problem)
        self.instance.scopes = found
        return found

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if "name" in cleaned and self.instance.pk and (problem := keys.name_problem(self.instance, cleaned["name"])):
            self.add_error("name", problem)
        return cleaned

    def clean_expires_at(self) -> Any:
        expires_at = self.cleaned_data["expires_at"]
        if "expires_at" in self.changed_data and (problem := keys.end_problem(expires_at)):
            raise ValidationError(problem)
        return expires_at


@admin.register(ApiKey)
class ApiKeyAdmin(PulseAdmin):
    """Administrators' business, as in the API. A key's text is shown once: when it was made, here or there."""

    form = ApiKeyForm
    least_reader = least_role = Role.ADMINISTRATOR
    hidden = ("key_hash",)
    relations = ("tenant",)
    list_display = ("name", "prefix", "tenant", "role", "active", "expires_at", "last_used_at")
    list_filter = ("tenant", "role", "active")
    search_fields = ("name", "prefix")
    readonly_fields = ("prefix", "created_by", "last_used_at")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        made = () if obj is None else ("active", *self.readonly_fields)
        return ("tenant", "name", "role", "parts", "expires_at", *made)

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        if change:
            keys.change_key(obj, {})
            return
        text = keys.create_key(obj, {}, by=person(request))
        messages.warning(request, f"The key, which is shown this once: {text}")

    def delete_model(self, request: HttpRequest, obj: ApiKey) -> None:
        keys.withdraw(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        with transaction.atomic():
            for key in queryset:
                keys.withdraw(key)
