"""Pages of whoever is logged in: the own account, the tenant that a superuser looks at, and tenants' pictures."""

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import Resolver404, URLPattern, path, resolve, reverse
from unfold.widgets import UnfoldAdminSelectWidget

from pulse.tenancy import audit, choosing
from pulse.tenancy.admin.pictures import picture_answer
from pulse.tenancy.models import TenantLogo, User
from pulse.tenancy.scoping import person, visible_to
from pulse.tenancy.time_zones import zone_names


def zone_field() -> forms.ChoiceField:
    """A choice among all time zones there are."""
    return forms.ChoiceField(
        choices=[("", "Not chosen (UTC)"), *((name, name.replace("_", " ")) for name in zone_names())],
        required=False,
        label="Time zone",
        help_text="Times on these pages are shown in it. The API speaks UTC.",
        widget=UnfoldAdminSelectWidget,
    )


class AccountForm(forms.Form):
    """What people say of themselves."""

    def __init__(self, user: User, given: object = None) -> None:
        super().__init__(given, initial={"time_zone": user.time_zone})  # type: ignore[arg-type]  # QueryDict or None
        self.fields["time_zone"] = zone_field()


def account_view(request: HttpRequest) -> HttpResponse:
    """Who one is, and the own time zone."""
    user = person(request)
    form = AccountForm(user, request.POST if request.method == "POST" else None)
    if form.is_valid():
        _save_time_zone(user, form.cleaned_data["time_zone"])
        messages.success(request, "Saved.")
        return HttpResponseRedirect(reverse("account"))
    shown = {**admin.site.each_context(request), "title": "Your account", "form": form, "account": user}
    return TemplateResponse(request, "tenancy/account.html", shown)


def _save_time_zone(user: User, name: str) -> None:
    changes = audit.differences({"time_zone": user.time_zone}, {"time_zone": name})
    user.time_zone = name
    with transaction.atomic():
        user.save(update_fields=["time_zone", "last_updated_at"])
        audit.note("user.changed", user, changes)


def choose_view(request: HttpRequest) -> HttpResponse:
    """Looks at one tenant, or at all, from now on."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    user, wanted = person(request), request.POST.get("tenant", "")
    if not user.is_superuser:
        raise PermissionDenied
    found = {str(tenant.pk): tenant for tenant in choosing.offered(user)}
    if wanted and wanted not in found:
        messages.error(request, f"There is no tenant {wanted[:20]}.")
    else:
        choosing.choose(request, found.get(wanted))
    return HttpResponseRedirect(_landing(request.POST.get("next", "")))


def _landing(asked: str) -> str:
    """The page that it was chosen on; the first one in place of a page about a row, which may be another tenant's."""
    index = reverse("admin:index")
    try:
        match = resolve(asked)
    except Resolver404:
        return index
    return asked if asked.startswith(index) and not (match.args or match.kwargs) else index


def logo_view(request: HttpRequest, pk: int) -> HttpResponse:
    """A tenant's picture, for who may see the tenant."""
    logo = get_object_or_404(visible_to(person(request), TenantLogo.objects.all()), tenant=pk)
    return picture_answer(logo)


# Before the site's own, which would answer that there is no such page.
urlpatterns: list[URLPattern] = [
    path("", admin.site.admin_view(account_view), name="account"),
    path("tenant/", admin.site.admin_view(choose_view), name="choose-tenant"),
    path("logo/<int:pk>/", admin.site.admin_view(logo_view), name="tenant-logo"),
]
