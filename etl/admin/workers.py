"""The processes that take messages, and the queues that they take them from. The installation's: for superusers."""

from dataclasses import replace
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path

from etl.admin import parts, queues
from etl.admin.acting import ActingAdmin, Button, is_unconfirmed
from etl.models import WorkerRow
from etl.workers import control
from pulse.numbers import row_id
from pulse.tenancy.admin.base import LightChangeList, ReadOnlyAdmin
from pulse.tenancy.admin.shown import state_label
from pulse.tenancy.models import User


def _restart(worker: WorkerRow, user: User) -> None:
    control.restart(worker.pk)


_RESTART = "It ends what it has in hand, then it is replaced."
RESTART = Button("restart", "Restart", "told to begin anew", _restart, question=f"Restart the worker? {_RESTART}")
RESTART_ALL = replace(RESTART, label="Restart all", question="Restart all workers? Each ends what it has in hand.")


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

    buttons = (RESTART,)
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
        return "; ".join(queues.said(entry) for entry in worker.holding) or "-"

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
        self._check_operates(request)
        rows = control.not_ended()
        if is_unconfirmed(request, RESTART_ALL):
            return self.ask(request, RESTART_ALL, list(rows), back=self.address("queues"))
        told = control.restart_all(rows)
        were = "1 worker was" if told == 1 else f"{told} workers were"
        self.message_user(request, f"{were} told to begin anew.", messages.SUCCESS)
        return HttpResponseRedirect(self.address("queues"))

    def queues_view(self, request: HttpRequest) -> HttpResponse:
        """What the queues hold, how fast they move, and who works on what; its buttons restart one of these."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            return self._restart_one(request)
        shown = {**queues.now(), "may_restart": self.has_operate_permission(request)}
        return parts.answer(self, request, "queues", "Queues and workers", **shown)

    def _restart_one(self, request: HttpRequest) -> HttpResponse:
        self._check_operates(request)
        wanted = request.POST.get("restart", "")
        if (pk := row_id(wanted)) is None:
            raise Http404(f"there is no worker {wanted[:50]!r}")
        worker = self.visible(request, pk)
        if is_unconfirmed(request, RESTART):
            return self.ask(request, RESTART, [worker], back=self.address("queues"))
        self.press(request, RESTART, [worker])
        return HttpResponseRedirect(self.address("queues"))

    def _check_operates(self, request: HttpRequest) -> None:
        if not self.has_operate_permission(request):
            raise PermissionDenied
