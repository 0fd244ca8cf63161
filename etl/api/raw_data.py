"""`raw-data`: answers of sites as they came; storing them, their states, and having them transformed once more.

A tool of its own can look for what is `pending`, take it, and say what became of it. What a provider can read Pulse's
workers transform as soon as it is stored.
"""

from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Any

import orjson
from django.db.models import Func, IntegerField, QuerySet, TextField
from django.db.models.functions import Cast
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from etl.api.base import ApiView
from etl.api.describing import Answer
from etl.api.errors import Conflict, NoSuchRow
from etl.api.forms import Form, IdField, IntegrationForm, NamesField, OneOfField, PageForm
from etl.api.listing import ChosenAnswer, Listing, Pages, Single
from etl.api.paging import following
from etl.jobs import handing_in
from etl.jobs.handing_in import HandedIn, Queued
from etl.models import RawExtractionData, UnitState

# Of answers as the table keeps them, compressed: a page that would have more ends early.
MOST_STORED_BYTES = 4_000_000
STATES = (UnitState.PENDING, UnitState.PROCESSING, UnitState.COMPLETED, UnitState.FAILED)
SHORT_NAMES = ("id", "entity_type", "external_id", "raw_data", "processing_status", "created_at")


class KeptField(serializers.JSONField):
    """JSON as it is kept: read by nobody on its way to the caller."""

    def to_representation(self, value: Any) -> Any:
        return orjson.Fragment(value)


class RawDataAnswer(ChosenAnswer[RawExtractionData]):
    """A stored answer."""

    processing_status = serializers.CharField(source="status")
    raw_data = KeptField(source="raw_data_text")
    extraction_metadata = KeptField(source="extraction_metadata_text")
    error_details = KeptField(source="error_details_text", allow_null=True)

    class Meta:
        model = RawExtractionData
        fields = (
            "id", "integration_id", "run_id", "step", "entity_type", "external_id", "raw_data", "extraction_metadata",
            "processing_status", "error_details", "records", "parent_id", "is_complete", "active", "created_at",
            "processed_at", "last_updated_at",
        )  # fmt: skip


_JSON = ("raw_data", "extraction_metadata", "error_details")
NAMES = RawDataAnswer.Meta.fields


class RawDataForm(PageForm):
    """``fields`` names what is answered: what is left out is not read."""

    integration_id = IdField(required=False)
    entity_type = serializers.CharField(required=False, max_length=50)
    external_id = serializers.CharField(required=False, max_length=255)
    status = OneOfField(UnitState.values, required=False)

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "fields": NamesField(NAMES, default=SHORT_NAMES)}


class StoreForm(IntegrationForm):
    entity_type = serializers.CharField(max_length=50)
    external_id = serializers.CharField(max_length=255, required=False, allow_blank=True)
    raw_data = serializers.JSONField()
    extraction_metadata = serializers.DictField(required=False)

    def validate_raw_data(self, value: Any) -> Any:
        return checked_content(value)


def checked_content(value: Any) -> Any:
    """Raises ValidationError where it is no answer of a site: neither an object nor a list."""
    if isinstance(value, dict | list):
        return value
    raise serializers.ValidationError("is neither an object nor a list")


class StatusForm(Form):
    """``error_details``, an object or a text, go with ``failed``."""

    status = OneOfField(STATES)
    error_details = serializers.JSONField(required=False, allow_null=True)

    def validate_error_details(self, value: Any) -> Mapping[str, Any] | None:
        if isinstance(value, str):
            return {"error": value}
        if value is None or isinstance(value, dict):
            return value
        raise serializers.ValidationError("is neither an object nor a text")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("error_details") and attrs["status"] != UnitState.FAILED:
            raise serializers.ValidationError({"error_details": f"goes with failed, not with {attrs['status']}"})
        return attrs


STORED_ANSWER = {"status": str, "record_id": int, "message": str}
QUEUED_ANSWER = {
    "status": str,
    "message": str,
    "queued": [int],
    "refused": [{"id": int, "reason": str}],
    "run_ids": [int],
}


