"""`custom-fields`: the fields of the site, how much they are used, what they are mapped to; `custom-fields/sync`."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Q, QuerySet
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from custommapping.mapping import reference
from custommapping.models import MAPPED_COLUMNS, CustomField, CustomFieldMapping, Project, ProjectCustomField
from etl.api.base import ApiView
from etl.api.describing import Answer, Maybe, Page
from etl.api.errors import NoSuchRow
from etl.api.forms import IdField, IntegrationForm, PageForm
from etl.jobs import discovery
from etl.jobs.advance import status_json
from etl.models import EtlJobRun, Overall, RunKind


class CustomFieldsForm(PageForm):
    integration_id = IdField(required=False)
    active = serializers.BooleanField(required=False)
    type = serializers.CharField(required=False, max_length=100, source="field_type")
    search = serializers.CharField(required=False, max_length=255)
    project = serializers.CharField(required=False, max_length=255)


class CustomFieldAnswer(serializers.ModelSerializer[CustomField]):
    """A field; ``profile`` is None where nobody has looked yet, ``column`` where no column is filled by it."""

    profile = serializers.SerializerMethodField()
    column = serializers.SerializerMethodField()

    class Meta:
        model = CustomField
        fields = (
            "id", "integration_id", "external_id", "name", "field_type", "schema", "operations", "active", "column",
            "profile", "created_at", "last_updated_at",
        )  # fmt: skip

    def get_column(self, field: CustomField) -> str | None:
        columns: Mapping[int, str] = self.context["view"].columns
        return columns.get(field.pk)

    def get_profile(self, field: CustomField) -> dict[str, Any] | None:
        if field.profiled_at is None:
            return None
        names = ("items_seen", "items_filled", "distinct_values", "examples", "profiled_at")
        return {name: getattr(field, name) for name in names} | {"fill_rate": _rate(field)}


def _rate(field: CustomField) -> float | None:
    """The share of the items seen that have a value, from 0 to 1; None where none was seen."""
    return round((field.items_filled or 0) / field.items_seen, 4) if field.items_seen else None


class CustomFieldsView(ApiView):
    """GET: the tenant's custom fields."""

    forms = {"GET": CustomFieldsForm}
    answers = {"GET": Page(CustomFieldAnswer)}
    columns: Mapping[int, str]

    def get(self, request: Request) -> Response:
        rows = self.filtered(self.rows(CustomField), "active", "field_type")
        if words := self.given.get("search"):
            rows = rows.filter(Q(name__icontains=words) | Q(external_id__icontains=words))
        if key := self.given.get("project"):
            rows = rows.filter(self._offered_by(key))
        self.columns = mapped_columns(self.rows(CustomFieldMapping))
        return Response(self.page(rows, ["integration_id", "name", "id"], CustomFieldAnswer))

    def _offered_by(self, key: str) -> Q:
        """The fields that the project of that key offers, in each integration that has one. Raises NoSuchRow."""
        if not self.filtered(self.rows(Project)).filter(key=key).exists():
            raise NoSuchRow("project", key)
        offered = Q(pk=None)
        for row in self.filtered(self.rows(ProjectCustomField)).filter(project_key=key):
            ids = [field["external_id"] for field in row.discovered_fields]
            offered |= Q(integration_id=row.integration_id, external_id__in=ids)
        return offered


def mapped_columns(rows: QuerySet[CustomFieldMapping]) -> dict[int, str]:
    """Of each field that a mapping names, the column that it fills."""
    return {
        field_id: column
        for row in rows.filter(active=True)
        for column in MAPPED_COLUMNS
        if (field_id := getattr(row, f"{reference(column)}_id"))
    }


RUN_NAMES = ("trigger", "created_at", "started_at", "finished_at", "execution_time", "records_processed",
             "errors_encountered", "api_calls_made", "warning", "error_message")  # fmt: skip
# What is told of the run, where there is one, is as `runs` tells it.
SYNC_ANSWER = {"run_id": int | None, "status": dict[str, Any]} | dict.fromkeys(RUN_NAMES, Maybe(Any))


class SyncView(ApiView):
    """POST: has the fields discovered again, 202. GET: where the last discovery stands."""

    forms = {"POST": IntegrationForm, "GET": IntegrationForm}
    answers = {"GET": SYNC_ANSWER, "POST": Answer(SYNC_ANSWER, 202)}

    def post(self, request: Request) -> Response:
        job = self.integration().jobs.order_by("id")[0]
        return Response(_state(discovery.request(job, self.trigger)), status.HTTP_202_ACCEPTED)

    def get(self, request: Request) -> Response:
        runs = self.rows(EtlJobRun).filter(integration=self.integration(), kind=RunKind.DISCOVERY)
        return Response(_state(runs.order_by("-id").first()))


def _state(run: EtlJobRun | None) -> dict[str, Any]:
    if run is None:
        return {"run_id": None, "status": status_json(Overall.NOT_STARTED, [])}
    known = {"run_id": run.pk, "status": status_json(Overall(run.status), list(run.steps.all()))}
    return known | {name: getattr(run, name) for name in RUN_NAMES}
