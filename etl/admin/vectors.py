"""The page of vectors: whether the store answers, what it holds of each tenant, and how far that is from the rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from etl.admin import parts
from etl.admin.acting import ActingAdmin, Button, is_unconfirmed, trigger_of
from etl.admin.flow_form import tenants_of
from etl.doctor import vectors as doctor
from etl.doctor.results import Found, State
from etl.embedding import inspecting
from etl.embedding.inspecting import Collection, Counted
from etl.embedding.texts import EMBEDDED_TABLES
from etl.models import EtlJobRun, Verification
from etl.verification import verify
from etl.verification.drift import Drift, drift
from etl.verification.reembedding import reembed
from integrations.errors import StageError
from integrations.models import Integration
from pulse.numbers import row_id
from pulse.tenancy.models import Tenant, User
from pulse.tenancy.scoping import person, visible_to

if TYPE_CHECKING:
    _Base = ActingAdmin
else:
    _Base = object

SHOWN_TENANTS = 50


def _repaired(integration: Integration, user: User) -> Verification:
    return verify.request(integration, trigger=trigger_of(user), repairs=True)


REPAIR = Button("repair", "Verify and repair", "put down to be verified and repaired", _repaired)


def _reembedding(tables: Sequence[str], question: str) -> Button:
    """The button that has all texts of these tables of an integration embedded anew."""

    def act(integration: Integration, user: User) -> EtlJobRun:
        return reembed(integration, tables, trigger=trigger_of(user))

    return Button("reembed", "Re-embed", f"queued to be embedded anew ({', '.join(tables)})", act, question=question)


@dataclass(frozen=True)
class TableCounts:
    """One table of one integration; ``question`` is asked before its rows are embedded anew."""

    counted: Counted
    question: str

    @property
    def waiting(self) -> int:
        return self.counted.pending + self.counted.processing


@dataclass(frozen=True)
class IntegrationCounts:
    integration: Integration
    tables: Sequence[TableCounts]
    question: str


@dataclass(frozen=True)
class TenantVectors:
    """``completed`` is how many points the rows speak of. ``problem``: why the store could not be asked."""

    tenant: Tenant
    collections: Sequence[Collection] = ()
    integrations: Sequence[IntegrationCounts] = ()
    problem: str = ""
    completed: int = field(default=0)

    @property
    def points(self) -> int:
        return sum(one.points for one in self.collections)

    @property
    def difference(self) -> int:
        return self.points - self.completed

    @property
    def waiting(self) -> int:
        return sum(table.waiting for one in self.integrations for table in one.tables)


def overview(user: User) -> dict[str, Any]:
    """The health of the store, and what there is of each tenant that the person may see."""
    found, tenants = health(), tenants_of(user)
    asked = found.state != State.FAILED
    return {
        "health": found,
        "tenants": [_of_tenant(tenant, ask_store=asked) for tenant in tenants[:SHOWN_TENANTS]],
        "left_out": max(0, len(tenants) - SHOWN_TENANTS),
    }


def health() -> Found:
    return doctor.store()


def _of_tenant(tenant: Tenant, *, ask_store: bool) -> TenantVectors:
    counted = inspecting.counts(tenant.pk)
    known = Integration.objects.filter(tenant=tenant, pk__in={one.integration_id for one in counted}).order_by("name")
    integrations = [_of_integration(one, counted) for one in known]
    completed = sum(one.completed for one in counted)
    shown = TenantVectors(tenant, integrations=integrations, completed=completed)
    if not ask_store:
        return replace(shown, problem="The store does not answer.")
    try:
        return replace(shown, collections=inspecting.collections(tenant.pk))
    except StageError as error:
        return replace(shown, problem=str(error))


def _of_integration(integration: Integration, counted: Sequence[Counted]) -> IntegrationCounts:
    own = [one for one in counted if one.integration_id == integration.pk]
    tables = [TableCounts(one, question_of(integration, [one])) for one in own]
    return IntegrationCounts(integration, tables, question_of(integration, own))


def question_of(integration: Integration, counted: Sequence[Counted]) -> str:
    """What is asked before these tables' rows are embedded anew."""
    count = sum(one.completed + one.failed + one.cancelled for one in counted)
    tables = ", ".join(one.table_name for one in counted)
    return (
        f"Embed about {count} texts of {integration.name} ({tables}) anew? The vectors that are there are found until "
        "then."
    )


class VectorPages(_Base):
    """Adds the page of vectors, and that of the drift of one integration, to the pages of a model's rows."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("overview/", view(self.overview_view), name=self.page_name("overview")),
            path("drift/<int:pk>/", view(self.drift_view), name=self.page_name("drift")),
        ]
        return [*own, *super().get_urls()]

    def overview_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            return self._reembed(request)
        user = person(request)
        shown = {
            **overview(user),
            "operates": self.has_operate_permission(request),
            "shows_tenants": user.sees_all,
            "tells_more": user.is_superuser,
        }
        return parts.answer(self, request, "vectors", "Vectors, compared", **shown)

    def _reembed(self, request: HttpRequest) -> HttpResponse:
        """All rows of the table that the form names, or of all tables, of an integration."""
        said = request.POST.get("integration", "")
        if (pk := row_id(said)) is None:
            raise Http404(f"there is no integration {said[:50]!r}")
        integration, tables = self._integration(request, pk), _tables(request)
        if not self.has_operate_permission(request):
            raise PermissionDenied
        counted = inspecting.counts(integration.tenant_id, integration.pk)
        question = question_of(integration, [one for one in counted if one.table_name in tables])
        button = _reembedding(tables, question)
        if is_unconfirmed(request, button):
            return self.ask(request, button, [integration], back=self.address("overview"))
        self.press(request, button, [integration])
        return HttpResponseRedirect(self.address("overview"))

    def _integration(self, request: HttpRequest, pk: int) -> Integration:
        """Raises Http404 where the person sees none of that id."""
        own = visible_to(person(request), Integration.objects.select_related("tenant"))
        found = own.filter(pk=pk).first()
        if found is None:
            raise Http404(f"there is no integration {pk}")
        return found

    def drift_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Compares all points of an integration with its rows; its button has what differs repaired."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        integration = self._integration(request, pk)
        if request.method == "POST":
            if not self.has_operate_permission(request):
                raise PermissionDenied
            self.press(request, REPAIR, [integration])
            return HttpResponseRedirect(self.address("drift", integration.pk))
        request.current_app = self.admin_site.name
        shown = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Vectors of {integration.name}, compared",
            "integration": integration,
            "back": self.address("overview"),
            "operates": self.has_operate_permission(request),
            **_drift(integration),
        }
        return TemplateResponse(request, "etl/operations/drift.html", shown)


def _drift(integration: Integration) -> Mapping[str, Any]:
    try:
        found = drift(integration)
    except StageError as error:
        return {"drift": Drift((), ()), "problem": str(error)}
    return {"drift": found, "problem": ""}


def _tables(request: HttpRequest) -> list[str]:
    """Raises Http404 where there is no such table."""
    table = request.POST.get("table", "")
    if table and table not in EMBEDDED_TABLES:
        raise Http404(f"no texts of {table[:50]!r} are embedded")
    return [table] if table else list(EMBEDDED_TABLES)
