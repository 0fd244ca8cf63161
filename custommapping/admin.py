"""The pages about what things mean: the sources' catalogues, and the tenant's mappings of them."""

from typing import ClassVar

from django.contrib import admin

from custommapping.models import (
    MAPPED_COLUMNS,
    CustomField,
    CustomFieldMapping,
    Project,
    ProjectCustomField,
    ProjectStatus,
    ProjectWit,
    Status,
    StatusMapping,
    Wit,
    WitHierarchy,
    WitMapping,
    Workflow,
)
from pulse.tenancy.admin.base import PulseAdmin, ReadOnlyAdmin

_OWNER = ("tenant", "integration")


class CatalogueAdmin(ReadOnlyAdmin):
    """Base of what a source lists; the load writes it."""

    relations: ClassVar[tuple[str, ...]] = _OWNER
    ordering = ("name",)
    search_fields: ClassVar[tuple[str, ...]] = ("name", "external_id__exact")


@admin.register(Project)
class ProjectAdmin(CatalogueAdmin):
    list_display = ("key", "name", "project_type", "lead_name", "archived", "integration", "tenant")
    list_filter = ("tenant", "integration", "archived", "authority")
    search_fields = ("key", "name", "external_id__exact")
    ordering = ("key",)


@admin.register(Wit)
class WitAdmin(CatalogueAdmin):
    list_display = ("name", "subtask", "hierarchy_level", "authority", "integration", "tenant")
    list_filter = ("tenant", "integration", "subtask", "authority")


@admin.register(Status)
class StatusAdmin(CatalogueAdmin):
    relations = (*_OWNER, "project")
    list_display = ("name", "category", "project", "authority", "integration", "tenant")
    list_filter = ("tenant", "integration", "category", "authority")


@admin.register(CustomField)
class CustomFieldAdmin(CatalogueAdmin):
    list_display = ("name", "external_id", "field_type", "integration", "tenant")
    list_filter = ("tenant", "integration")


@admin.register(ProjectWit)
class ProjectWitAdmin(ReadOnlyAdmin):
    relations = (*_OWNER, "project", "wit")
    list_display = ("project", "wit", "integration", "tenant")
    list_filter = ("tenant", "integration")
    search_fields = ("project__key", "wit__name")


@admin.register(ProjectStatus)
class ProjectStatusAdmin(ReadOnlyAdmin):
    relations = (*_OWNER, "project", "status")
    list_display = ("project", "status", "integration", "tenant")
    list_filter = ("tenant", "integration")
    search_fields = ("project__key", "status__name")


@admin.register(ProjectCustomField)
class ProjectCustomFieldAdmin(ReadOnlyAdmin):
    relations = _OWNER
    list_display = ("project_key", "integration_type", "discovered_at", "integration", "tenant")
    list_filter = ("tenant", "integration")
    search_fields = ("project_key",)


@admin.register(WitHierarchy)
class WitHierarchyAdmin(PulseAdmin):
    relations = ("tenant",)
    list_display = ("name", "level", "tenant", "active")
    list_filter = ("tenant", "active")
    search_fields = ("name",)
    ordering = ("tenant", "-level")


@admin.register(WitMapping)
class WitMappingAdmin(PulseAdmin):
    relations = (*_OWNER, "hierarchy")
    list_display = ("wit_from", "wit_to", "hierarchy", "integration", "tenant", "active")
    list_filter = ("tenant", "integration", "active")
    search_fields = ("wit_from", "wit_to")
    autocomplete_fields = ("integration", "hierarchy")


@admin.register(StatusMapping)
class StatusMappingAdmin(PulseAdmin):
    relations = _OWNER
    list_display = ("status_external_id", "category", "flow_step", "integration", "tenant", "active")
    list_filter = ("tenant", "integration", "category", "active")
    search_fields = ("status_external_id", "flow_step")
    autocomplete_fields = ("integration",)


@admin.register(Workflow)
class WorkflowAdmin(PulseAdmin):
    relations = ("tenant", "project")
    list_display = ("name", "project", "tenant", "active")
    list_filter = ("tenant", "active")
    search_fields = ("name",)
    autocomplete_fields = ("project",)


@admin.register(CustomFieldMapping)
class CustomFieldMappingAdmin(PulseAdmin):
    relations = _OWNER
    list_display = ("integration", "tenant", "active", "last_updated_at")
    list_filter = ("tenant", "integration", "active")
    search_fields = ("integration__name",)
    autocomplete_fields = (
        "integration",
        *(name if name.startswith("custom_field_") else f"{name}_field" for name in MAPPED_COLUMNS),
    )
