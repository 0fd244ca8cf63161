"""Which custom field fills which column: choosing, looking at what would change, saving."""

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path
from django.utils.html import format_html

from custommapping.errors import Outdated, Refused
from custommapping.exchange import exported, imported
from custommapping.mapping import columns_of, find_mapping, reference
from custommapping.models import MAPPED_COLUMNS, CustomFieldMapping
from etl.admin.mapping.base import RowOfIntegration, back_to, run_link
from etl.admin.mapping.choices import choices
from etl.admin.mapping.columns_form import Columns, ColumnsForm, digest, filled_in
from etl.admin.mapping.columns_page import MappingPage, differences
from etl.admin.mapping.documents import read_document
from etl.mapping.preview import preview
from etl.mapping.saving import Saved, save_mapping
from etl.mapping.suggesting import suggestions
from integrations.models import Integration
from pulse.tenancy.scoping import person

# What the button says that takes all suggestions.
ALL = "all"


@admin.register(CustomFieldMapping)
class CustomFieldMappingAdmin(RowOfIntegration):
    """One form per integration. Only what was previewed can be saved."""

    panel = "columns_panel"
    relations = ("tenant", "integration")
    list_display = ("integration", "mapped", "version", "active", "last_updated_at", "tenant")
    list_filter = ("tenant", "integration", "active")
    search_fields = ("integration__name",)

    def get_urls(self) -> list[URLPattern]:
        views = {"fields": self.fields_view, "export": self.export_view}
        own = [
            path(f"of/<int:integration_id>/{name}/", self.admin_site.admin_view(view), name=self.page_name(name))
            for name, view in views.items()
        ]
        return [*own, *super().get_urls()]

    @admin.display(description="columns mapped")
    def mapped(self, row: CustomFieldMapping) -> int:
        return sum(getattr(row, f"{reference(column)}_id") is not None for column in MAPPED_COLUMNS)

    def fields_view(self, request: HttpRequest, integration_id: int) -> JsonResponse:
        return choices(request, self.integration(request, integration_id))

    def export_view(self, request: HttpRequest, integration_id: int) -> JsonResponse:
        integration = self.integration(request, integration_id)
        answer = JsonResponse(exported(integration), json_dumps_params={"indent": 2, "ensure_ascii": False})
        answer.headers["Content-Disposition"] = f'attachment; filename="mapping-{integration.pk}.json"'
        return answer

    # The page

    def look(self, request: HttpRequest, integration: Integration) -> HttpResponse:
        columns, version = _standing(integration)
        return self._show(request, MappingPage(integration, self._form(integration, columns, version)))

    def act(self, request: HttpRequest, integration: Integration) -> HttpResponse:
        form = ColumnsForm(integration, self.address(integration, "fields"), request.POST.dict())
        if not form.is_valid():
            return self._show(request, MappingPage(integration, form))
        if "use" in request.POST:
            return self._use(request, integration, form)
        if "import" in request.POST:
            return self._import(request, integration, form)
        if "save" not in request.POST:
            return self._preview(request, integration, form, form.columns)
        if form.cleaned_data["previewed"] != digest(form.columns):
            self.message_user(request, "The mapping was changed after its preview: look again.", messages.WARNING)
            return self._preview(request, integration, form, form.columns)
        return self._save(request, integration, form)

    def _form(self, integration: Integration, columns: Columns, version: int, previewed: str = "") -> ColumnsForm:
        return filled_in(integration, self.address(integration, "fields"), columns, version, previewed)

    def _use(self, request: HttpRequest, integration: Integration, form: ColumnsForm) -> HttpResponse:
        """Chooses what is suggested for one column, or for all that are empty; nothing is saved yet."""
        wanted = request.POST["use"]
        offered = {
            column: made.field.external_id
            for column, made in suggestions(integration).items()
            if wanted == column or (wanted == ALL and not form.columns[column])
        }
        columns = {**form.columns, **offered}
        return self._show(request, MappingPage(integration, self._form(integration, columns, form.version_seen)))

    def _import(self, request: HttpRequest, integration: Integration, form: ColumnsForm) -> HttpResponse:
        """Chooses what a file says, and shows what that would change."""
        try:
            columns = imported(integration, read_document(request.FILES.get("document")))
        except Refused as error:
            form.refuse(error.errors)
            return self._show(request, MappingPage(integration, form))
        return self._preview(request, integration, form, columns)

    def _preview(
        self, request: HttpRequest, integration: Integration, seen: ColumnsForm, columns: Columns
    ) -> HttpResponse:
        form = self._form(integration, columns, seen.version_seen, digest(columns))
        try:
            page = MappingPage(integration, form, preview(integration, columns))
        except Refused as error:
            form.refuse(error.errors)
            page = MappingPage(integration, form)
        return self._show(request, page)

    def _save(self, request: HttpRequest, integration: Integration, form: ColumnsForm) -> HttpResponse:
        try:
            saved = save_mapping(integration, form.columns, version=form.version_seen, by=person(request).username)
        except Outdated:
            return self._outdated(request, integration, form.columns)
        except Refused as error:
            form.refuse(error.errors)
            return self._show(request, MappingPage(integration, form))
        self.message_user(request, _told(saved, form.version_seen), messages.SUCCESS)
        return back_to(self.address(integration))

    def _outdated(self, request: HttpRequest, integration: Integration, chosen: Columns) -> HttpResponse:
        """What was chosen stays in the form, and stands beside what the other one saved."""
        text = "Somebody else saved this mapping meanwhile. Nothing was saved, and nothing of yours is lost."
        self.message_user(request, text, messages.ERROR)
        _, version = _standing(integration)
        form = self._form(integration, chosen, version)
        return self._show(request, MappingPage(integration, form, differences=differences(integration, chosen)))

    def _show(self, request: HttpRequest, page: MappingPage) -> HttpResponse:
        if not self.may_operate(request):
            page.form.lock()
        export = self.address(page.integration, "export")
        return self.shown(request, page.integration, "columns", export_address=export, **page.context())


def _standing(integration: Integration) -> tuple[Columns, int]:
    """The mapping as it is saved, and its version."""
    row = find_mapping(integration.tenant_id, integration.pk)
    return {column: field.external_id for column, field in columns_of(row).items()}, row.version if row else 0


def _told(saved: Saved, version: int) -> str:
    if saved.version == version:
        return "Nothing was changed: this is the mapping that stands."
    if saved.run is None:
        return f"Saved as version {saved.version}. It is applied as soon as the job is free."
    return format_html("Saved as version {}; {} applies it.", saved.version, run_link(saved.run))
