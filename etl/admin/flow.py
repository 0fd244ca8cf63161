"""The flow page: how work goes through, as charts whose points lead to the items behind them."""

from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from custommapping.errors import Refused
from etl.admin.flow_charts import Asked, page_of
from etl.admin.flow_form import FlowForm, tenants_of
from etl.metrics.asking import Period
from etl.metrics.flow import teams
from pulse.postgres.scope import tenant_scope
from pulse.tenancy.admin.base import PulseAdmin
from pulse.tenancy.scoping import person

MOST_TEAMS = 200
# The charts' names, titles, and what each says.
CHARTS = (
    ("cycle", "Cycle time", "From the first start of work to the last completion, of what was finished then."),
    ("lead", "Lead time", "From the first commitment (To Do) to the last completion."),
    ("throughput", "Throughput", "Items finished."),
    ("wip", "Work in progress", "Items that are in progress now."),
    ("ageing", "Ageing", "Each item in progress now, by its status, beside how long finished ones took."),
    ("review", "Time to first review", "From the opening of a pull request to the first review by another person."),
    ("pr_cycle", "Pull request cycle time", "From the first commit of a pull request to its merge."),
    ("merged", "Pull requests merged", "Those of people, not of bots."),
)

if TYPE_CHECKING:
    _Base = PulseAdmin
else:
    _Base = object


class FlowPages(_Base):
    """Adds the flow page to the pages of work items: for whoever may see these, of a tenant that they may see."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("flow/", view(self.flow_view), name="etl_workitem_flow"),
            path("flow/figures/", view(self.figures_view), name="etl_workitem_flow_figures"),
        ]
        urls: list[URLPattern] = [*own, *super().get_urls()]
        return urls

    def flow_view(self, request: HttpRequest) -> HttpResponse:
        """The filters as the address says, and places for the charts."""
        form = self._form(request)
        with tenant_scope(form.chosen.pk):
            known = teams(form.chosen.pk, MOST_TEAMS)
        request.current_app = self.admin_site.name
        shown = {
            **self.admin_site.each_context(request),
            "title": "Flow",
            "form": form,
            "teams": known,
            "charts": CHARTS,
            "figures": reverse("admin:etl_workitem_flow_figures"),
        }
        return TemplateResponse(request, "etl/operations/flow.html", shown)

    def figures_view(self, request: HttpRequest) -> HttpResponse:
        """The figures, as JSON; what is wrong with what was asked as ``{"errors": {field: […]}}``."""
        form = self._form(request)
        if not form.is_valid():
            return JsonResponse({"errors": form.errors}, status=400)
        said = form.cleaned_data
        named = form.chosen.pk if person(request).sees_all else None
        asked = Asked(form.question, named, Period(said["period"]), said["apart"], said["percentile"], form.projects)
        try:
            with tenant_scope(form.chosen.pk):
                return JsonResponse(page_of(asked))
        except Refused as error:
            return JsonResponse({"errors": error.errors}, status=400)

    def _form(self, request: HttpRequest) -> FlowForm:
        """Raises PermissionDenied where the person may not see it."""
        user = person(request)
        tenants = tenants_of(user) if self.has_view_permission(request) else []
        if not tenants:
            raise PermissionDenied("there is no tenant whose flow you may see")
        own = [tenant for tenant in tenants if tenant.pk == user.tenant_id]
        return FlowForm(request.GET, tenants, (own or tenants)[0])
