"""Pages of stored answers, and of rows that came of them: what an answer became, where a row comes from."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import BadRequest, PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from etl.admin.acting import page_of
from etl.admin.explained import Explained
from etl.admin.lineage import answers, comes_from, of_answer, telling_of
from pulse.numbers import row_id
from pulse.tenancy.admin.base import PulseAdmin
from pulse.tenancy.scoping import person

if TYPE_CHECKING:
    _Base = PulseAdmin
else:
    _Base = object

STYLES = ("etl/operations.css", "etl/json_viewer.css", "etl/traced.css")


def _module(path: str) -> Any:
    return forms.Script(path, type="module")


class JsonPages(_Base):
    """Shows JSON as a tree that folds and is searched."""

    @property
    def media(self) -> forms.Media:
        return super().media + forms.Media(css={"all": STYLES}, js=[_module("etl/json_pages.js")])


class AnswerFilter(admin.SimpleListFilter):
    """Narrows a list to what came of a stored answer, and leads out of that: answers are too many to be offered."""

    title = "stored answer"
    parameter_name = "answer"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(said, f"answer {said}")] if (said := self.value()) else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Raises IncorrectLookupParameters, naming the value, where it is no id."""
        said = self.value()
        if not said:
            return queryset
        if (pk := row_id(said)) is None:
            raise IncorrectLookupParameters(f"{said[:50]!r} is no number of an answer")
        answer = answers(person(request)).filter(pk=pk).first()
        return queryset.none() if answer is None else of_answer(queryset, answer)


class TracedPages(JsonPages):
    """The page of a row says where it comes from, and explains its metrics; one more lists all that tells of it."""

    explains: Callable[[Any], Explained]
    change_form_outer_before_template = "etl/operations/explained.html"

    @property
    def media(self) -> forms.Media:
        return super().media + forms.Media(js=[_module("etl/time_line.js")])

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.answers_view)
        name = f"{self.opts.app_label}_{self.opts.model_name}_answers"
        urls: list[URLPattern] = [path("<int:pk>/answers/", view, name=name), *super().get_urls()]
        return urls

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        more = self.traced(request, row) if row is not None and self.has_view_permission(request, row) else {}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})

    def traced(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """What the page of a row shows besides its fields."""
        return {
            "explained": type(self).explains(row),
            "origins": comes_from(person(request), row),
            "answers_address": self._answers_address(row),
        }

    def _answers_address(self, row: Any) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_answers", args=[row.pk])

    def answers_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The stored answers that tell of the row, the newest first, from ``before`` on."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self.get_queryset(request).filter(pk=pk).first()
        if row is None:
            raise Http404(f"there is no {self.opts.verbose_name} {pk}")
        said = request.GET.get("before", "")
        before = row_id(said)
        if said and before is None:
            raise BadRequest(f"before is {said[:50]!r}: expected the number of an answer")
        request.current_app = self.admin_site.name
        shown = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Answers that tell of {row}",
            "row": row,
            "back": page_of(row),
            "found": telling_of(person(request), row, before),
            "address": self._answers_address(row),
        }
        return TemplateResponse(request, "etl/operations/answers.html", shown)
