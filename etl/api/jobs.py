"""`jobs`: an integration's recurring syncs, what people say of them, and where they stand."""

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from etl.api.base import ApiView
from etl.api.describing import Answer, Page
from etl.api.forms import Form, IdField, IntegrationForm, OneOfField, PageForm
from etl.api.paging import page
from etl.jobs import editing, lifecycle, states
from etl.live.snapshot import job_update
from etl.models import EtlJob, EtlJobRun, Overall
from etl.models.jobs import JOB_KINDS, UNDER_WAY

LONGEST_NAME = 200
LARGEST_ORDER = 10_000


# What the sockets send.
STATUS_ANSWER = {
    "type": str,
    "tenant_id": int,
    "job_id": int,
    "status": dict[str, Any],
    "version": int,
    "progress": dict[str, Any],
    "estimated_end": datetime | None,
}


class JobsForm(PageForm):
    integration_id = IdField(required=False)
    active = serializers.BooleanField(required=False)
    status = OneOfField(Overall.values, required=False)


class JobForm(Form):
    """What people say of a job. ``settings`` is the whole of them: what is left out of it is as if never set."""

    name = serializers.CharField(required=False, max_length=LONGEST_NAME, trim_whitespace=False)
    order = serializers.IntegerField(required=False, min_value=1, max_value=LARGEST_ORDER)
    active = serializers.BooleanField(required=False)
    next_run = serializers.DateTimeField(required=False, allow_null=True)
    settings = serializers.JSONField(required=False)


class NewJobForm(JobForm, IntegrationForm):
    """A job that an integration is to have besides those that it has."""

    name = serializers.CharField(max_length=LONGEST_NAME, trim_whitespace=False)


class JobAnswer(serializers.ModelSerializer[EtlJob]):
    """A job. ``run_id`` is its open sync or reprocessing, None where it has none; ``actions`` are possible now."""

    integration = serializers.CharField(source="integration.name")
    provider = serializers.CharField(source="integration.provider")
    run_id = serializers.SerializerMethodField()
    actions = serializers.SerializerMethodField()

    class Meta:
        model = EtlJob
        fields = (
            "id", "integration_id", "integration", "provider", "name", "order", "active", "status", "version",
            "actions", "run_id", "next_run", "last_run_started_at", "last_run_finished_at", "last_sync_date",
            "retransform_due_at", "retry_count", "error_message", "settings", "created_at", "last_updated_at",
        )  # fmt: skip

    def get_run_id(self, job: EtlJob) -> int | None:
        runs: dict[int, int] = self.context["runs"]
        return runs.get(job.pk)

    def get_actions(self, job: EtlJob) -> list[str]:
        return states.possible(job.overall)


def job_answers(jobs: Sequence[EtlJob]) -> Any:
    """The answers to some jobs, whose open runs are read at once."""
    runs = EtlJobRun.objects.filter(job__in=jobs, kind__in=JOB_KINDS, status__in=UNDER_WAY)
    return JobAnswer(jobs, many=True, context={"runs": dict(runs.values_list("job_id", "pk"))}).data


class JobsView(ApiView):
    """GET: the tenant's jobs, in the order in which they take turns. POST: makes one more for an integration."""

    forms = {"GET": JobsForm, "POST": NewJobForm}
    answers = {"GET": Page(JobAnswer), "POST": Answer(JobAnswer, 201)}

    def get(self, request: Request) -> Response:
        rows = self.filtered(self.rows(EtlJob), "active").select_related("integration")
        if "status" in self.given:
            rows = rows.filter(status__overall=self.given["status"])
        return Response(page(rows, ["order", "id"], self.given, job_answers))

    def post(self, request: Request) -> Response:
        integration = self.integration()
        said = {name: value for name, value in self.given.items() if name != "integration_id"}
        job = editing.create(integration, said, by=self.user.username)
        return Response(job_answers([job])[0], status.HTTP_201_CREATED)


class OfJob(ApiView):
    """Base of what is about one job, which the address names."""

    @cached_property
    def job(self) -> EtlJob:
        """Raises NoSuchRow."""
        return self.row(EtlJob, self.kwargs["pk"])


class JobView(OfJob):
    """GET: one job. PATCH: changes what people say of it; what is left out stays."""

    forms = {"PATCH": JobForm}
    answers = {"GET": JobAnswer, "PATCH": JobAnswer}

    def get(self, request: Request, pk: int) -> Response:
        return Response(job_answers([self.job])[0])

    def patch(self, request: Request, pk: int) -> Response:
        job = editing.change(self.job, self.given, by=self.user.username)
        return Response(job_answers([job])[0])


class StatusForm(Form):
    """The one state that can be written: it frees a job that is stuck."""

    status = OneOfField([Overall.READY])


class JobStatusView(OfJob):
    """GET: where the job stands, as the sockets tell it. PUT: makes a stuck job READY, and due."""

    forms = {"PUT": StatusForm}
    answers = {"GET": STATUS_ANSWER, "PUT": STATUS_ANSWER}

    def get(self, request: Request, pk: int) -> Response:
        return Response(job_update(self.job.tenant_id, self.job.pk))

    def put(self, request: Request, pk: int) -> Response:
        lifecycle.reset(self.job.pk)
        return Response(job_update(self.job.tenant_id, self.job.pk))
