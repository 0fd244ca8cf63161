"""Searching by meaning: a box, filters, and the rows that mean nearly the same, each with a link to its page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django import forms
from django.apps import apps
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from etl.admin.acting import ActingAdmin
from etl.admin.flow_form import tenants_of
from etl.embedding import search
from etl.embedding.search import Match
from etl.embedding.store import Hit
from etl.embedding.texts import EMBEDDED_TABLES
from integrations.errors import StageError
from integrations.models import Integration
from integrations.registry import get_provider, provider_names
from pulse.tenancy.models import User
from pulse.tenancy.scoping import person, visible_to

if TYPE_CHECKING:
    _Base = ActingAdmin
else:
    _Base = object

USUAL, MOST = 20, 100
LONGEST = 2000
MOST_CHOICES = 1000


def model_of(table: str) -> type[Model]:
    """Whose table it is, of those whose texts are embedded."""
    return {model._meta.db_table: model for model in apps.get_models()}[table]


def name_of(table: str) -> str:
    """What a row of the table is called."""
    return str(model_of(table)._meta.verbose_name)


@dataclass(frozen=True)
class Result:
    """A row that was found: ``kind`` says what it is, ``score`` is 1 where it means the same."""

    score: float
    title: str
    kind: str
    integration: str
    address: str


def results(tenant_id: int, hits: Sequence[Hit]) -> list[Result]:
    """The tenant's rows that the hits are of, the nearest first."""
    found = search.matches(tenant_id, hits)
    ids = {match.integration_id for match in found}
    names = dict(Integration.objects.filter(tenant_id=tenant_id, pk__in=ids).values_list("pk", "name"))
    return [_result(match, names) for match in found]


def _result(match: Match, names: Mapping[int, str]) -> Result:
    options = model_of(match.table_name)._meta
    address = reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[match.id])
    return Result(match.score, match.title, name_of(match.table_name), names.get(match.integration_id, ""), address)


def _choice(label: str) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, required=False, widget=UnfoldAdminSelectWidget)


class SearchForm(forms.Form):
    """What is looked for. Superusers who look at all tenants say in which one."""

    q = forms.CharField(
        label="What you look for", max_length=LONGEST, widget=UnfoldAdminTextInputWidget({"type": "search"})
    )
    tenant = _choice("Tenant")
    integration = _choice("Integration")
    table_name = _choice("Kind")
    source_type = _choice("Source")
    limit = forms.IntegerField(min_value=1, max_value=MOST, required=False, widget=forms.HiddenInput)

    def __init__(self, user: User, said: Any) -> None:
        super().__init__(said or None, auto_id="search_%s")
        self._user, self._tenants = user, tenants_of(user)
        own = visible_to(user, Integration.objects.order_by("name"))
        integrations = list(own.values_list("pk", "name", "tenant_id")[:MOST_CHOICES])
        self._tenant_of = {str(pk): tenant_id for pk, _, tenant_id in integrations}
        self._offer("integration", "All", [(pk, name) for pk, name, _ in integrations])
        self._offer("table_name", "All", [(table, name_of(table).capitalize()) for table in EMBEDDED_TABLES])
        sources = sorted({get_provider(name).source_type for name in provider_names()})
        self._offer("source_type", "All", [(source, source.title()) for source in sources])
        if len(self._tenants) > 1:
            self._offer("tenant", "Choose", [(tenant.pk, tenant.name) for tenant in self._tenants])
        else:
            del self.fields["tenant"]

    def _offer(self, name: str, nothing: str, choices: Sequence[tuple[Any, str]]) -> None:
        field = self.fields[name]
        field.choices = [("", nothing), *choices]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        owner = self._tenant_of.get(cleaned.get("integration", ""))
        chosen = int(cleaned["tenant"]) if cleaned.get("tenant") else None
        if owner is not None and chosen not in (None, owner):
            self.add_error("integration", "It is another tenant's.")
        only = self._tenants[0].pk if len(self._tenants) == 1 else None
        cleaned["tenant_id"] = chosen or owner or only
        if cleaned["tenant_id"] is None:
            self.add_error("tenant" if "tenant" in self.fields else None, "Say in which tenant to search.")
        return cleaned

    @property
    def limit_said(self) -> int:
        return self.cleaned_data["limit"] or USUAL

    def find(self) -> list[Result]:
        """The form is valid. Raises a StageError."""
        said = self.cleaned_data
        hits = search.search(
            said["tenant_id"],
            said["q"],
            limit=self.limit_said,
            table_name=said["table_name"],
            integration_id=int(said["integration"] or 0),
            source_type=said["source_type"],
        )
        return results(said["tenant_id"], hits)


def found(form: SearchForm) -> dict[str, Any]:
    """What the page shows: ``results`` is None where nothing was asked, or not rightly."""
    if not form.is_valid():
        return {"results": None, "problem": "", "more_address": ""}
    try:
        shown = form.find()
    except StageError as error:
        return {"results": None, "problem": str(error), "more_address": ""}
    more = len(shown) >= form.limit_said < MOST
    return {"results": shown, "problem": "", "more_address": f"?{_asked_for_more(form)}" if more else ""}


def _asked_for_more(form: SearchForm) -> str:
    said = {name: form.cleaned_data[name] for name in form.fields if form.cleaned_data.get(name)}
    return urlencode({**said, "limit": MOST})


class SearchPages(_Base):
    """Adds the page of the search to the pages of a model's rows."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.search_view)
        return [path("search/", view, name=self.page_name("search")), *super().get_urls()]

    def search_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = SearchForm(person(request), request.GET)
        request.current_app = self.admin_site.name
        shown = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Search by meaning",
            "form": form,
            **found(form),
        }
        return TemplateResponse(request, "etl/operations/search.html", shown)
