"""The home page: what goes on, what wants looking after, and how work flows. It keeps itself up to date."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path, reverse

from etl.admin.flow_form import tenants_of
from etl.admin.home_figures import Home
from etl.admin.home_flow import flow_of
from etl.models import WorkItem
from pulse.tenancy.models import Tenant
from pulse.tenancy.scoping import person

admin.site.index_template = "etl/home.html"
admin.site.index_title = "Home"


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold's callback of the index page: what it shows first."""
    return {**context, "home": Home(request).told(), "now": reverse("home-now"), "flow": reverse("home-flow")}


def now_view(request: HttpRequest) -> HttpResponse:
    """What goes on now, as JSON."""
    return JsonResponse(Home(request).told())


def flow_view(request: HttpRequest) -> HttpResponse:
    """How work flows, as JSON: of the person's tenant, or of the only one they see."""
    tenant = _tenant(request)
    if tenant is None:
        return JsonResponse({"said": "These figures are of one tenant: choose it on the flow page.", "cards": []})
    return JsonResponse(flow_of(tenant, named=person(request).sees_all))


def _tenant(request: HttpRequest) -> Tenant | None:
    page, user = admin.site._registry[WorkItem], person(request)
    tenants = tenants_of(user) if page.has_view_permission(request) else []
    own = [tenant for tenant in tenants if tenant.pk == user.tenant_id]
    return own[0] if own else tenants[0] if len(tenants) == 1 else None


# Before the site's own, which would answer that there is no such page.
urlpatterns: list[URLPattern] = [
    path("now/", admin.site.admin_view(now_view), name="home-now"),
    path("flow/", admin.site.admin_view(flow_view), name="home-flow"),
]
