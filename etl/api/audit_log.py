"""`audit-log`: who changed what, when and from where; in pages, or whole as a file. For administrators."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from etl.api.exports import Export, ExportForm
from etl.api.filters import in_periods, period_fields
from etl.api.forms import Form, IdField, NamesField, PageForm
from etl.api.listing import ChosenAnswer, Listing, Pages
from pulse.tenancy.models import AuditEntry, Role

PERIODS = {"at": "created_at"}


class EntryAnswer(ChosenAnswer[AuditEntry]):
    """An entry. ``changes`` has what was before and what is now by field; of a secret only that it was set."""

    class Meta:
        model = AuditEntry
        fields = (
            "id", "created_at", "actor", "user_id", "api_key_id", "address", "action", "target_table", "target_id",
            "changes",
        )  # fmt: skip


NAMES = EntryAnswer.Meta.fields


class EntriesFilter(Form):
    """``action`` is one as it stands there ("job.paused")."""

    actor = serializers.CharField(required=False, max_length=250)
    user_id = IdField(required=False)
    api_key_id = IdField(required=False)
    action = serializers.CharField(required=False, max_length=100)
    target_table = serializers.CharField(required=False, max_length=63)
    target_id = serializers.CharField(required=False, max_length=100)

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), **period_fields(*PERIODS), "fields": NamesField(NAMES, default=NAMES)}


class EntriesForm(EntriesFilter, PageForm):
    """The same in pages."""


class EntriesExportForm(EntriesFilter, ExportForm):
    """The same as a file."""


class Entries(Listing):
    roles = dict.fromkeys(("GET", "HEAD"), Role.ADMINISTRATOR)
    keys = ("-id",)
    answer = EntryAnswer

    def told(self) -> QuerySet[AuditEntry]:
        return self.rows(AuditEntry)

    def found(self) -> QuerySet[Any]:
        rows = self.filtered(self.told(), "actor", "user_id", "api_key_id", "action", "target_table", "target_id")
        return in_periods(rows, self.given, PERIODS)


class EntriesView(Pages, Entries):
    """GET: what was changed in the tenant, the newest first."""

    forms = {"GET": EntriesForm}


class EntriesExportView(Export, Entries):
    """GET: the same as CSV or JSON Lines."""

    forms = {"GET": EntriesExportForm}
    file_name = "audit-log"
