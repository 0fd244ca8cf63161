"""`work-items/links`: the pull requests, branches and commits of work items, and where each link was found."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from custommapping.models import Project
from etl.api.errors import NoSuchRow
from etl.api.forms import Form, IdField, NamesField, OneOfField, PageForm
from etl.api.listing import ChosenAnswer, Listing, Pages, item_id
from etl.models import WorkItemPrLink
from integrations.records import LinkKind


class LinkAnswer(ChosenAnswer[WorkItemPrLink]):
    """A link. ``key`` and ``project`` are its work item's, ``pr_id`` is null where the pull request is not stored."""

    key = serializers.CharField(source="work_item__key")
    project = serializers.CharField(source="work_item__project__key")
    repository = serializers.CharField(source="external_repo")
    number = serializers.IntegerField(source="pr_number", allow_null=True)

    class Meta:
        model = WorkItemPrLink
        fields = (
            "id", "integration_id", "work_item_id", "key", "project", "source", "kind", "external_id", "pr_id",
            "repository", "number", "url", "title", "state", "author", "last_changed_at",
        )  # fmt: skip


NAMES = LinkAnswer.Meta.fields


class LinksFilter(Form):
    """``integration_id`` is the site's that says so; ``active`` is about the work item."""

    integration_id = IdField(required=False)
    project = serializers.CharField(required=False, max_length=255)
    work_item_id = IdField(required=False)
    key = serializers.CharField(required=False, max_length=255)
    pr_id = IdField(required=False)
    kind = OneOfField(LinkKind, required=False)
    active = serializers.BooleanField(default=True)

    def get_fields(self) -> dict[str, Any]:
        # Each field has a `source` of its own.
        source = serializers.CharField(required=False, max_length=50)
        return {**super().get_fields(), "source": source, "fields": NamesField(NAMES, default=NAMES)}


class LinksForm(LinksFilter, PageForm):
    """The same in pages."""


class Links(Listing):
    # By the work items' own id: that table has an index by tenant, this one by work item.
    keys = ("of_item", "source", "kind", "external_id")
    answer = LinkAnswer

    def told(self) -> QuerySet[WorkItemPrLink]:
        return self.rows(WorkItemPrLink)

    def found(self) -> QuerySet[Any]:
        rows = self.filtered(self.told(), "work_item_id", "pr_id", "source", "kind")
        rows = rows.filter(work_item__tenant_id=self.tenant.pk, work_item__active=self.given["active"])
        if "key" in self.given:
            rows = rows.filter(work_item__key=self.given["key"])
        if "project" in self.given:
            keyed = self.rows(Project).filter(key=self.given["project"])
            if not keyed.exists():
                raise NoSuchRow("project", self.given["project"])
            rows = rows.filter(work_item__project__in=keyed)
        return rows.annotate(of_item=item_id())


class LinksView(Pages, Links):
    """GET: the links of the tenant's work items, item by item."""

    forms = {"GET": LinksForm}
