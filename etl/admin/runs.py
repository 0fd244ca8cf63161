"""Runs: their figures, steps, times and log, and the buttons that stop or retry one."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from etl.admin.acting import ActingAdmin, Button, trigger_of
from etl.admin.filters import LevelFilter, StageFilter, StepFilter
from etl.admin.history_grid import history_grid
from etl.admin.run_log import log_page
from etl.admin.run_page import shown_of
from etl.jobs import lifecycle
from etl.models import EtlJob, EtlJobEvent, EtlJobRun, EtlJobRunStep, Overall
from etl.models.jobs import UNDER_WAY
from pulse.tenancy.admin.base import ReadOnlyAdmin
from pulse.tenancy.admin.shown import STATE_COLOURS, state_column
from pulse.tenancy.models import User
from pulse.tenancy.scoping import person, visible_to


def _stop(run: EtlJobRun, user: User) -> None:
    lifecycle.stop_run(run.pk)


def _retry(run: EtlJobRun, user: User) -> None:
    lifecycle.retry_run(run.pk, trigger=trigger_of(user))


_STOP = "What waits in it is cancelled, and it cannot go on afterwards."
STOP = Button("stop", "Stop", "stopped", _stop, "danger", _STOP)
RETRY = Button("retry", "Retry what failed", "retried", _retry, "primary")


@admin.register(EtlJobRun)
class EtlJobRunAdmin(ReadOnlyAdmin, ActingAdmin):
    """Also runs that do not show in their job's state: repairs, discoveries, those of webhooks."""

    class Media:
        css = {"all": ("etl/jobs.css", "etl/json_viewer.css", "etl/runs.css")}

    buttons = (STOP, RETRY)
    relations = ("tenant", "integration", "job")
    change_form_outer_before_template = "etl/operations/run.html"
    list_display = (
        "id",
        "job",
        "kind",
        state_column("status"),
        "trigger",
        "started_at",
        "finished_at",
        "lasted",
        "records_processed",
        "errors_encountered",
        "quarantined",
        "tenant",
    )
    list_filter = ("tenant", "integration", "kind", "status", "started_at")
    search_fields = ("job__name", "id__exact")
    search_help_text = "A job's name, or a run's number"

    @admin.display(description="seconds", ordering="execution_time")
    def lasted(self, run: EtlJobRun) -> str | None:
        return None if run.execution_time is None else f"{run.execution_time:.1f}"

    def offered(self, row: EtlJobRun) -> Sequence[Button]:
        if row.status in (Overall.READY, *UNDER_WAY):
            return (STOP,)
        return (RETRY,) if row.status == Overall.FAILED else ()

    # The page of a run

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Of what its parts do not show: they change while the page is open, fields do not."""
        names = ("tenant", "integration", "job", "kind", "trigger", "config", "queued_at", "created_at")
        return [self._json.get(name, name) for name in names]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("<int:pk>/parts/", view(self.parts_view), name=self.page_name("parts")),
            path("of-job/<int:pk>/", view(self.grid_view), name=self.page_name("history_grid")),
        ]
        return [*own, *super().get_urls()]

    def shown_with(self, request: HttpRequest, row: EtlJobRun) -> dict[str, Any]:
        steps = list(row.steps.order_by("order").values_list("step", "display_name"))
        log = log_page(row, steps, request.GET)
        return {
            **super().shown_with(request, row),
            **shown_of(row),
            "log": log,
            "events": [(event, STATE_COLOURS.get(event.level, "info")) for event in log.events],
            "page": {
                "parts": self.address("parts", row.pk),
                "events": reverse("run-events", args=[row.pk]),
                "event": reverse("admin:etl_etljobevent_change", args=[0]),
                "timeZone": timezone.get_current_timezone_name(),
                "steps": dict(steps),
            },
        }

    def parts_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What changes on the page of a run, for its script; ``quarantine`` says what that has of the quarantine."""
        run = self.visible(request, pk)
        shown = super().shown_with(request, run) | shown_of(run, known_quarantine=request.GET.get("quarantine", ""))
        return TemplateResponse(request, "etl/operations/run_parts.html", shown)

    def grid_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The grid of a job's last runs, for its script."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        job = visible_to(person(request), EtlJob.objects.all()).filter(pk=pk).first()
        if job is None:
            raise Http404(f"there is no job {pk}")
        return TemplateResponse(request, "etl/operations/history_grid.html", {"history": history_grid(job)})


@admin.register(EtlJobRunStep)
class EtlJobRunStepAdmin(ReadOnlyAdmin):
    relations = ("tenant", "run__job")
    ordering = ("-run_id", "order")
    list_display = (
        "display_name",
        "run",
        state_column("extraction"),
        state_column("transform"),
        state_column("embedding"),
        "planned_at",
        "tenant",
    )
    list_filter = ("tenant", StepFilter, "extraction", "transform", "embedding")
    search_fields = ("run__id__exact",)
    search_help_text = "A run's number"


@admin.register(EtlJobEvent)
class EtlJobEventAdmin(ReadOnlyAdmin):
    relations = ("tenant", "run__job")
    list_loads = ("message",)
    list_display = ("created_at", state_column("level"), "run", "stage", "step", "message", "tenant")
    list_filter = ("tenant", LevelFilter, StageFilter, StepFilter, "created_at")
    # Steps have a filter: no index begins with them.
    search_fields = ("run__id__exact",)
    search_help_text = "A run's number"
