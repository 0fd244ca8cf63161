"""`custom-fields/mapping`: which field fills which column; what another mapping would change; applying it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any

from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from custommapping.errors import Outdated, Refused
from custommapping.fitting import problem
from custommapping.mapping import columns_of, find_mapping
from custommapping.models import MAPPED_COLUMNS, CustomField
from etl.api.base import ApiView
from etl.api.describing import Answer
from etl.api.forms import IntegrationForm
from etl.jobs.lifecycle import open_run
from etl.mapping import retransform
from etl.mapping.preview import Preview, preview
from etl.mapping.saving import save_mapping
from etl.models import RunKind
from integrations.models import Integration

# By column the field that fills it, null where none does; ``problem`` says why it is no good any more.
MAPPING_ANSWER = {
    "integration_id": int,
    "version": int,
    "columns": dict[str, dict[str, Any] | None],
    "retransform_due_at": datetime | None,
    "run_id": int | None,
}


class ColumnsForm(IntegrationForm):
    """``columns`` is the whole mapping: columns with the source ids of their fields; what is left out stays empty."""

    columns = serializers.DictField(child=serializers.CharField(max_length=100, allow_null=True, allow_blank=True))


class VersionForm(IntegrationForm):
    """``version`` is that of the mapping which the caller saw, 0 where there was none."""

    version = serializers.IntegerField(min_value=0, max_value=2**31 - 1)


class MappingForm(VersionForm, ColumnsForm):
    """The whole mapping, to be saved."""


@contextmanager
def columns_at(path: str) -> Iterator[None]:
    """What is refused of a column is named by where the body has it, as what the form refuses is.

    A ``document`` that is refused as a whole keeps its name.
    """
    try:
        yield
    except Outdated:
        raise
    except Refused as error:
        names = {name: name if name == "document" else f"{path}.{name}" for name in error.errors}
        raise Refused({names[name]: message for name, message in error.errors.items()}) from error


class MappingView(ApiView):
    """GET: the mapping of an integration. PUT: makes it another one, and has that applied to what is loaded."""

    forms = {"GET": IntegrationForm, "PUT": MappingForm}
    answers = {"GET": MAPPING_ANSWER, "PUT": MAPPING_ANSWER}

    def get(self, request: Request) -> Response:
        return Response(mapping_answer(self.integration()))

    def put(self, request: Request) -> Response:
        integration = self.integration()
        given = self.given
        with columns_at("columns"):
            save_mapping(integration, given["columns"], version=given["version"], by=self.user.username)
        return Response(mapping_answer(integration))


class PreviewView(ApiView):
    """POST: how many work items a mapping would change, in which columns, and examples."""

    forms = {"POST": ColumnsForm}
    answers = {"POST": Preview}

    def post(self, request: Request) -> Response:
        with columns_at("columns"):
            return Response(asdict(preview(self.integration(), self.given["columns"])))


class RetransformView(ApiView):
    """POST: applies the mappings to all that was loaded with others, or by an older reader."""

    forms = {"POST": IntegrationForm}
    answers = {"POST": Answer({"run_id": int | None}, 202)}

    def post(self, request: Request) -> Response:
        run = retransform.start(self.integration().jobs.order_by("id")[0].pk, trigger=self.trigger)
        return Response({"run_id": run and run.pk}, status.HTTP_202_ACCEPTED)


def mapping_answer(integration: Integration) -> dict[str, Any]:
    """``run_id`` is the run that applies mappings now; ``retransform_due_at`` is set while one is still to."""
    row = find_mapping(integration.tenant_id, integration.pk)
    fields, job = columns_of(row), integration.jobs.order_by("id")[0]
    run = open_run(job.pk, [RunKind.REPROCESS])
    return {
        "integration_id": integration.pk,
        "version": row.version if row else 0,
        "columns": {column: _column(column, fields) for column in MAPPED_COLUMNS},
        "retransform_due_at": job.retransform_due_at,
        "run_id": run and run.pk,
    }


def _column(column: str, fields: Mapping[str, CustomField]) -> dict[str, Any] | None:
    """The field that fills a column; ``problem`` where it is no good any more, None where all is well."""
    field = fields.get(column)
    if field is None:
        return None
    names = ("id", "external_id", "name", "field_type", "active")
    return {name: getattr(field, name) for name in names} | {"problem": problem(column, field)}
