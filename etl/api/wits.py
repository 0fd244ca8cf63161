"""`wits`: the types; `wits/mappings`: the tenant's own names and levels of them; `wits/hierarchies`: the levels."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Q
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from custommapping.models import Wit, WitHierarchy, WitMapping
from etl.api.base import ApiView
from etl.api.describing import Answer, Page, With
from etl.api.forms import Form, IdField, IntegrationForm, PageForm
from etl.api.paging import page
from etl.mapping.changing import Applied
from etl.mapping.hierarchies import HIGHEST, delete_hierarchy, save_hierarchy
from etl.mapping.unmapped import wit_uses
from etl.mapping.wits import WitMeaning, save_wit_mappings

MOST_AT_ONCE = 1000


class WitsForm(PageForm):
    integration_id = IdField(required=False)
    unmapped = serializers.BooleanField(required=False)
    search = serializers.CharField(required=False, max_length=255)
    counts = serializers.BooleanField(default=False)


class HierarchyAnswer(serializers.ModelSerializer[WitHierarchy]):
    class Meta:
        model = WitHierarchy
        fields = ("id", "name", "level", "active", "created_at", "last_updated_at")


class WitMappingAnswer(serializers.ModelSerializer[WitMapping]):
    hierarchy = HierarchyAnswer()

    class Meta:
        model = WitMapping
        fields = ("id", "integration_id", "wit_from", "wit_to", "hierarchy", "created_at", "last_updated_at")


class WitAnswer(serializers.ModelSerializer[Wit]):
    """A type. Its work items are counted where ``counts`` asks for it: that reads all there are."""

    mapping = WitMappingAnswer(allow_null=True)

    class Meta:
        model = Wit
        fields = (
            "id", "integration_id", "external_id", "name", "description", "subtask", "hierarchy_level", "mapping",
            "active", "created_at", "last_updated_at",
        )  # fmt: skip

    def to_representation(self, instance: Wit) -> dict[str, Any]:
        return super().to_representation(instance) | {"work_items": self.context["uses"].get(instance.pk)}


class WitsView(ApiView):
    """GET: the tenant's types."""

    forms = {"GET": WitsForm}
    answers = {"GET": Page(With(WitAnswer, {"work_items": int | None}))}

    def get(self, request: Request) -> Response:
        rows = self.filtered(self.rows(Wit)).select_related("mapping__hierarchy")
        if "unmapped" in self.given:
            rows = rows.filter(mapping__isnull=self.given["unmapped"])
        if words := self.given.get("search"):
            rows = rows.filter(Q(name__icontains=words) | Q(external_id__icontains=words))
        return Response(page(rows, ["integration_id", "name", "id"], self.given, self._answers))

    def _answers(self, found: Sequence[Wit]) -> Any:
        uses = wit_uses([wit.pk for wit in found]) if self.given["counts"] else {}
        return WitAnswer(found, many=True, context={"uses": uses}).data


class WitMappingsForm(PageForm):
    integration_id = IdField(required=False)


class WitMeaningForm(Form):
    """``last_updated_at`` is that of the mapping which the caller saw, null where there was none."""

    wit_from = serializers.CharField(max_length=255, trim_whitespace=False)
    wit_to = serializers.CharField(max_length=255, allow_null=True)
    hierarchy_id = IdField(default=None, allow_null=True)
    last_updated_at = serializers.DateTimeField(required=False, allow_null=True)


class SaveWitMappingsForm(IntegrationForm):
    mappings = WitMeaningForm(many=True, allow_empty=False, max_length=MOST_AT_ONCE)  # type: ignore[call-arg]


APPLIED_ANSWER = {"mappings_changed": int, "types_changed": int}


class WitMappingsView(ApiView):
    """GET: the tenant's mappings. PATCH: changes those of some types; all or none of them."""

    forms = {"GET": WitMappingsForm, "PATCH": SaveWitMappingsForm}
    answers = {"GET": Page(WitMappingAnswer), "PATCH": APPLIED_ANSWER}

    def get(self, request: Request) -> Response:
        rows = self.filtered(self.rows(WitMapping).filter(active=True)).select_related("hierarchy")
        return Response(self.page(rows, ["integration_id", "wit_from"], WitMappingAnswer))

    def patch(self, request: Request) -> Response:
        given = self.given["mappings"]
        meanings = [WitMeaning(one["wit_from"], one["wit_to"], one["hierarchy_id"]) for one in given]
        seen = {one["wit_from"]: one["last_updated_at"] for one in given if "last_updated_at" in one}
        return Response(_told(save_wit_mappings(self.integration(), meanings, by=self.user.username, seen=seen)))


class WitMappingView(ApiView):
    """DELETE: takes the mapping away."""

    answers = {"DELETE": APPLIED_ANSWER}

    def delete(self, request: Request, pk: int) -> Response:
        row = self.row(WitMapping, pk)
        none = WitMeaning(row.wit_from, None)
        return Response(_told(save_wit_mappings(row.integration, [none], by=self.user.username)))


def _told(applied: Applied) -> dict[str, int]:
    return {"mappings_changed": applied.mappings, "types_changed": applied.rows}


class HierarchyForm(Form):
    """``last_updated_at`` is that of the level which the caller saw."""

    name = serializers.CharField(max_length=100)
    level = serializers.IntegerField(min_value=-HIGHEST, max_value=HIGHEST)
    last_updated_at = serializers.DateTimeField(required=False)


class ForceForm(Form):
    """With ``force`` also what is used is deleted."""

    force = serializers.BooleanField(default=False)


class HierarchiesView(ApiView):
    """GET: the tenant's levels. POST: makes one."""

    forms = {"GET": PageForm, "POST": HierarchyForm}
    answers = {"GET": Page(HierarchyAnswer), "POST": Answer(HierarchyAnswer, 201)}

    def get(self, request: Request) -> Response:
        return Response(self.page(self.rows(WitHierarchy), ["-level", "id"], HierarchyAnswer))

    def post(self, request: Request) -> Response:
        row = save_hierarchy(self.tenant, self.given["name"], self.given["level"], by=self.user.username)
        return Response(HierarchyAnswer(row).data, status.HTTP_201_CREATED)


class HierarchyView(ApiView):
    """PUT: gives a level another name or number. DELETE: removes it."""

    forms = {"PUT": HierarchyForm, "DELETE": ForceForm}
    answers = {"PUT": HierarchyAnswer, "DELETE": {"deleted": int}}

    def put(self, request: Request, pk: int) -> Response:
        known, given = self.row(WitHierarchy, pk), self.given
        row = save_hierarchy(
            self.tenant,
            given["name"],
            given["level"],
            by=self.user.username,
            known=known,
            seen=given.get("last_updated_at"),
        )
        return Response(HierarchyAnswer(row).data)

    def delete(self, request: Request, pk: int) -> Response:
        delete_hierarchy(self.row(WitHierarchy, pk), by=self.user.username, force=self.given["force"])
        return Response({"deleted": pk})
