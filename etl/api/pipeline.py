"""`transform`, `load`, `pipeline`: what is stored, or handed in, goes through the stages. Workers do it: 202."""

from typing import Any

from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from etl.api.base import ApiView
from etl.api.describing import Answer
from etl.api.errors import NoSuchRow
from etl.api.forms import Form, IdField, IntegrationForm
from etl.api.raw_data import QUEUED_ANSWER, STORED_ANSWER, answer_to, checked_content
from etl.jobs import handing_in
from etl.jobs.handing_in import HandedIn
from etl.models import RawExtractionData, UnitState
from etl.queue.broker import HIGHEST_PRIORITY, LOWEST_PRIORITY
from etl.queue.messages import DEFAULT_PRIORITY
from integrations.models import Integration

MOST_AT_ONCE = 1000


def _priority() -> serializers.IntegerField:
    """1 is the highest, 10 the lowest."""
    return serializers.IntegerField(min_value=HIGHEST_PRIORITY, max_value=LOWEST_PRIORITY, default=DEFAULT_PRIORITY)


class TransformOptions(Form):
    """With ``only_failed`` those that did not fail are left alone."""

    only_failed = serializers.BooleanField(default=False)


class TransformForm(Form):
    """Stored answers, all of that entity type."""

    raw_data_ids = serializers.ListField(child=IdField(), allow_empty=False, max_length=MOST_AT_ONCE)
    entity_type = serializers.CharField(max_length=50)
    transform_options = TransformOptions(default={})


class TransformView(ApiView):
    """POST: has stored answers transformed once more; one that cannot be does not hold up the others."""

    forms = {"POST": TransformForm}
    answers = {"POST": Answer(QUEUED_ANSWER, 202)}

    def post(self, request: Request) -> Response:
        rows = self.rows(RawExtractionData).select_related("integration", "run").defer("raw_data")
        found = {row.pk: row for row in rows.filter(pk__in=self.given["raw_data_ids"])}
        absent = [pk for pk in self.given["raw_data_ids"] if pk not in found]
        if not found:
            raise NoSuchRow("raw_data_ids", absent[0])
        queued = handing_in.queue(found.values(), trigger=self.trigger, refuse=self._reason)
        answer = answer_to(queued.besides(absent))
        if not queued.ids:
            raise serializers.ValidationError(
                {"raw_data_ids": [f"{one['id']}: {one['reason']}" for one in answer["refused"]]}
            )
        return Response(answer, status.HTTP_202_ACCEPTED)

    def _reason(self, row: RawExtractionData) -> str | None:
        """What speaks against a row, going by what was asked."""
        if row.entity_type != self.given["entity_type"]:
            return f"its entity type is {row.entity_type}, not {self.given['entity_type']}"
        if self.given["transform_options"].get("only_failed") and row.status != UnitState.FAILED:
            return f"it is {row.status}, and has not failed"
        return None


class LoadOptions(Form):
    """``integration_id`` may be left out where only one active integration takes such records."""

    integration_id = IdField(required=False)
    priority = _priority()


class LoadForm(Form):
    """Records of a table, as docs/api.md lists their names."""

    entity_type = serializers.CharField(max_length=50)
    transformed_data = serializers.JSONField()
    load_options = LoadOptions(default={})

    def validate_transformed_data(self, value: Any) -> Any:
        if isinstance(value, list) and value:
            return value
        raise serializers.ValidationError("is no list of records")


class LoadView(ApiView):
    """POST: has records loaded as workers load those of sites; one that cannot be does not hold up the others."""

    forms = {"POST": LoadForm}
    answers = {"POST": Answer({**STORED_ANSWER, "run_id": int, "refused": [{"path": str, "reason": str}]}, 202)}

    def post(self, request: Request) -> Response:
        options = self.given["load_options"]
        records = HandedIn(
            self.given["entity_type"],
            self.given["transformed_data"],
            priority=options.get("priority", DEFAULT_PRIORITY),
        )
        stored, refused = handing_in.store_records(self._integration(options), records, trigger=self.trigger)
        total = len(records.content)
        body = {
            "status": "success",
            "message": f"{total - len(refused)} of {total} records queued for loading",
            "record_id": stored.raw_id,
            "run_id": stored.run_id,
            "refused": [{"path": one.path, "reason": one.reason} for one in refused],
        }
        return Response(body, status.HTTP_202_ACCEPTED)

    def _integration(self, options: dict[str, Any]) -> Integration:
        """Raises NoSuchRow, and ValidationError where none is named and it is not clear which is meant."""
        if "integration_id" in options:
            return self.row(Integration, options["integration_id"], "load_options.integration_id")
        return handing_in.only_taker(self.rows(Integration).filter(active=True), self.given["entity_type"])


class PipelineForm(IntegrationForm):
    entity_type = serializers.CharField(max_length=50)
    payload = serializers.JSONField()
    priority = _priority()

    def validate_payload(self, value: Any) -> Any:
        return checked_content(value)


class PipelineView(ApiView):
    """POST: stores an answer and has it taken through all stages, before others where its priority says so."""

    forms = {"POST": PipelineForm}
    answers = {"POST": Answer({**STORED_ANSWER, "run_id": int | None}, 202)}

    def post(self, request: Request) -> Response:
        given = self.given
        answer = HandedIn(given["entity_type"], given["payload"], priority=given["priority"])
        stored = handing_in.store_known(self.integration(), answer, trigger=self.trigger)
        body = {
            "status": "success",
            "message": f"Queued with priority {answer.priority}",
            "record_id": stored.raw_id,
            "run_id": stored.run_id,
        }
        return Response(body, status.HTTP_202_ACCEPTED)
