from collections.abc import Mapping
from typing import Any

from etl.models import Pr, Repository
from tests.etl.admin.rows import Rows
from tests.etl.api.cases.work_items import CSV, JSON_LINES
from tests.etl.api.endpoints import Case


def _pr(rows: Rows) -> Mapping[str, Any]:
    pr = rows.row(Pr)
    Repository.objects.filter(pk=rows.row(Repository).pk).update(full_name="acme/web")
    return {"id": pr.pk, "integration_id": pr.integration_id}


WHOSE = {"integration_id": "{integration_id}"}

CASES = [
    Case("GET", "repositories", _pr, stranger=200),
    Case("GET", "repositories", _pr, query=WHOSE),
    Case("GET", "prs", _pr, stranger=200),
    Case("GET", "prs", _pr, query=WHOSE),
    Case("GET", "prs", _pr, query={"repository": "acme/web"}),
    Case("GET", "prs/{id}", _pr),
    Case("GET", "prs/export", _pr, stranger=200, answers=CSV),
    Case("GET", "prs/export", _pr, query={"repository": "acme/web", "format": "jsonl"}, answers=JSON_LINES),
]
