"""The custom fields of the sites: how much each is used, and what it is mapped to."""

from typing import Any

from django.contrib import admin
from django.db.models import F, FloatField, QuerySet
from django.db.models.functions import Cast, NullIf
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join

from custommapping.models import CustomField, Project, ProjectCustomField
from etl.admin.mapping.base import IntegrationPages, back_to, discover
from etl.admin.mapping.shown import filled, mapped_to, title_of
from etl.mapping.profile import profile
from integrations.models import Integration
from pulse.tenancy.admin.base import ReadOnlyAdmin
from pulse.tenancy.admin.shown import pretty_json
from pulse.tenancy.models import Role

SHOWN_EXAMPLES = 3


class MappedFilter(admin.SimpleListFilter):
    """By whether a column is filled by the field."""

    title = "mapped"
    parameter_name = "mapped"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "fills a column"), ("no", "fills none")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in ("yes", "no"):
            return queryset
        return queryset.filter(mapped_to__isnull=self.value() == "no")


class TypeFilter(admin.SimpleListFilter):
    """By the types that there are: sites have some hundreds of fields, not more."""

    title = "type"
    parameter_name = "field_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        types = {*model_admin.get_queryset(request).order_by().values_list("field_type", flat=True)}
        return [(name, name) for name in sorted(types) if name]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(field_type=self.value()) if self.value() else queryset


@admin.register(CustomField)
class CustomFieldAdmin(ReadOnlyAdmin, IntegrationPages):
    """What discoveries and profiles wrote; the buttons have it written anew."""

    panel = "fields_panel"
    least_role = Role.OPERATOR
    relations = ("tenant", "integration")
    list_loads = ("examples",)
    ordering = ("name", "id")
    list_display = (
        "name",
        "external_id",
        "field_type",
        "filled",
        "distinct_values",
        "seen_examples",
        "column",
        "active",
        "integration",
        "tenant",
    )
    list_filter = ("tenant", "integration", MappedFilter, "active", TypeFilter)
    search_fields = ("name", "external_id")
    search_help_text = "A part of the name or of the id"
    fieldsets = (
        (None, {"fields": ("name", "external_id", "field_type", "column", "active", "integration")}),
        ("Use", {"fields": ("filled_of", "distinct_values", "all_examples", "profiled_at")}),
        ("On the site", {"fields": ("offered_by", "operations_shown", "schema_shown", "last_updated_at")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[CustomField]:
        share = Cast(F("items_filled"), FloatField()) / NullIf(F("items_seen"), 0)
        rows: QuerySet[CustomField] = super().get_queryset(request)
        return rows.annotate(mapped_to=mapped_to(), share=share)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [name for _, group in self.fieldsets for name in group["fields"]]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.get_fields(request, obj)

    def look(self, request: HttpRequest, integration: Integration) -> HttpResponse:
        """Has no page of its own beside the list."""
        return back_to(self.list_address(integration))

    def act(self, request: HttpRequest, integration: Integration) -> HttpResponse:
        if "profile" in request.POST:
            changed = profile(integration)
            self.message_user(request, f"Looked at the work items: the figures of {changed} fields are others now.")
        else:
            discover(self, request, [integration])
        return back_to(self.list_address(integration))

    # Columns and fields

    @admin.display(description="filled", ordering="share")
    def filled(self, field: CustomField) -> str | None:
        return filled(field)

    @admin.display(description="filled")
    def filled_of(self, field: CustomField) -> str:
        if field.items_seen is None:
            return "nobody has looked yet"
        return f"{filled(field)}: {field.items_filled or 0:,} of {field.items_seen:,} work items looked at"

    @admin.display(description="examples")
    def seen_examples(self, field: CustomField) -> str:
        return " · ".join(map(str, list(field.examples)[:SHOWN_EXAMPLES]))

    @admin.display(description="examples")
    def all_examples(self, field: CustomField) -> str:
        return format_html_join("", "<div>{}</div>", ((text,) for text in field.examples)) or "-"

    @admin.display(description="fills", ordering="mapped_to")
    def column(self, field: CustomField) -> str | None:
        column = getattr(field, "mapped_to", None)
        return title_of(column) if column else None

    @admin.display(description="offered by")
    def offered_by(self, field: CustomField) -> str:
        """The projects whose form has the field, and of how many of their types."""
        rows = ProjectCustomField.objects.filter(
            tenant_id=field.tenant_id,
            integration_id=field.integration_id,
            active=True,
            discovered_fields__contains=[{"external_id": field.external_id}],
        )
        names = dict(
            Project.objects.filter(tenant_id=field.tenant_id, integration_id=field.integration_id).values_list(
                "key", "name"
            )
        )
        keys = rows.order_by("project_key").values_list("project_key", flat=True)
        shown = format_html_join("", "<div>{} {}</div>", ((key, names.get(key, "")) for key in keys))
        return shown or format_html("<span>{}</span>", "no project, as far as the last discovery found")

    @admin.display(description="operations")
    def operations_shown(self, field: CustomField) -> str:
        return ", ".join(map(str, field.operations)) or "-"

    @admin.display(description="schema")
    def schema_shown(self, field: CustomField) -> str:
        return pretty_json(field.schema)
