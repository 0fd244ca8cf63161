"""`work-items`: what was loaded, found by project, type, status, times, mapped column, or any other custom field."""

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

from django.db.models import QuerySet
from rest_framework import serializers

from custommapping.models import MAPPED_COLUMNS, CustomField, Project, Status, Wit
from etl.api.filters import period_fields
from etl.api.forms import Form, IdField, NamesField, PageForm
from etl.api.listing import ChosenAnswer, Listing, Pages, Single, short
from etl.api.overflow import holding, readable
from etl.models import WorkItem
from etl.models.items import LONGEST_INDEXED, TEXT_COLUMNS, is_short
from etl.transform.metrics import METRIC_NAMES
from integrations.models import Integration
from integrations.provider import Provider

_PREFIX = "overflow."
_overflow_name = re.compile(r"overflow\.[A-Za-z0-9_.-]{1,100}")
PERIODS = {name: name for name in ("created", "updated", "resolved")}
# Parameters that name rows of a catalogue, by a column of it.
_CATALOGUES = {"project": (Project, "key"), "wit": (Wit, "name"), "status": (Status, "name")}


class PlainNumberField(serializers.FloatField):
    """A number, whole where it is."""

    def to_representation(self, value: Any) -> Any:
        return int(value) if value == value.to_integral_value() else float(value)


class WorkItemAnswer(ChosenAnswer[WorkItem]):
    """An item. ``overflow`` has the custom fields that no column holds (see `etl.api.overflow.readable`)."""

    project = serializers.CharField(source="project__key")
    wit = serializers.CharField(source="wit__name")
    status = serializers.CharField(source="status__name")
    story_points = PlainNumberField(allow_null=True)
    overflow = serializers.SerializerMethodField()
    made_of: ClassVar = {"overflow": ("integration_id", "custom_fields_overflow")}

    class Meta:
        model = WorkItem
        fields = (
            "id", "integration_id", "external_id", "key", "project", "project_id", "wit", "wit_id", "status",
            "status_id", "parent_external_id", "parent_id", "summary", "description", "priority", "resolution",
            "reporter_id", "reporter_name", "assignee_id", "assignee_name", "labels", "created", "updated", "resolved",
            "due",
            *MAPPED_COLUMNS, "overflow", *METRIC_NAMES, "active", "deleted_at", "created_at", "last_updated_at",
        )  # fmt: skip

    def get_overflow(self, item: Any) -> dict[str, dict[str, Any]]:
        view = self.context["view"]
        names = view.field_names.get(item.integration_id, {})
        return readable(item.custom_fields_overflow, names, view.providers[item.integration_id])


NAMES = WorkItemAnswer.Meta.fields


class WorkItemsFilter(Form):
    """Besides what stands here each mapped column, and ``overflow.FIELD``; ``fields`` names what is answered.

    ``wit`` and ``status`` are names as the site has them.
    """

    integration_id = IdField(required=False)
    project = serializers.CharField(required=False, max_length=255)
    wit = serializers.CharField(required=False, max_length=255)
    status = serializers.CharField(required=False, max_length=255)
    key = serializers.CharField(required=False, max_length=255)
    active = serializers.BooleanField(default=True)
    story_points = serializers.DecimalField(max_digits=20, decimal_places=6, required=False)

    def get_fields(self) -> dict[str, Any]:
        columns, periods = {column: _value() for column in TEXT_COLUMNS}, period_fields(*PERIODS)
        names = NamesField(NAMES, default=short(NAMES, "description"))
        return {**super().get_fields(), **columns, **periods, "fields": names}

    def known(self) -> list[str]:
        return [*super().known(), f"{_PREFIX}FIELD"]

    def to_internal_value(self, data: Any) -> Any:
        """Overflow fields are any, so they are taken apart, into {"overflow": {field id: text}}."""
        asked = {name: value for name, value in data.items() if _overflow_name.fullmatch(name)}
        given = super().to_internal_value({name: value for name, value in data.items() if name not in asked})
        return {**given, "overflow": OverflowForm.read(asked)}


class WorkItemsForm(WorkItemsFilter, PageForm):
    """The same in pages."""


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


class WorkItems(Listing):
    keys = ("id",)
    periods = PERIODS
    answer = WorkItemAnswer

    def told(self) -> QuerySet[WorkItem]:
        return self.rows(WorkItem)

    def found(self) -> QuerySet[WorkItem]:
        rows = self.filtered(self.told(), "key", "active", *MAPPED_COLUMNS)
        for column in TEXT_COLUMNS:
            if column in self.given and len(self.given[column]) <= LONGEST_INDEXED:
                rows = rows.filter(is_short(column))
        for name, (model, column) in _CATALOGUES.items():
            if name in self.given:
                rows = rows.filter(**{f"{name}_id__in": self.named(model, name, column)})
        for field_id, text in self.given["overflow"].items():
            rows = holding(rows, self.tenant.pk, field_id, text)
        return rows

    # What the answer asks its view for.

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


class WorkItemView(Single, WorkItems):
    """GET: one work item, with all there is of it."""


class WorkItemsView(Pages, WorkItems):
    """GET: the tenant's work items."""

    forms = {"GET": WorkItemsForm}
