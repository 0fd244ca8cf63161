"""`statuses`: how much each is used, and what it means; `statuses/mappings`: what the tenant says that it means."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Q
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from custommapping.models import Status, StatusMapping
from custommapping.workflows import steps_of, workflows_of
from etl.api.base import ApiView
from etl.api.describing import Page, With
from etl.api.forms import Form, IdField, IntegrationForm, OneOfField, PageForm
from etl.api.paging import page
from etl.mapping.changing import Applied
from etl.mapping.statuses import StatusMeaning, save_status_mappings
from etl.mapping.unmapped import UNMAPPED, Meaning, status_uses, with_meaning
from integrations.records import Category

MOST_AT_ONCE = 1000


class StatusesForm(PageForm):
    integration_id = IdField(required=False)
    meaning = OneOfField(Meaning.values, required=False)
    unmapped = serializers.BooleanField(required=False)
    search = serializers.CharField(required=False, max_length=255)
    counts = serializers.BooleanField(default=False)


class StatusMappingAnswer(serializers.ModelSerializer[StatusMapping]):
    class Meta:
        model = StatusMapping
        fields = (
            "id", "integration_id", "status_external_id", "category", "flow_step", "created_at", "last_updated_at",
        )  # fmt: skip


class StatusAnswer(serializers.ModelSerializer[Status]):
    """A status; ``category`` is the source's, ``effective_category`` counts, ``steps`` are what it can be mapped to.

    Its work items and status changes are counted where ``counts`` asks for it: that reads all there are.
    """

    class Meta:
        model = Status
        fields = (
            "id", "integration_id", "external_id", "name", "description", "project_id", "category", "active",
            "created_at", "last_updated_at",
        )  # fmt: skip

    def to_representation(self, instance: Any) -> dict[str, Any]:
        key = instance.integration_id, instance.external_id
        mapping = self.context["mappings"].get(key)
        uses = self.context["uses"].get(instance.pk)
        return super().to_representation(instance) | {
            "meaning": instance.meaning,
            "effective_category": mapping.category if mapping else instance.category,
            "mapping": StatusMappingAnswer(mapping).data if mapping else None,
            "steps": self.context["steps"][key],
            "work_items": uses and uses.work_items,
            "changelogs": uses and uses.changelogs,
        }


MEANINGS = {
    "meaning": str | None,
    "effective_category": str | None,
    "mapping": StatusMappingAnswer | None,
    "steps": [str],
    "work_items": int | None,
    "changelogs": int | None,
}


class StatusesView(ApiView):
    """GET: the tenant's statuses."""

    forms = {"GET": StatusesForm}
    answers = {"GET": Page(With(StatusAnswer, MEANINGS))}

    def get(self, request: Request) -> Response:
        rows = self.filtered(with_meaning(self.rows(Status)), "meaning")
        if "unmapped" in self.given:
            unmapped = Q(meaning__in=UNMAPPED)
            rows = rows.filter(unmapped if self.given["unmapped"] else ~unmapped)
        if words := self.given.get("search"):
            rows = rows.filter(Q(name__icontains=words) | Q(external_id__icontains=words))
        return Response(page(rows, ["integration_id", "name", "id"], self.given, self._answers))

    def _answers(self, found: Sequence[Status]) -> Any:
        mappings = self.rows(StatusMapping).filter(
            active=True, status_external_id__in=[status.external_id for status in found]
        )
        context = {
            "mappings": {(row.integration_id, row.status_external_id): row for row in mappings},
            "uses": status_uses([status.pk for status in found]) if self.given["counts"] else {},
            "steps": steps_of(found, workflows_of(self.tenant.pk)),
        }
        return StatusAnswer(found, many=True, context=context).data


class StatusMappingsForm(PageForm):
    integration_id = IdField(required=False)


class StatusMeaningForm(Form):
    """``last_updated_at`` is that of the mapping which the caller saw, null where there was none."""

    status_external_id = serializers.CharField(max_length=255, trim_whitespace=False)
    category = OneOfField(Category, allow_null=True)
    flow_step = serializers.CharField(default="", allow_blank=True, max_length=100)
    last_updated_at = serializers.DateTimeField(required=False, allow_null=True)


class SaveStatusMappingsForm(IntegrationForm):
    mappings = StatusMeaningForm(many=True, allow_empty=False, max_length=MOST_AT_ONCE)  # type: ignore[call-arg]


APPLIED_ANSWER = {"mappings_changed": int, "work_items_changed": int}


class StatusMappingsView(ApiView):
    """GET: the tenant's mappings. PATCH: changes those of some statuses; all or none of them."""

    forms = {"GET": StatusMappingsForm, "PATCH": SaveStatusMappingsForm}
    answers = {"GET": Page(StatusMappingAnswer), "PATCH": APPLIED_ANSWER}

    def get(self, request: Request) -> Response:
        rows = self.filtered(self.rows(StatusMapping).filter(active=True))
        return Response(self.page(rows, ["integration_id", "status_external_id"], StatusMappingAnswer))

    def patch(self, request: Request) -> Response:
        names = ("status_external_id", "category", "flow_step")
        given = self.given["mappings"]
        meanings = [StatusMeaning(**{name: one[name] for name in names}) for one in given]
        seen = {one["status_external_id"]: one["last_updated_at"] for one in given if "last_updated_at" in one}
        return Response(told(save_status_mappings(self.integration(), meanings, by=self.user.username, seen=seen)))


class StatusMappingView(ApiView):
    """DELETE: takes the mapping away, so that the source's category counts again."""

    answers = {"DELETE": APPLIED_ANSWER}

    def delete(self, request: Request, pk: int) -> Response:
        row = self.row(StatusMapping, pk)
        none = StatusMeaning(row.status_external_id, None)
        return Response(told(save_status_mappings(row.integration, [none], by=self.user.username)))


def told(applied: Applied) -> dict[str, int]:
    return {"mappings_changed": applied.mappings, "work_items_changed": applied.rows}
