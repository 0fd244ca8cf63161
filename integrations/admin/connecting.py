"""The way to a new connection: its kind, its settings with a check, what is read, and it is there.

Plain forms, one after another. What was typed waits in the session, encrypted, until it is saved.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from integrations.admin import draft as drafts
from integrations.admin.draft import Draft
from integrations.admin.findings import findings
from integrations.admin.scope_form import ScopeForm
from integrations.checking import check_integration, containers_of
from integrations.models import Integration
from integrations.registry import get_provider, provider_names
from integrations.saving import save_integration
from pulse.tenancy.admin.base import PulseAdmin
from pulse.tenancy.models import Tenant
from pulse.tenancy.scoping import person, visible_to

CHECK = "check"
TEMPLATES = "integrations"

if TYPE_CHECKING:
    _Base = PulseAdmin
else:
    _Base = object


class ConnectPages(_Base):
    """The steps, in place of Django's page to add a row, of which the second one is a part."""

    add_form_template = f"{TEMPLATES}/connect_settings.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("add/scope/", view(self.scope_view), name="integrations_integration_scope"),
            path("<int:pk>/check/", view(self.check_view), name="integrations_integration_check"),
        ]
        urls: list[URLPattern] = [*own, *super().get_urls()]
        return urls

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """First the kinds there are, then the settings of the one that was chosen."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        chosen = request.POST.get("provider") or request.GET.get("provider")
        if chosen is None:
            return self._page(request, "connect_kind", "Connect a site", kinds=_kinds(), step=1)
        if CHECK in request.POST and self._checked(request):
            return HttpResponseRedirect(reverse("admin:integrations_integration_scope"))
        provider = get_provider(chosen) if chosen in provider_names() else None
        more = {"title": f"Connect {provider.label}" if provider else "Connect a site", "step": 2}
        return super().add_view(request, form_url, {**(extra_context or {}), **more})

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Who comes back finds what they typed, without the secrets."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        draft = self._draft(request)
        if draft is None:
            return initial
        typed = {f"setting_{name}": text for name, text in self.typed(request).items()}
        return {**initial, "tenant": draft.tenant_id, "name": draft.name, "active": draft.active, **typed}

    def _draft(self, request: HttpRequest) -> Draft | None:
        """That of the kind of site which the page is about."""
        draft = drafts.kept(request)
        return draft if draft and draft.provider == request.GET.get("provider") else None

    def typed(self, request: HttpRequest) -> Mapping[str, str]:
        """The settings that somebody typed who comes back; secrets are not among them."""
        draft = self._draft(request)
        return draft.settings if draft else {}

    def _checked(self, request: HttpRequest) -> bool:
        """Whether what was typed can be a connection; what the site says of it is then kept with it."""
        form = self.get_form(request, None)(request.POST)
        if not form.is_valid():
            return False
        integration = form.save(commit=False)
        drafts.keep(request, Draft.of(integration, check_integration(integration)))
        return True

    def scope_view(self, request: HttpRequest) -> HttpResponse:
        """What the check found, and what is to be read; then it is saved."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        draft = drafts.kept(request)
        start = reverse("admin:integrations_integration_add")
        if draft is None or not visible_to(person(request), Tenant.objects.filter(pk=draft.tenant_id)).exists():
            return HttpResponseRedirect(start)
        provider = get_provider(draft.provider)
        given = request.POST if request.method == "POST" else None
        typed = draft.settings.get(provider.containers_setting, "")
        form = ScopeForm(draft.projects, provider.containers, given, typed)
        if form.is_valid() and (made := self._made(request, draft, form)):
            return HttpResponseRedirect(reverse("admin:integrations_integration_change", args=[made.pk]))
        shown = {
            "form": form,
            "found": _found(draft.integration(), draft),
            "back": f"{start}?provider={draft.provider}",
            "containers": provider.containers,
            "answered": bool(draft.account),
            "step": 3,
        }
        return self._page(request, "connect_scope", f"Connect {draft.name}", **shown)

    def _made(self, request: HttpRequest, draft: Draft, form: ScopeForm) -> Integration | None:
        """The saved integration; None, with a message, where it cannot be saved any more."""
        setting = get_provider(draft.provider).containers_setting
        integration = draft.integration(**({setting: form.chosen} if form.chosen is not None else {}))
        try:
            with transaction.atomic():
                integration.full_clean()
                save_integration(integration)
        except ValidationError as error:
            for said in error.messages:
                messages.error(request, said)
            return None
        drafts.forget(request)
        self.log_addition(request, integration, [{"added": {}}])
        messages.success(request, f"{integration} is connected.")
        return integration

    def check_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What the site says of a connection that is there."""
        integration = self.get_queryset(request).filter(pk=pk).first() if self.has_change_permission(request) else None
        if integration is None:
            raise PermissionDenied
        back = reverse("admin:integrations_integration_change", args=[pk])
        if request.method != "POST":
            return HttpResponseRedirect(back)
        found = _found(integration, Draft.of(integration, check_integration(integration)))
        return self._page(request, "checked", f"Check of {integration}", found=found, back=back)

    def _page(self, request: HttpRequest, template: str, title: str, **shown: Any) -> HttpResponse:
        request.current_app = self.admin_site.name
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": title, **shown}
        return TemplateResponse(request, f"{TEMPLATES}/{template}.html", context)


def _kinds() -> list[dict[str, str]]:
    known = [get_provider(name) for name in provider_names()]
    return [{"name": one.name, "label": one.label, "summary": one.summary} for one in known]


def _found(integration: Integration, said: Draft) -> list[Any]:
    containers = containers_of(integration)
    return findings(said.site, said.account, said.deployment, containers, said.projects, said.problems)
