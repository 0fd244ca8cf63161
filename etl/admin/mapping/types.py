"""What types mean: the tenant's own name of each, and the level that it stands on."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.template.defaultfilters import pluralize
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from custommapping.models import Wit, WitHierarchy, WitMapping
from etl.admin.mapping.rows import Row, RowForm, RowsAdmin, as_text, prefix
from etl.mapping.changing import Applied
from etl.mapping.unmapped import wit_uses
from etl.mapping.wits import LONGEST_NAME, WitMeaning, save_wit_mappings
from integrations.models import Integration


class TypeForm(RowForm):
    wit_to = forms.CharField(
        required=False,
        max_length=LONGEST_NAME,
        label="own type",
        widget=UnfoldAdminTextInputWidget(),
        show_hidden_initial=True,
    )
    hierarchy_id = forms.TypedChoiceField(
        required=False,
        coerce=int,
        empty_value=None,
        label="level",
        widget=UnfoldAdminSelectWidget(),
        show_hidden_initial=True,
    )


@admin.register(WitMapping)
class WitMappingAdmin(RowsAdmin):
    """Types are mapped by name: projects may have types of the same name, with ids of their own."""

    relations = ("tenant", "integration", "hierarchy")
    list_display = ("wit_from", "wit_to", "hierarchy", "integration", "tenant", "last_updated_at")
    list_filter = ("tenant", "integration")
    search_fields = ("wit_from", "wit_to")
    headers = ("Type", "on the site", "work items", "own type", "level")
    help_text = "Types of different sites that mean the same get the same own name. Levels are under Wit hierarchies."

    def named(self, integration: Integration, words: str, unmapped: bool) -> Sequence[str]:
        rows = Wit.objects.filter(tenant_id=integration.tenant_id, integration=integration)
        if unmapped:
            rows = rows.filter(mapping__isnull=True)
        if words:
            rows = rows.filter(name__icontains=words)
        return sorted(set(rows.values_list("name", flat=True)), key=lambda name: (name.casefold(), name))

    def rows(self, integration: Integration, names: Sequence[str], data: Mapping[str, Any] | None) -> list[Row]:
        kinds: dict[str, list[Wit]] = defaultdict(list)
        for wit in Wit.objects.filter(tenant_id=integration.tenant_id, integration=integration):
            if wit.name in set(names):
                kinds[wit.name].append(wit)
        mappings = WitMapping.objects.filter(tenant_id=integration.tenant_id, integration=integration, active=True)
        mapped = {row.wit_from: row for row in mappings}
        uses = wit_uses([wit.pk for wits in kinds.values() for wit in wits])
        levels = _levels(integration)
        made = []
        for name in names:
            if name not in kinds:
                continue
            form = TypeForm(data, prefix=prefix(name, names), initial=_initial(name, mapped.get(name)))
            form.choose_from("hierarchy_id", levels)
            used = sum(uses[wit.pk] for wit in kinds[name])
            made.append(Row((name, _described(kinds[name]), f"{used:,}"), form))
        return made

    def save(self, integration: Integration, changed: Sequence[RowForm], *, by: str) -> Applied:
        given = [form.cleaned_data for form in changed]
        meanings = [WitMeaning(one["name"], one["wit_to"] or None, one["hierarchy_id"]) for one in given]
        return save_wit_mappings(integration, meanings, by=by, seen={one["name"]: one["seen"] for one in given})

    def told(self, applied: Applied) -> str:
        mappings = f"{applied.mappings:,} type mapping{pluralize(applied.mappings)}"
        return f"Saved: {mappings}; types of the site that follow: {applied.rows:,}."


def _levels(integration: Integration) -> list[tuple[str, str]]:
    rows = WitHierarchy.objects.filter(tenant_id=integration.tenant_id, active=True).order_by("-level")
    return [("", "—"), *((str(row.pk), f"{row.name} ({row.level})") for row in rows)]


def _described(wits: Sequence[Wit]) -> str:
    first = wits[0]
    kind = "subtask" if first.subtask else "" if first.hierarchy_level is None else f"level {first.hierarchy_level}"
    several = f"{len(wits)} of that name" if len(wits) > 1 else ""
    return ", ".join(part for part in (kind, several) if part)


def _initial(name: str, mapping: WitMapping | None) -> dict[str, Any]:
    return {
        "name": name,
        "seen": as_text(mapping.last_updated_at if mapping else None),
        "wit_to": mapping.wit_to if mapping else "",
        "hierarchy_id": mapping.hierarchy_id if mapping else None,
    }
