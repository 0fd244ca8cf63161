"""Stored answers: their list, what is in one, what it became, and having them transformed once more."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from etl.admin.acting import ActingAdmin, Button, linked, trigger_of
from etl.admin.filters import EntityTypeFilter
from etl.admin.lineage import became, origins
from etl.admin.units import UnitAdmin
from etl.jobs import handing_in
from etl.jobs.states import IllegalTransition
from etl.models import EtlJobRun, RawExtractionData
from pulse.tenancy.admin.shown import state_column
from pulse.tenancy.models import User
from pulse.tenancy.scoping import person

LONGEST_PATH = 500
# What people look for first; and what the page shows otherwise, or nobody needs to see.
_FIRST = ("entity_type", "external_id", "integration", "status", "error_details", "records", "is_complete", "parent")
_NOT_FIELDS = ("raw_data", "digests", "lease_token", "fingerprint")


def _reprocess(answer: RawExtractionData, user: User) -> EtlJobRun:
    queued = handing_in.queue([answer], trigger=trigger_of(user))
    for reason in queued.refused.values():
        raise IllegalTransition(reason)
    return EtlJobRun.objects.get(pk=queued.run_ids[0])


REPROCESS = Button("reprocess", "Reprocess", "queued", _reprocess, "primary")


@admin.register(RawExtractionData)
class RawExtractionDataAdmin(UnitAdmin, ActingAdmin):
    """Neither lists nor pages read a payload: a page's script asks for it."""

    buttons = (REPROCESS,)
    change_form_outer_before_template = "etl/operations/answer.html"
    relations = (*UnitAdmin.relations, "parent")
    list_display = (
        "id",
        "entity_type",
        "external_id",
        state_column("status"),
        "records",
        "is_complete",
        "integration",
        "tenant",
        "created_at",
        "processed_at",
    )
    list_filter = ("tenant", "integration", EntityTypeFilter, "status")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.json_view)
        return [path("<int:pk>/json/", view, name=self.page_name("json")), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("raw_data", "digests")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        first, hidden = ([self._json.get(name, name) for name in names] for names in (_FIRST, _NOT_FIELDS))
        return [*first, *(name for name in super().get_fields(request, obj) if name not in (*first, *hidden))]

    def json_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The answer as it is stored: nobody reads it on the way."""
        self.visible(request, pk)
        texts = RawExtractionData.objects.filter(pk=pk).annotate(text=Cast("raw_data", TextField()))
        return HttpResponse(texts.values_list("text", flat=True).get(), content_type="application/json")

    def offered(self, row: RawExtractionData) -> Sequence[Button]:
        return () if row.parent_id else self.buttons

    def shown_with(self, request: HttpRequest, row: RawExtractionData) -> dict[str, Any]:
        completing = self.get_queryset(request).filter(parent=row.pk) if row.parent_id is None else ()
        return {
            **super().shown_with(request, row),
            "json_address": self.address("json", row.pk),
            "json_path": request.GET.get("path", "")[:LONGEST_PATH],
            "groups": became(person(request), row),
            "origins": origins(person(request), [row]),
            "completing": completing,
        }

    def press(self, request: HttpRequest, button: Button, rows: Sequence[RawExtractionData]) -> None:
        """Many at once: answers of one integration wait in one run."""
        if len(rows) == 1:
            super().press(request, button, rows)
            return
        queued = handing_in.queue(rows, trigger=trigger_of(person(request)))
        if queued.ids:
            run = EtlJobRun.objects.get(pk=queued.run_ids[0])
            self.tell(request, [linked(f"{len(queued.ids)} answers were queued", run)], messages.SUCCESS)
        reasons = Counter(queued.refused.values()).most_common()
        self.tell(request, [f"{count} were not queued: {why}" for why, count in reasons], messages.ERROR)
