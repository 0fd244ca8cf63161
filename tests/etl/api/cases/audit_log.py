from collections.abc import Mapping
from typing import Any

from pulse.tenancy.models import AuditEntry
from tests.etl.admin.rows import Rows
from tests.etl.api.cases.work_items import CSV, JSON_LINES
from tests.etl.api.endpoints import Case


def _entry(rows: Rows) -> Mapping[str, Any]:
    return {"target_id": rows.row(AuditEntry).target_id}


WHICH = {"target_id": "{target_id}"}

CASES = [
    Case("GET", "audit-log", _entry, stranger=200, administrator=True),
    Case("GET", "audit-log", _entry, query=WHICH, stranger=200, administrator=True),
    Case("GET", "audit-log/export", _entry, stranger=200, administrator=True, answers=CSV),
    Case(
        "GET",
        "audit-log/export",
        _entry,
        query={**WHICH, "format": "jsonl"},
        stranger=200,
        administrator=True,
        answers=JSON_LINES,
    ),
]