class _RawData(ApiView):
    def one(self, pk: int) -> RawExtractionData:
        """A row without its answer. Raises NoSuchRow."""
        rows = self.rows(RawExtractionData).select_related("integration", "run").defer("raw_data")
        found = rows.filter(pk=pk).first()
        if found is None:
            raise NoSuchRow("id", pk)
        return found


class RawDatas(Listing):
    keys = ("id",)
    answer = RawDataAnswer

    def told(self) -> QuerySet[RawExtractionData]:
        texts = {f"{name}_text": Cast(name, TextField()) for name in _JSON}
        return self.rows(RawExtractionData).annotate(**texts)

    def found(self) -> QuerySet[RawExtractionData]:
        return self.filtered(self.told(), "entity_type", "external_id", "status")


class RawDatasView(Pages, RawDatas):
    """GET: the tenant's stored answers, the oldest first."""

    forms = {"GET": RawDataForm}

    def get(self, request: Request) -> Response:
        if "raw_data" in self.wanted:
            self.given["limit"] = self._affordable(self.found())
        return super().get(request)

    def _affordable(self, rows: QuerySet[RawExtractionData]) -> int:
        """How many of the rows that come next go on a page: one at least."""
        size = Func("raw_data", function="pg_column_size", output_field=IntegerField())
        limit: int = self.given["limit"]
        sizes: Iterable[int] = following(rows, self.keys, self.given).values_list(size, flat=True)[:limit]
        return max(1, sum(total <= MOST_STORED_BYTES for total in accumulate(sizes)))


class StoreView(ApiView):
    """POST: stores an answer; workers transform it, where a provider knows what it is."""

    forms = {"POST": StoreForm}
    answers = {"POST": Answer(STORED_ANSWER, 201)}

    def post(self, request: Request) -> Response:
        integration, given = self.integration(), self.given
        answer = HandedIn(
            given["entity_type"],
            given["raw_data"],
            given.get("external_id", ""),
            given.get("extraction_metadata", {}),
        )
        stored = handing_in.store(integration, answer, trigger=self.trigger)
        message = "Raw data stored successfully"
        if stored.run_id is None:
            message += f"; it is not queued: no provider knows the entity type {answer.entity_type}"
        body = {"status": "success", "record_id": stored.raw_id, "message": message}
        return Response(body, status.HTTP_201_CREATED)


class RawDataView(Single, RawDatas):
    """GET: one stored answer, with all there is of it."""


class RawDataStatusView(_RawData):
    """PUT: notes what another tool says of an answer; one that is pending again is queued."""

    forms = {"PUT": StatusForm}
    answers = {"PUT": {"status": str, "message": str}}

    def put(self, request: Request, pk: int) -> Response:
        asked, details = self.given["status"], self.given.get("error_details")
        handing_in.put_status(self.one(pk), asked, details, trigger=self.trigger)
        return Response({"status": "success", "message": f"Status updated to {asked}"})


class RawDataReprocessView(_RawData):
    """POST: has an answer transformed once more, with today's mappings and reader."""

    answers = {"POST": Answer(QUEUED_ANSWER, 202)}

    def post(self, request: Request, pk: int) -> Response:
        queued = handing_in.queue([self.one(pk)], trigger=self.trigger)
        if queued.refused:
            raise Conflict(f"raw data {pk} cannot be transformed: {queued.refused[pk]}")
        return Response(answer_to(queued), status.HTTP_202_ACCEPTED)


def answer_to(queued: Queued) -> dict[str, Any]:
    """Which answers wait now, in which runs, and why others do not."""
    return {
        "status": "success",
        "message": f"{len(queued.ids)} of {len(queued.ids) + len(queued.refused)} queued for transform",
        "queued": list(queued.ids),
        "refused": [{"id": pk, "reason": reason} for pk, reason in sorted(queued.refused.items())],
        "run_ids": list(queued.run_ids),
    }
