"""Pages of rows that a service saves and deletes: what it refuses is said at the fields of the form."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import messages
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from custommapping.errors import Refused
from etl.admin.mapping.rows import SeenField, as_text
from pulse.tenancy.admin.base import PulseAdmin, TenantForm
from pulse.tenancy.models import Tenant
from pulse.tenancy.scoping import person, visible_to

FORCE = "force"


class ServedForm(TenantForm):
    """``refused`` are the errors of a service that was asked to save what the form says, by field.

    A field ``force`` is offered where the service refused only until it is forced.
    """

    seen = SeenField(required=False, widget=forms.HiddenInput)
    refused: dict[str, str] = {}
    if TYPE_CHECKING:
        instance: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["seen"].initial = as_text(self.instance.last_updated_at) if self.instance.pk else ""
        if FORCE in self.fields and FORCE not in self.refused:
            self.fields[FORCE].widget = forms.HiddenInput()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        for name, message in self.refused.items():
            field = name.removesuffix("_id")
            self.add_error(field if field in self.fields else None, message)
        return cleaned

    def _get_validation_exclusions(self) -> set[str]:
        """With the tenant, of which all constraints are: the service says in words what a constraint only names."""
        return {*super()._get_validation_exclusions(), "tenant"}  # type: ignore[misc]


class ServedAdmin(PulseAdmin):
    """Base. A subclass says in `serve` and `remove` which services do it."""

    form = ServedForm
    relations: ClassVar[tuple[str, ...]] = ("tenant",)
    only_shown: ClassVar[tuple[str, ...]] = ()
    """What is shown to who may not change it."""

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """With the tenant, where the person sees only one."""
        seen = visible_to(person(request), Tenant.objects.all()).values_list("pk", flat=True)[:2]
        only = {"tenant": seen[0]} if len(seen) == 1 else {}
        return {**only, **super().get_changeform_initial_data(request)}

    def serve(self, row: Any, given: dict[str, Any], *, by: str, known: Any, seen: datetime | None) -> Model:
        """Saves what the form says: as a new row, or as the ``known`` one. Raises Refused."""
        raise NotImplementedError

    def remove(self, row: Any, *, by: str, force: bool) -> None:
        """Raises Refused where it is used, unless by ``force``."""
        raise NotImplementedError

    def get_actions(self, request: HttpRequest) -> Any:
        """Rows are deleted one by one, by the service."""
        return {name: action for name, action in super().get_actions(request).items() if name != "delete_selected"}

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return super().get_fields(request, obj) if self.has_change_permission(request, obj) else self.only_shown

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (
            super().get_readonly_fields(request, obj) if self.has_change_permission(request, obj) else self.only_shown
        )

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.refused = getattr(request, "refused", {})
        return form

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except Refused as error:
            # Nothing was saved: the form is shown again, with what it said.
            request.refused = error.errors  # type: ignore[attr-defined]
            return super().changeform_view(request, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        given, by = form.cleaned_data, person(request).username
        saved = self.serve(obj, given, by=by, known=obj if change else None, seen=given["seen"])
        obj.pk = saved.pk

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.remove(obj, by=person(request).username, force=FORCE in request.GET)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        try:
            return super().delete_view(request, object_id, extra_context)
        except Refused as error:
            told = "; ".join(error.errors.values())
            self.message_user(request, f"Not deleted: {told}. Confirm once more to force it.", messages.WARNING)
            return self._asked_again(request)

    def _asked_again(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(f"{request.path}?{FORCE}=1")
