"""What is similar to a work item or pull request, by the vector that is stored for it. Nothing is embedded."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse

from etl.admin import parts
from etl.admin.acting import page_of
from etl.admin.searching import Result, name_of, results
from etl.embedding import search
from integrations.errors import StageError

if TYPE_CHECKING:
    from pulse.tenancy.admin.base import PulseAdmin as _Base
else:
    _Base = object

AMONG = ("work_items", "prs")
MOST = 8


@dataclass(frozen=True)
class Alike:
    """The rows of one kind that are similar, the nearest first."""

    kind: str
    found: Sequence[Result]


def similar_to(row: Any) -> list[Alike]:
    """Of each kind those that are similar; kinds of which there are none are left out. Raises a StageError."""
    told = [(table, _among(row, table)) for table in AMONG]
    return [Alike(f"{name_of(table).capitalize()}s", found) for table, found in told if found]


def _among(row: Any, table: str) -> list[Result]:
    hits = search.similar(
        row.tenant_id, row.integration_id, row._meta.db_table, row.external_id, among=table, limit=MOST
    )
    return results(row.tenant_id, hits)


class SimilarPages(_Base):
    """Adds the page of what is similar, and shows it on the page of a row, which does not wait for it."""

    change_form_outer_after_template = "etl/operations/similar_of_row.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.similar_view)
        urls: list[URLPattern] = [path("<int:pk>/similar/", view, name=self._similar_name), *super().get_urls()]
        return urls

    @property
    def _similar_name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_similar"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        address = {"similar_address": reverse(f"admin:{self._similar_name}", args=[row.pk])} if row else {}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **address})

    def similar_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self.get_queryset(request).filter(pk=pk).first()
        if row is None:
            raise Http404(f"there is no {self.opts.verbose_name} {pk}")
        shown: dict[str, Any] = {"row": row, "back": page_of(row), "problem": ""}
        try:
            shown["groups"] = similar_to(row)
        except StageError as error:
            shown["problem"] = str(error)
        return parts.answer(self, request, "similar", f"Similar to {row}", **shown)
