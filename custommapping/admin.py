"""The pages about the sources' catalogues."""

from typing import ClassVar

from django.contrib import admin

from custommapping.models import (
    Project,
    ProjectCustomField,
    ProjectStatus,
    ProjectWit,
    Status,
    Wit,
)
from pulse.tenancy.admin.base import ReadOnlyAdmin

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
