"""`work-items`: what was loaded, found by project, key, mapped column, or a custom field that no column holds."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from custommapping.models import MAPPED_COLUMNS, CustomField, Project
from etl.api.base import ApiView
from etl.api.errors import NoSuchRow
from etl.api.forms import Form, IdField, NamesField, PageForm
from etl.api.overflow import holds, readable
from etl.models import WorkItem
from etl.transform.metrics import METRIC_NAMES
from integrations.models import Integration
from integrations.provider import Provider

_PREFIX = "overflow."
_overflow_name = re.compile(r"overflow\.[A-Za-z0-9_.-]{1,100}")
_TEXT_COLUMNS = tuple(column for column in MAPPED_COLUMNS if column != "story_points")
# What is long, and of use to few who read many.
_LONG = ("description", "custom_fields_overflow")


class WorkItemAnswer(serializers.ModelSerializer[WorkItem]):
    """An item. ``overflow`` has the custom fields that no column holds (see `etl.api.overflow.readable`)."""

    project = serializers.CharField(source="project.key")
    wit = serializers.CharField(source="wit.name")
    status = serializers.CharField(source="status.name")
    story_points = serializers.SerializerMethodField()
    overflow = serializers.SerializerMethodField()

    class Meta:
        model = WorkItem
        fields = (
            "id", "integration_id", "external_id", "key", "project", "project_id", "wit", "wit_id", "status",
            "status_id", "parent_external_id", "parent_id", "summary", "description", "priority", "resolution",
            "reporter_id", "reporter_name", "assignee_id", "assignee_name", "labels", "created", "updated", "resolved",
            "due",
            *MAPPED_COLUMNS, "overflow", *METRIC_NAMES, "active", "deleted_at", "created_at", "last_updated_at",
        )  # fmt: skip

    def get_fields(self) -> dict[str, Any]:
        wanted = self.context["view"].wanted
        return {name: field for name, field in super().get_fields().items() if name in wanted}

    def get_story_points(self, item: WorkItem) -> int | float | None:
        return None if item.story_points is None else _number(item.story_points)

    def get_overflow(self, item: WorkItem) -> dict[str, dict[str, Any]]:
        view = self.context["view"]
        names = view.field_names.get(item.integration_id, {})
        return readable(item.custom_fields_overflow, names, view.providers[item.integration_id])


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


NAMES = WorkItemAnswer.Meta.fields
SHORT_NAMES = tuple(name for name in NAMES if name != "description")


class WorkItemsForm(PageForm):
    """Besides what stands here each mapped column, and ``overflow.FIELD``; ``fields`` names what is answered."""

    integration_id = IdField(required=False)
    project = serializers.CharField(required=False, max_length=255)
    key = serializers.CharField(required=False, max_length=255)
    active = serializers.BooleanField(default=True)
    story_points = serializers.DecimalField(max_digits=20, decimal_places=6, required=False)

    def get_fields(self) -> dict[str, Any]:
        columns = {column: _value() for column in _TEXT_COLUMNS}
        return {**super().get_fields(), **columns, "fields": NamesField(NAMES, default=SHORT_NAMES)}

    def known(self) -> list[str]:
        return [*super().known(), f"{_PREFIX}FIELD"]

    def to_internal_value(self, data: Any) -> Any:
        """Overflow fields are any, so they are taken apart, into {"overflow": {field id: text}}."""
        asked = {name: value for name, value in data.items() if _overflow_name.fullmatch(name)}
        given = super().to_internal_value({name: value for name, value in data.items() if name not in asked})
        return {**given, "overflow": OverflowForm.read(asked)}


class OverflowForm(Form):
    """The values of fields that no column holds; which there are, nobody knows beforehand."""

    @classmethod
    def read(cls, asked: Mapping[str, str]) -> dict[str, str]:
        form = cls(data=asked)
        form.fields.update({name: _value() for name in asked})
        form.is_valid(raise_exception=True)
        return {name.removeprefix(_PREFIX): text for name, text in asked.items()}


def _value() -> serializers.CharField:
    return serializers.CharField(required=False, max_length=1000, trim_whitespace=False)


class _WorkItems(ApiView):
    """What `WorkItemAnswer` asks its view for."""

    wanted: Sequence[str] = NAMES

    @cached_property
    def field_names(self) -> dict[int, dict[str, str]]:
        """The names of the tenant's custom fields: by integration, by source id."""
        names: dict[int, dict[str, str]] = {}
        known = self.rows(CustomField).values_list("integration_id", "external_id", "name")
        for integration_id, field_id, name in known:
            names.setdefault(integration_id, {})[field_id] = name
        return names

    @cached_property
    def providers(self) -> dict[int, Provider]:
        """The code for the kind of site of each of the tenant's integrations."""
        return {integration.pk: integration.provider_code for integration in self.rows(Integration)}


class WorkItemView(_WorkItems):
    """GET: one work item, with all there is of it."""

    def get(self, request: Request, pk: int) -> Response:
        return Response(WorkItemAnswer(self.row(WorkItem, pk), context={"view": self}).data)


class WorkItemsView(_WorkItems):
    """GET: the tenant's work items."""

    forms = {"GET": WorkItemsForm}

    def get(self, request: Request) -> Response:
        self.wanted = self.given["fields"]
        rows = self._found().select_related("project", "wit", "status").defer(*self._unwanted())
        return Response(self.page(rows, ["integration_id", "external_id"], WorkItemAnswer))

    def _found(self) -> QuerySet[WorkItem]:
        rows = self.filtered(self.rows(WorkItem), "key", "active", *MAPPED_COLUMNS)
        if "project" in self.given:
            rows = rows.filter(project_id__in=self._projects(self.given["project"]))
        for field_id, text in self.given["overflow"].items():
            rows = rows.filter(holds(field_id, text))
        return rows

    def _projects(self, key: str) -> list[int]:
        """The projects of that key, of which each integration may have one. Raises NoSuchRow."""
        found = list(self.filtered(self.rows(Project)).filter(key=key).values_list("pk", flat=True))
        if not found:
            raise NoSuchRow("project", key)
        return found

    def _unwanted(self) -> list[str]:
        loaded = {"overflow": "custom_fields_overflow"}
        wanted = {loaded.get(name, name) for name in self.wanted}
        return [name for name in _LONG if name not in wanted]
