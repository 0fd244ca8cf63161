"""Letting go of a connection or a tenant: what is asked first, and how far the erasing is."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.widgets import UnfoldAdminTextInputWidget

from etl.admin.acting import page_of
from etl.admin.parts import answer
from etl.erasing import asking
from pulse.tenancy.admin.base import PulseAdmin, ReadOnlyAdmin
from pulse.tenancy.admin.shown import state_column
from pulse.tenancy.admin.tenants import TenantAdmin
from pulse.tenancy.models import Erasure, Role, Tenant
from pulse.tenancy.scoping import has_role, person

KEEP, ERASE = "keep", "erase"

if TYPE_CHECKING:
    _Base = PulseAdmin
else:
    _Base = object


class EraseForm(forms.Form):
    """What is to become of it, and its name as a proof that it is the one that is meant."""

    what = forms.ChoiceField(label="What is to become of the data", widget=forms.RadioSelect)
    name = forms.CharField(label="Its name", widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}))

    def __init__(self, name: str, keeps: str, erases: str, given: object = None) -> None:
        super().__init__(given, initial={"what": KEEP})  # type: ignore[arg-type]  # QueryDict or None
        self._name = name
        self.fields["what"].choices = [(KEEP, keeps), (ERASE, erases)]  # type: ignore[attr-defined]
        self.fields["name"].help_text = f"Type {name} to confirm."

    def clean_name(self) -> str:
        typed: str = self.cleaned_data["name"]
        if typed != self._name:
            raise forms.ValidationError(f"{typed!r} is not its name, which is {self._name!r}.")
        return typed


class ErasePages(_Base):
    """Adds the page that lets go of a row. A subclass says who may, what it is called, and what is done."""

    keeps, erases = "", ""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.erase_view)
        name = f"{self.opts.app_label}_{self.opts.model_name}_erase"
        urls: list[URLPattern] = [path("<int:pk>/erase/", view, name=name), *super().get_urls()]
        return urls

    def may_erase(self, request: HttpRequest, row: Any) -> bool:
        return self.has_change_permission(request, row)

    def erase(self, row: Any, by: str) -> Erasure:
        raise NotImplementedError

    def let_rest(self, row: Any) -> None:
        raise NotImplementedError

    def erase_address(self, request: HttpRequest, row: Any) -> str | None:
        """None where the person may not."""
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_erase"
        return reverse(name, args=[row.pk]) if self.may_erase(request, row) else None

    def erase_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Asks what is to become of the data, and has it done."""
        row = self.get_queryset(request).filter(pk=pk).first() if self.has_view_permission(request) else None
        if row is None:
            raise Http404(f"there is no {self.opts.verbose_name} {pk}")
        if not self.may_erase(request, row):
            raise PermissionDenied
        form = EraseForm(str(row), self.keeps, self.erases, request.POST if request.method == "POST" else None)
        if form.is_valid():
            return HttpResponseRedirect(self._done(request, row, form.cleaned_data["what"]))
        request.current_app = self.admin_site.name
        shown = {"opts": self.opts, "title": f"Let go of {row}", "form": form, "back": page_of(row)}
        context = {**self.admin_site.each_context(request), **shown}
        return TemplateResponse(request, "etl/operations/erase.html", context)

    def _done(self, request: HttpRequest, row: Any, what: str) -> str:
        """Where it leads."""
        if what == ERASE:
            return page_of(self.erase(row, person(request).username))
        self.let_rest(row)
        messages.success(request, f"{row} is disconnected. Its data is kept.")
        return page_of(row)


admin.site.unregister(Tenant)


@admin.register(Tenant)
class ErasableTenantAdmin(ErasePages, TenantAdmin):
    """Packages below know nothing of what is erased with a tenant: what the page needs is added here."""

    keeps = "Keep it: deactivate the tenant. None of it logs in, no job runs, its connections forget their secrets."
    erases = "Erase it, with the tenant, its people, its connections and their history. It cannot be taken back."
    change_form_outer_before_template = "etl/operations/erase_link.html"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        tenant = self.get_object(request, object_id)
        more = erase_link(self.erase_address, request, tenant, tenant.pk, None) if tenant is not None else {}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})

    def may_erase(self, request: HttpRequest, row: Any) -> bool:
        return person(request).sees_all and super().may_erase(request, row)

    def erase(self, row: Tenant, by: str) -> Erasure:
        return asking.erase_tenant(row, by=by)

    def let_rest(self, row: Tenant) -> None:
        asking.deactivate(row)


def erase_link(
    address: Callable[[HttpRequest, Any], str | None],
    request: HttpRequest,
    row: Any,
    tenant_id: int,
    integration_id: int | None,
) -> dict[str, Any]:
    """What a row's page shows of it: the erasure that is under way, or the way to one; nothing to who may not."""
    may_see = has_role(person(request), Role.ADMINISTRATOR)
    going_on = asking.under_way(tenant_id, integration_id) if may_see else None
    return {
        "erasure": going_on,
        "erasure_address": page_of(going_on) if going_on else None,
        "erase_address": None if going_on else address(request, row),
    }


@admin.register(Erasure)
class ErasureAdmin(ReadOnlyAdmin):
    """What is being erased, and what was."""

    least_reader = Role.ADMINISTRATOR
    relations = ("tenant",)
    list_display = ("name", "tenant", state_column("state"), "asked_by", "created_at", "finished_at")
    list_filter = ("tenant", "state")
    search_fields = ("name__exact", "asked_by__exact")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """How far it is; keeps itself up to date."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        erasure = self.get_object(request, object_id)
        if erasure is None:
            raise Http404(f"there is no erasure {object_id}")
        tables = sorted(erasure.deleted.items())
        what = "connection" if erasure.integration_id else "tenant"
        return answer(self, request, "erasure", f"Erasure of {erasure.name}", erasure=erasure, tables=tables, what=what)
