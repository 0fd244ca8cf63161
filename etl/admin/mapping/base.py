"""What pages about mappings share: a page per integration, beside the list of rows."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from etl.jobs import discovery
from etl.jobs.lifecycle import IllegalTransition
from etl.models import EtlJobRun, RunKind
from integrations.models import Integration
from integrations.registry import get_provider, provider_names
from pulse.numbers import row_id
from pulse.tenancy.admin.base import PulseAdmin
from pulse.tenancy.admin.shown import STATE_COLOURS
from pulse.tenancy.scoping import has_role, person, visible_to

TEMPLATES = "etl/mapping"
# The pages of an integration: model and title.
TABS = (
    ("customfield", "Custom fields"),
    ("customfieldmapping", "Mapping of fields"),
    ("statusmapping", "Statuses"),
    ("witmapping", "Types"),
)
# More would be a list of its own: the filter by integration finds the others.
SHOWN_CONNECTIONS = 20


def mappable(request: HttpRequest) -> "list[Integration]":
    """The integrations with sites that have custom fields, as far as the person may see them; the first ones.

    Only the one that the list is filtered by, where it is. Each with its last discovery's id, state and end.
    """
    kinds = [name for name in provider_names() if get_provider(name).fields_step]
    last = EtlJobRun.objects.filter(integration=OuterRef("pk"), kind=RunKind.DISCOVERY).order_by("-id")
    rows = visible_to(person(request), Integration.objects.filter(provider__in=kinds)).select_related("tenant")
    chosen = row_id(request.GET.get("integration__id__exact", ""))
    if chosen is not None:
        rows = rows.filter(pk=chosen)
    found = rows.annotate(
        run_id=Subquery(last.values("id")[:1]),
        run_status=Subquery(last.values("status")[:1]),
        run_finished_at=Subquery(last.values("finished_at")[:1]),
    )
    return list(found.order_by("tenant__name", "name")[:SHOWN_CONNECTIONS])


def run_link(run: EtlJobRun) -> str:
    """ "run 12", which leads to its page."""
    address = reverse("admin:etl_etljobrun_change", args=[run.pk])
    return format_html('<a class="underline" href="{}">run {}</a>', address, run.pk)


class IntegrationPages(PulseAdmin):
    """Base of pages that are about an integration as a whole. Each has an address of its own, ``of/ID/``.

    A subclass says in `look` what is shown there, and in `act` what its buttons do. The list has the integrations
    above its rows (``panel``, a template), with a link to the page of each.
    """

    class Media:
        css = {"all": ("etl/mapping.css",)}

    panel = ""
    list_before_template = f"{TEMPLATES}/panel.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.integration_view)
        own = [path("of/<int:integration_id>/", view, name=self.page_name("of"))]
        urls: list[URLPattern] = [*own, *super().get_urls()]
        return urls

    def page_name(self, page: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{page}"

    def address(self, integration: Integration, page: str = "of") -> str:
        return reverse(f"admin:{self.page_name(page)}", args=[integration.pk])

    def list_address(self, integration: Integration) -> str:
        """The list, of that integration's rows."""
        address = reverse(f"admin:{self.page_name('changelist')}")
        return f"{address}?integration__id__exact={integration.pk}"

    # The list

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        more = {
            "connections": [self.entry(request, integration) for integration in mappable(request)],
            "panel": f"{TEMPLATES}/{self.panel}.html",
            "may_operate": self.may_operate(request),
        }
        shown: HttpResponse = super().changelist_view(request, {**(extra_context or {}), **more})
        return shown

    def entry(self, request: HttpRequest, integration: Integration) -> dict[str, Any]:
        """What the panel shows of an integration."""
        colour = STATE_COLOURS.get(getattr(integration, "run_status", "") or "", "info")
        return {"integration": integration, "address": self.address(integration), "colour": colour}

    # The page of one integration

    def may_operate(self, request: HttpRequest) -> bool:
        """Whether the person may press buttons; adding and deleting rows may be out of the question all the same."""
        return self.has_view_permission(request) and has_role(person(request), self.least_role)

    def integration(self, request: HttpRequest, integration_id: int) -> Integration:
        """Raises PermissionDenied, and Http404 where the person sees none of that id."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = visible_to(person(request), Integration.objects.select_related("tenant"))
        found = rows.filter(pk=integration_id).first()
        if found is None:
            raise Http404(f"there is no integration {integration_id}")
        return found

    def integration_view(self, request: HttpRequest, integration_id: int) -> HttpResponse:
        integration = self.integration(request, integration_id)
        if request.method != "POST":
            return self.look(request, integration)
        if not self.may_operate(request):
            raise PermissionDenied
        return self.act(request, integration)

    def look(self, request: HttpRequest, integration: Integration) -> HttpResponse:
        raise NotImplementedError

    def act(self, request: HttpRequest, integration: Integration) -> HttpResponse:
        raise NotImplementedError

    def shown(self, request: HttpRequest, integration: Integration, template: str, **context: Any) -> TemplateResponse:
        request.current_app = self.admin_site.name
        common = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"{self.opts.verbose_name_plural} of {integration}",
            "integration": integration,
            "address": self.address(integration),
            "tabs": [self._tab(*tab, integration) for tab in TABS],
            "may_operate": self.may_operate(request),
        }
        return TemplateResponse(request, f"{TEMPLATES}/{template}.html", {**common, **context})

    def _tab(self, model: str, title: str, integration: Integration) -> dict[str, Any]:
        address = reverse(f"admin:custommapping_{model}_of", args=[integration.pk])
        return {"title": title, "address": address, "current": model == self.opts.model_name}


class RowOfIntegration(IntegrationPages):
    """Base of rows that are changed on their integration's page only: all of them at once, by one service."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """A row is shown on its integration's page."""
        if object_id is None:
            raise PermissionDenied
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404(f"there is no {self.opts.verbose_name} {object_id}")
        if request.method == "POST" and not self.may_operate(request):
            raise PermissionDenied
        return self.look(request, row.integration)


def discover(page: PulseAdmin, request: HttpRequest, integrations: Sequence[Integration]) -> None:
    """Queues a discovery of each, and tells the person of it."""
    for integration in integrations:
        try:
            job = integration.jobs.order_by("id")[0]
            run = discovery.request(job, f"admin: {person(request).username}"[:50])
        except IllegalTransition as error:
            page.message_user(request, f"Nothing was queued: {error}.", messages.ERROR)
        else:
            text = format_html("{}: queued for extraction and transform, as {}.", integration, run_link(run))
            page.message_user(request, text, messages.SUCCESS)


def back_to(address: str) -> HttpResponseRedirect:
    return HttpResponseRedirect(address)
