from collections.abc import Mapping
from typing import Any

from custommapping.models import Project
from tests.etl.admin.rows import Rows
from tests.etl.api.endpoints import Case


def _project(rows: Rows) -> Mapping[str, Any]:
    return {"integration_id": rows.row(Project).integration_id}


CASES = [
    Case("GET", "projects", _project, stranger=200),
    Case("GET", "projects", _project, query={"integration_id": "{integration_id}"}),
]
