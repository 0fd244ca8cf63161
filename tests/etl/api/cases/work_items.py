from collections.abc import Mapping
from typing import Any

from custommapping.models import Project, Status, Wit
from etl.models import Changelog, WorkItem, WorkItemPrLink
from tests.etl.admin.rows import Rows
from tests.etl.api.endpoints import Case

CSV = "text/csv; charset=utf-8"
JSON_LINES = "application/x-ndjson"


def _item(rows: Rows) -> Mapping[str, Any]:
    item = rows.row(WorkItem)
    rows.row(Changelog)
    rows.row(WorkItemPrLink)
    for model, names in ((Project, {"key": "PAY"}), (Wit, {"name": "Bug"}), (Status, {"name": "Open"})):
        model.objects.filter(pk=rows.row(model).pk).update(**names)
    return {"id": item.pk, "integration_id": item.integration_id}


WHOSE = {"integration_id": "{integration_id}"}

CASES = [
    Case("GET", "work-items", _item, stranger=200),
    Case("GET", "work-items", _item, query=WHOSE),
    Case("GET", "work-items", _item, query={"project": "PAY"}),
    Case("GET", "work-items", _item, query={"wit": "Bug"}),
    Case("GET", "work-items", _item, query={"status": "Open"}),
    Case("GET", "work-items/{id}", _item),
    Case("GET", "work-items/export", _item, stranger=200, answers=CSV),
    Case("GET", "work-items/export", _item, query={"project": "PAY", "format": "jsonl"}, answers=JSON_LINES),
    Case("GET", "work-items/links", _item, stranger=200),
    Case("GET", "work-items/links", _item, query={"project": "PAY"}),
    Case("GET", "work-items/links", _item, query=WHOSE),
    Case("GET", "work-items/links/export", _item, stranger=200, answers=CSV),
    Case("GET", "work-items/links/export", _item, query={**WHOSE, "format": "jsonl"}, answers=JSON_LINES),
    Case("GET", "changelogs", _item, stranger=200),
    Case("GET", "changelogs", _item, query={"project": "PAY"}),
    Case("GET", "changelogs", _item, query=WHOSE),
    Case("GET", "changelogs/export", _item, stranger=200, answers=CSV),
    Case("GET", "changelogs/export", _item, query={**WHOSE, "format": "jsonl"}, answers=JSON_LINES),
]
