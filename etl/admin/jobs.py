"""Jobs and their runs: where they stand, and the buttons that move them."""

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from etl.jobs import lifecycle
from etl.models import EtlJob, EtlJobEvent, EtlJobRun, EtlJobRunStep
from pulse.tenancy.admin.base import PulseAdmin, ReadOnlyAdmin
from pulse.tenancy.admin.shown import state_column, state_label
from pulse.tenancy.scoping import has_role, person


@admin.register(EtlJob)
class EtlJobAdmin(PulseAdmin):
    """A job comes with its integration. Its plan is people's, its status is the workers'."""

    relations = ("tenant", "integration")
    list_loads = ("status",)
    list_display = ("name", "overall", "integration", "tenant", "order", "active", "next_run", "last_run_finished_at")
    list_filter = ("tenant", "integration", "active")
    search_fields = ("name", "integration__name")
    fields = ("name", "order", "active", "next_run", "settings")
    readonly_fields = (
        "overall",
        "status",
        "last_run_started_at",
        "last_run_finished_at",
        "last_sync_date",
        "retry_count",
        "error_message",
    )
    actions = ("start_jobs", "pause_jobs", "resume_jobs", "stop_jobs")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        editable = [self._json[name] if self._only_shown(request, obj, name) else name for name in self.fields or ()]
        return [*editable, *self.get_readonly_fields(request, obj)]

    def _only_shown(self, request: HttpRequest, obj: Any, name: Any) -> bool:
        return name in self._json and not self.has_change_permission(request, obj)

    @state_label("state")
    def overall(self, job: EtlJob) -> str:
        return str(job.overall)

    @admin.action(description="Start", permissions=["change"])
    def start_jobs(self, request: HttpRequest, jobs: QuerySet[EtlJob]) -> None:
        self._move(request, jobs, "started", lambda job_id: lifecycle.start(job_id, trigger="admin"))

    @admin.action(description="Pause", permissions=["change"])
    def pause_jobs(self, request: HttpRequest, jobs: QuerySet[EtlJob]) -> None:
        self._move(request, jobs, "paused", lifecycle.pause)

    @admin.action(description="Resume", permissions=["change"])
    def resume_jobs(self, request: HttpRequest, jobs: QuerySet[EtlJob]) -> None:
        self._move(request, jobs, "resumed", lifecycle.resume)

    @admin.action(description="Stop", permissions=["change"])
    def stop_jobs(self, request: HttpRequest, jobs: QuerySet[EtlJob]) -> None:
        self._move(request, jobs, "stopped", lifecycle.stop)

    def _move(
        self, request: HttpRequest, jobs: QuerySet[EtlJob], done: str, transition: Callable[[int], object]
    ) -> None:
        move_each(self, request, list(jobs.values_list("pk", "name")), done, transition)


def move_each(
    page: PulseAdmin,
    request: HttpRequest,
    rows: Sequence[tuple[int, str]],
    done: str,
    transition: Callable[[int], object],
) -> None:
    """Moves each of the rows, (id, name), on its own: one that cannot be moved does not hold up the others."""
    for row_id, name in rows:
        try:
            transition(row_id)
        except lifecycle.IllegalTransition as error:
            page.message_user(request, f"{name} was not {done}: {error}", messages.ERROR)
        else:
            page.message_user(request, f"{name} was {done}.", messages.SUCCESS)


@admin.register(EtlJobRun)
class EtlJobRunAdmin(ReadOnlyAdmin):
    relations = ("tenant", "integration", "job")
    list_display = (
        "id",
        "job",
        "kind",
        state_column("status"),
        "trigger",
        "started_at",
        "finished_at",
        "execution_time",
        "records_processed",
        "errors_encountered",
        "quarantined",
        "tenant",
    )
    list_filter = ("tenant", "integration", "kind", "status", "started_at")
    search_fields = ("job__name", "id__exact")
    search_help_text = "A job's name, or a run's number"
    actions = ("stop_runs",)

    def has_stop_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request) and has_role(person(request), self.least_role)

    @admin.action(description="Stop", permissions=["stop"])
    def stop_runs(self, request: HttpRequest, runs: QuerySet[EtlJobRun]) -> None:
        """Also of those that do not show in their job's state: repairs, discoveries."""
        move_each(
            self, request, [(run.pk, str(run)) for run in runs.select_related("job")], "stopped", lifecycle.stop_run
        )


@admin.register(EtlJobRunStep)
class EtlJobRunStepAdmin(ReadOnlyAdmin):
    relations = ("tenant", "run__job")
    ordering = ("-run", "order")
    list_display = (
        "display_name",
        "run",
        state_column("extraction"),
        state_column("transform"),
        state_column("embedding"),
        "planned_at",
        "tenant",
    )
    list_filter = ("tenant", "extraction", "transform", "embedding")
    search_fields = ("step__exact", "run__id__exact")
    search_help_text = "A step's name, or a run's number"


@admin.register(EtlJobEvent)
class EtlJobEventAdmin(ReadOnlyAdmin):
    relations = ("tenant", "run__job")
    list_loads = ("message",)
    list_display = ("created_at", state_column("level"), "run", "stage", "step", "message", "tenant")
    list_filter = ("tenant", "created_at")
    search_fields = ("run__id__exact", "level__exact", "step__exact")
    search_help_text = "A run's number, a level or a step's name"
