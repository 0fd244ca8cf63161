"""The levels that types stand on."""

from datetime import datetime
from typing import Any

from django.contrib import admin

from custommapping.models import WitHierarchy
from etl.admin.mapping.served import ServedAdmin
from etl.mapping.hierarchies import delete_hierarchy, save_hierarchy


@admin.register(WitHierarchy)
class WitHierarchyAdmin(ServedAdmin):
    list_display = ("name", "level", "tenant", "last_updated_at")
    list_filter = ("tenant",)
    search_fields = ("name",)
    ordering = ("tenant", "-level")
    fields = ("tenant", "name", "level", "seen")
    only_shown = ("tenant", "name", "level")

    def serve(self, row: Any, given: dict[str, Any], *, by: str, known: Any, seen: datetime | None) -> WitHierarchy:
        return save_hierarchy(row.tenant, given["name"], given["level"], by=by, known=known, seen=seen)

    def remove(self, row: WitHierarchy, *, by: str, force: bool) -> None:
        delete_hierarchy(row, by=by, force=force)
