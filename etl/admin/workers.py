"""The processes that take messages, and the queues that they take them from. The installation's: for superusers."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from etl.admin.acting import ActingAdmin, Button
from etl.models import WorkerRow
from etl.queue.broker import BrokerUnavailable
from etl.workers import control, statistics
from pulse.tenancy.admin.base import LightChangeList, ReadOnlyAdmin
from pulse.tenancy.admin.shown import state_label
from pulse.tenancy.models import User


def _restart(worker: WorkerRow, user: User) -> None:
    control.restart(worker.pk)


class WorkerList(LightChangeList):
    """A list whose rows know how their worker is."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        shown = control.workers(WorkerRow.objects.filter(pk__in=[row.pk for row in self.result_list]))
        states = {status.row.pk: status.state for status in shown}
        for row in self.result_list:
            row.state = states[row.pk]


class LivingFilter(admin.SimpleListFilter):
    """By whether the process may still live. Those that ended are kept for a while."""

    title = "ended"
    parameter_name = "is_over"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "not yet"), ("yes", "has ended")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in ("yes", "no"):
            return queryset
        living = control.not_ended(WorkerRow.objects.all()).values("pk")
        return queryset.filter(pk__in=living) if self.value() == "no" else queryset.exclude(pk__in=living)


@admin.register(WorkerRow)
class WorkerAdmin(ReadOnlyAdmin, ActingAdmin):
    """Workers serve all tenants of a tier, so only superusers see them."""

    buttons = (Button("restart", "Restart", "told to begin anew", _restart),)
    list_before_template = "etl/operations/workers.html"
    ordering = ("-id",)
    list_loads = ("holding", "stages")
    list_display = (
        "process",
        "how",
        "works_on",
        "tier",
        "threads",
        "memory",
        "units_done",
        "in_hand",
        "asked",
        "heartbeat_at",
        "created_at",
    )
    list_filter = (LivingFilter, "tier", "ended")
    search_fields = ("host",)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return WorkerList

    @admin.display(description="worker", ordering="host")
    def process(self, worker: WorkerRow) -> str:
        return str(worker)

    @state_label("state")
    def how(self, worker: Any) -> str:
        """Why, where it has ended."""
        return str(worker.ended or worker.state)

    @admin.display(description="works on")
    def works_on(self, worker: WorkerRow) -> str:
        return ", ".join(map(str, worker.stages))

    @admin.display(description="memory, peak (MiB)", ordering="memory_mib")
    def memory(self, worker: WorkerRow) -> str:
        return " / ".join("?" if mib is None else f"{mib:,.0f}" for mib in (worker.memory_mib, worker.peak_mib))

    @admin.display(description="in hand")
    def in_hand(self, worker: WorkerRow) -> str:
        return "; ".join(_held(entry) for entry in worker.holding) or "-"

    # All of them

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("restart-all/", view(self.restart_all_view), name=self.page_name("restart_all")),
            path("queues/", view(self.queues_view), name=self.page_name("queues")),
        ]
        return [*own, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        more = {"restart_address": self.address("restart_all"), "queues_address": self.address("queues")}
        shown: HttpResponse = super().changelist_view(request, {**(extra_context or {}), **more})
        return shown

    def restart_all_view(self, request: HttpRequest) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_operate_permission(request):
            raise PermissionDenied
        told = control.restart_all(WorkerRow.objects.all())
        self.message_user(request, f"{told} workers were told to begin anew.", messages.SUCCESS)
        return HttpResponseRedirect(self.address("changelist"))

    def queues_view(self, request: HttpRequest) -> HttpResponse:
        """What the queues hold and how fast they move."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        request.current_app = self.admin_site.name
        shown = {**self.admin_site.each_context(request), "opts": self.opts, "title": "Queues", **_queues()}
        return TemplateResponse(request, "etl/operations/queues.html", shown)


def _held(entry: Any) -> str:
    """What a worker has in hand, as its heartbeat told it."""
    if not isinstance(entry, dict):
        return str(entry)
    ids = list(map(str, entry.get("ids") or []))
    shown = ", ".join(ids[:3]) + ("…" if len(ids) > 3 else "")
    return f"{entry.get('stage')} {shown} of run {entry.get('run_id')}"


def _queues() -> dict[str, Any]:
    try:
        return {"queues": statistics.queues(), "health": statistics.health()}
    except BrokerUnavailable as error:
        return {"error": f"The queues cannot be asked: {error}"}
