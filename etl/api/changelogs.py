"""`changelogs`: the status changes of work items, found by item, project, statuses and times."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from custommapping.models import Project
from etl.api.filters import period_fields
from etl.api.forms import Form, IdField, NamesField, PageForm
from etl.api.listing import ChosenAnswer, Listing, Pages, item_id
from etl.models import Changelog

PERIODS = {"changed": "transition_change_date"}


class ChangelogAnswer(ChosenAnswer[Changelog]):
    """A status change. ``key`` and ``project`` are those that its work item has now."""

    key = serializers.CharField(source="work_item__key")
    project = serializers.CharField(source="work_item__project__key")

    class Meta:
        model = Changelog
        fields = (
            "id", "integration_id", "work_item_id", "key", "project", "external_id", "item_number", "from_status_id",
            "from_status_name", "to_status_id", "to_status_name", "transition_start_date", "transition_change_date",
            "time_in_status_seconds", "changed_by",
        )  # fmt: skip


NAMES = ChangelogAnswer.Meta.fields


class ChangelogsFilter(Form):
    """``from_status`` and ``to_status`` are names as they were then; ``active`` is about the work item."""

    integration_id = IdField(required=False)
    project = serializers.CharField(required=False, max_length=255)
    work_item_id = IdField(required=False)
    key = serializers.CharField(required=False, max_length=255)
    from_status = serializers.CharField(required=False, max_length=255)
    to_status = serializers.CharField(required=False, max_length=255)
    changed_by = serializers.CharField(required=False, max_length=255)
    active = serializers.BooleanField(default=True)

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), **period_fields(*PERIODS), "fields": NamesField(NAMES, default=NAMES)}


class ChangelogsForm(ChangelogsFilter, PageForm):
    """The same in pages."""


_COLUMNS = {
    "key": "work_item__key",
    "active": "work_item__active",
    "from_status": "from_status_name",
    "to_status": "to_status_name",
    "changed_by": "changed_by",
    "work_item_id": "work_item_id",
}


class Changelogs(Listing):
    # By the work items' own id: that table has an index by tenant, this one by work item.
    keys = ("of_item", "external_id", "item_number")
    periods = PERIODS
    answer = ChangelogAnswer

    def told(self) -> QuerySet[Changelog]:
        return self.rows(Changelog)

    def found(self) -> QuerySet[Any]:
        rows = self.told().filter(work_item__tenant_id=self.tenant.pk)
        if "integration_id" in self.given:
            rows = rows.filter(work_item__integration=self.integration())
        if "project" in self.given:
            rows = rows.filter(work_item__project_id__in=self.named(Project, "project", "key"))
        rows = rows.filter(**{column: self.given[name] for name, column in _COLUMNS.items() if name in self.given})
        return rows.annotate(of_item=item_id())


class ChangelogsView(Pages, Changelogs):
    """GET: the status changes of the tenant's work items, item by item."""

    forms = {"GET": ChangelogsForm}
