from collections.abc import Mapping
from typing import Any

from custommapping.models import Project
from integrations.models import Integration
from tests.etl.admin.rows import Rows
from tests.etl.api.endpoints import Case


def _integration(rows: Rows) -> Mapping[str, Any]:
    Project.objects.filter(pk=rows.row(Project).pk).update(key="PAY")
    return {"integration_id": rows.row(Integration).pk}


WHOSE = {"integration_id": "{integration_id}"}
PAY = {"project": "PAY"}

CASES = [
    Case("GET", "health", stranger=200, shared=True, superusers=True),
    Case("GET", "qdrant/health", stranger=200, shared=True),
    Case("GET", "qdrant/collections", stranger=200),
    Case("GET", "qdrant/counts", stranger=200),
    Case("GET", "qdrant/counts", _integration, query=WHOSE),
    Case("GET", "qdrant/drift", _integration, query=WHOSE),
    Case("GET", "metrics/flow", stranger=200),
    Case("GET", "metrics/flow", _integration, query=WHOSE),
    Case("GET", "metrics/flow", _integration, query=PAY),
    Case("GET", "metrics/flow/now", _integration, query=WHOSE),
    Case("GET", "metrics/flow/now", _integration, query=PAY),
    Case("GET", "metrics/prs", _integration, query=WHOSE),
    Case("GET", "metrics/prs", _integration, query=PAY),
    Case("GET", "metrics/prs/now", _integration, query=WHOSE),
    Case("GET", "metrics/prs/now", _integration, query=PAY),
    Case("GET", "search", query={"q": "who cannot log in"}, stranger=200),
    Case("GET", "search", _integration, query={"q": "who cannot log in", **WHOSE}),
]
