"""Runs: their figures, steps, times and log, and the buttons that stop or retry one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from etl.admin.acting import ActingAdmin, Button, trigger_of
from etl.admin.filters import LevelFilter, StageFilter, StepFilter
from etl.admin.run_log import log_page
from etl.history.estimating import estimate
from etl.history.times import BEGAN, ENDED
from etl.jobs import lifecycle
from etl.models import EtlJobEvent, EtlJobRun, EtlJobRunStep, Overall
from etl.models.jobs import UNDER_WAY
from etl.queue.topology import Stage
from pulse.tenancy.admin.base import ReadOnlyAdmin
from pulse.tenancy.admin.shown import STATE_COLOURS, state_column
from pulse.tenancy.models import User


def _stop(run: EtlJobRun, user: User) -> None:
    lifecycle.stop_run(run.pk)


def _retry(run: EtlJobRun, user: User) -> None:
    lifecycle.retry_run(run.pk, trigger=trigger_of(user))


STOP = Button("stop", "Stop", "stopped", _stop, "danger")
RETRY = Button("retry", "Retry what failed", "retried", _retry, "primary")


@admin.register(EtlJobRun)
class EtlJobRunAdmin(ReadOnlyAdmin, ActingAdmin):
    """Also runs that do not show in their job's state: repairs, discoveries, those of webhooks."""

    buttons = (STOP, RETRY)
    relations = ("tenant", "integration", "job")
    change_form_outer_after_template = "etl/operations/run.html"
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

    def shown_with(self, request: HttpRequest, row: EtlJobRun) -> dict[str, Any]:
        steps = list(row.steps.order_by("order"))
        names = [(step.step, step.display_name) for step in steps]
        log = log_page(row, names, request.GET)
        return {
            **super().shown_with(request, row),
            "steps": [_step_shown(step) for step in steps],
            "stages": [stage.value for stage in Stage],
            "estimated_end": estimate(row),
            "log": log,
            "events": [(event, STATE_COLOURS.get(event.level, "info")) for event in log.events],
        }


def _step_shown(step: EtlJobRunStep) -> dict[str, Any]:
    """A step's three stages: state with its colour, and from when to when each was at work."""
    stages = []
    for stage in Stage:
        state, times = getattr(step, stage.value), step.times.get(stage.value, {})
        began, ended = _moment(times.get(BEGAN)), _moment(times.get(ENDED))
        lasted = (ended - began).total_seconds() if began and ended else None
        stages.append({"state": state, "colour": STATE_COLOURS.get(state, ""), "began": began, "lasted": lasted})
    return {"step": step, "stages": stages}


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


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
    list_filter = ("tenant", LevelFilter, StageFilter, StepFilter, "created_at")
    search_fields = ("run__id__exact", "step__exact")
    search_help_text = "A run's number, or a step's name"
