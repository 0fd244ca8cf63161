from collections.abc import Mapping
from typing import Any

from custommapping.models import Project
from etl.models import WorkItem
from tests.etl.admin.rows import Rows
from tests.etl.api.endpoints import Case


def _item(rows: Rows) -> Mapping[str, Any]:
    item = rows.row(WorkItem)
    Project.objects.filter(pk=item.project_id).update(key="PAY")
    return {"id": item.pk, "integration_id": item.integration_id}


CASES = [
    Case("GET", "work-items", _item, stranger=200),
    Case("GET", "work-items", _item, query={"integration_id": "{integration_id}"}),
    Case("GET", "work-items", _item, query={"project": "PAY"}),
    Case("GET", "work-items/{id}", _item),
]
