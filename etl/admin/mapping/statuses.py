"""What statuses mean: their category, and the step of the workflow that they stand for."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.template.defaultfilters import pluralize
from unfold.widgets import UnfoldAdminSelectWidget

from custommapping.models import CATEGORY_CHOICES, ProjectStatus, Status, StatusMapping
from custommapping.workflows import steps_of, workflows_of
from etl.admin.mapping.rows import Row, RowForm, RowsAdmin, as_text, prefix
from etl.mapping.changing import Applied
from etl.mapping.statuses import StatusMeaning, save_status_mappings
from etl.mapping.unmapped import UNMAPPED, status_uses, with_meaning
from integrations.models import Integration

SHOWN_PROJECTS = 4


class StatusForm(RowForm):
    """``source`` is the category that the source gives the status, "" where it gives none."""

    source = ""

    category = forms.ChoiceField(
        required=False, label="means", widget=UnfoldAdminSelectWidget(), show_hidden_initial=True
    )
    flow_step = forms.ChoiceField(required=False, widget=UnfoldAdminSelectWidget(), show_hidden_initial=True)

    def clean(self) -> dict[str, Any]:
        """Who chooses a step and leaves the category as the source says has chosen that category."""
        if self.cleaned_data.get("flow_step") and not self.cleaned_data.get("category"):
            self.cleaned_data["category"] = self.source
        return self.cleaned_data


@admin.register(StatusMapping)
class StatusMappingAdmin(RowsAdmin):
    relations = ("tenant", "integration")
    list_display = ("status", "category", "flow_step", "integration", "tenant", "last_updated_at")
    list_filter = ("tenant", "integration", "category")
    search_fields = ("status_external_id__exact", "flow_step")
    search_help_text = "A status's id, or a flow step"
    headers = ("Status", "in projects", "the source says", "work items", "changes", "means", "flow step")
    help_text = (
        "A status without a mapping counts as the source says. What you change here is applied at once: the metrics of"
        " the work items that it touches are computed again."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[StatusMapping]:
        same = {name: OuterRef(name) for name in ("tenant", "integration")}
        names = Status.objects.filter(**same, external_id=OuterRef("status_external_id")).values("name")[:1]
        rows: QuerySet[StatusMapping] = super().get_queryset(request)
        return rows.annotate(status_name=Subquery(names))

    @admin.display(description="status", ordering="status_name")
    def status(self, row: StatusMapping) -> str:
        return getattr(row, "status_name", None) or row.status_external_id

    def named(self, integration: Integration, words: str, unmapped: bool) -> Sequence[str]:
        rows = with_meaning(_of(integration))
        if unmapped:
            rows = rows.filter(Q(meaning__in=UNMAPPED))
        if words:
            rows = rows.filter(Q(name__icontains=words) | Q(external_id__icontains=words))
        # Those without any category first, where it is about what is still to be mapped.
        keys = ["meaning", "name"] if unmapped else ["name"]
        return list(rows.order_by(*keys, "external_id").values_list("external_id", flat=True))

    def rows(self, integration: Integration, names: Sequence[str], data: Mapping[str, Any] | None) -> list[Row]:
        found = {row.external_id: row for row in _of(integration) if row.external_id in set(names)}
        statuses = [found[name] for name in names if name in found]
        mappings = StatusMapping.objects.filter(tenant_id=integration.tenant_id, integration=integration, active=True)
        mapped = {row.status_external_id: row for row in mappings}
        uses = status_uses([status.pk for status in statuses])
        places = _projects(statuses)
        steps = steps_of(statuses, workflows_of(integration.tenant_id))
        made = []
        for status in statuses:
            form = StatusForm(data, prefix=prefix(status.external_id, names), initial=_initial(status, mapped))
            form.source = status.category or ""
            unmapped = f"as the source says: {status.category}" if status.category else "not mapped"
            form.choose_from("category", [("", unmapped), *CATEGORY_CHOICES])
            known = steps[integration.pk, status.external_id]
            form.choose_from("flow_step", [("", "—"), *((step, step) for step in known)])
            use = uses[status.pk]
            counts = (f"{use.work_items:,}", f"{use.changelogs:,}")
            made.append(Row((status.name, places[status.pk], status.category or "no category", *counts), form))
        return made

    def save(self, integration: Integration, changed: Sequence[RowForm], *, by: str) -> Applied:
        given = [form.cleaned_data for form in changed]
        meanings = [StatusMeaning(one["name"], one["category"] or None, one["flow_step"]) for one in given]
        return save_status_mappings(integration, meanings, by=by, seen={one["name"]: one["seen"] for one in given})

    def told(self, applied: Applied) -> str:
        statuses = f"{applied.mappings:,} status{pluralize(applied.mappings, 'es')}"
        items = f"{applied.rows:,} work item{pluralize(applied.rows)}"
        return f"Saved: {statuses}, and the metrics of {items} are others now."


def _of(integration: Integration) -> QuerySet[Status]:
    return Status.objects.filter(tenant_id=integration.tenant_id, integration=integration)


def _projects(statuses: Sequence[Status]) -> dict[int, str]:
    """The keys of the projects that use each status: several statuses may have one name."""
    used: dict[int, list[str]] = {status.pk: [] for status in statuses}
    pairs = ProjectStatus.objects.filter(status__in=used, active=True).order_by("project__key")
    for status_id, key in pairs.values_list("status_id", "project__key"):
        used[status_id].append(key)
    return {pk: _cut(keys) for pk, keys in used.items()}


def _cut(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - SHOWN_PROJECTS} more" if len(keys) > SHOWN_PROJECTS else ""
    return f"{', '.join(keys[:SHOWN_PROJECTS])}{more}" or "none by now"


def _initial(status: Status, mapped: Mapping[str, StatusMapping]) -> dict[str, Any]:
    mapping = mapped.get(status.external_id)
    return {
        "name": status.external_id,
        "seen": as_text(mapping.last_updated_at if mapping else None),
        "category": mapping.category if mapping else "",
        "flow_step": mapping.flow_step if mapping else "",
    }
