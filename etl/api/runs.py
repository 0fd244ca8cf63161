"""`runs`: what each execution of a job did, and its log; `runs/{id}/stop`, `runs/{id}/retry`."""

from datetime import datetime
from functools import cached_property
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from etl.api.base import ApiView
from etl.api.describing import Answer, Page, With
from etl.api.forms import IdField, OneOfField, PageForm
from etl.api.jobs import OfJob
from etl.jobs import lifecycle
from etl.live.snapshot import Pace, look_at
from etl.models import EtlJob, EtlJobEvent, EtlJobRun, EtlJobRunStep, Overall, RunKind
from etl.queue.topology import Stage

LEVELS = ("info", "warning", "error")
OLDEST, NEWEST = "oldest", "newest"


class RunAnswer(serializers.ModelSerializer[EtlJobRun]):
    """A run with its figures, which are complete when it is over."""

    class Meta:
        model = EtlJobRun
        fields = (
            "id", "job_id", "integration_id", "kind", "status", "trigger", "config", "warning", "error_message",
            "started_at", "finished_at", "execution_time", "stage_seconds", "records_processed", "errors_encountered",
            "quarantined", "api_calls_made", "vectorization_queued", "memory_usage", "created_at", "last_updated_at",
        )  # fmt: skip


class StepAnswer(serializers.ModelSerializer[EtlJobRunStep]):
    class Meta:
        model = EtlJobRunStep
        fields = ("step", "order", "display_name", "planned_at", *(str(stage) for stage in Stage), "times")


class EventAnswer(serializers.ModelSerializer[EtlJobEvent]):
    class Meta:
        model = EtlJobEvent
        fields = ("id", "created_at", "level", "stage", "step", "message", "context")


# Units done and in all, by step and stage.
WITH_STEPS = {"steps": [StepAnswer], "progress": dict[str, Any], "estimated_end": datetime | None}


class JobRunsForm(PageForm):
    kind = OneOfField(RunKind.values, required=False)
    status = OneOfField(Overall.values, required=False)


class RunsForm(JobRunsForm):
    integration_id = IdField(required=False)
    job_id = IdField(required=False)


class RunsView(ApiView):
    """GET: the tenant's runs, the newest first."""

    forms = {"GET": RunsForm}
    answers = {"GET": Page(RunAnswer)}

    def get(self, request: Request) -> Response:
        rows = self.filtered(self.rows(EtlJobRun), "kind", "status")
        if "job_id" in self.given:
            rows = rows.filter(job=self.row(EtlJob, self.given["job_id"], "job_id"))
        return Response(self.page(rows, ["-id"], RunAnswer))


class JobRunsView(OfJob):
    """GET: the job's runs, the newest first."""

    forms = {"GET": JobRunsForm}
    answers = {"GET": Page(RunAnswer)}

    def get(self, request: Request, pk: int) -> Response:
        rows = self.filtered(self.rows(EtlJobRun), "kind", "status").filter(job=self.job)
        return Response(self.page(rows, ["-id"], RunAnswer))


class OfRun(ApiView):
    """Base of what is about one run, which the address names."""

    @cached_property
    def run(self) -> EtlJobRun:
        """Raises NoSuchRow."""
        return self.row(EtlJobRun, self.kwargs["pk"])


class RunView(OfRun):
    """GET: one run, with its steps, how far it is, and when it will probably end."""

    answers = {"GET": With(RunAnswer, WITH_STEPS)}

    def get(self, request: Request, pk: int) -> Response:
        return Response(run_answer(self.run))


def run_answer(run: EtlJobRun) -> dict[str, Any]:
    """``progress`` counts units done and in all, by step and stage; ``estimated_end`` is None where nobody can tell."""
    steps = StepAnswer(run.steps.order_by("order"), many=True).data
    look = look_at(run, Pace(run.pk))
    return {**RunAnswer(run).data, "steps": steps, "progress": look.progress, "estimated_end": look.estimated_end}


class EventsForm(PageForm):
    """``after_id``, an event's, is for who follows a log: ask with the last id that you saw."""

    level = OneOfField(LEVELS, required=False)
    stage = OneOfField(Stage, required=False)
    step = serializers.CharField(required=False, max_length=100)
    search = serializers.CharField(required=False, max_length=255)
    after_id = IdField(required=False)
    order = OneOfField((OLDEST, NEWEST), default=OLDEST)


class RunEventsView(OfRun):
    """GET: what happened in the run."""

    forms = {"GET": EventsForm}
    answers = {"GET": Page(EventAnswer)}

    def get(self, request: Request, pk: int) -> Response:
        rows = self.filtered(self.rows(EtlJobEvent).filter(run=self.run), "level", "stage", "step")
        return Response(
            self.page(self._searched(rows), ["id" if self.given["order"] == OLDEST else "-id"], EventAnswer)
        )

    def _searched(self, rows: QuerySet[EtlJobEvent]) -> QuerySet[EtlJobEvent]:
        if words := self.given.get("search"):
            rows = rows.filter(message__icontains=words)
        return rows.filter(pk__gt=self.given["after_id"]) if "after_id" in self.given else rows


class RunStopView(OfRun):
    """POST: ends any one run that is open."""

    answers = {"POST": RunAnswer}

    def post(self, request: Request, pk: int) -> Response:
        return Response(RunAnswer(lifecycle.stop_run(self.run.pk)).data)


class RunRetryView(OfRun):
    """POST: what failed in the run is tried again, in it."""

    answers = {"POST": Answer(RunAnswer, 202)}

    def post(self, request: Request, pk: int) -> Response:
        run = lifecycle.retry_run(self.run.pk, trigger=self.trigger)
        return Response(RunAnswer(run).data, status.HTTP_202_ACCEPTED)
