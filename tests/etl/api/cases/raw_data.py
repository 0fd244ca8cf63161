from collections.abc import Mapping
from typing import Any

from etl.models import RawExtractionData
from integrations.models import Integration
from tests.etl.admin.rows import Rows
from tests.etl.api.endpoints import Case

FIELDS = "jira_fields"


def _integration(rows: Rows) -> Mapping[str, Any]:
    return {"integration_id": rows.row(Integration).pk}


def _answer(rows: Rows) -> Mapping[str, Any]:
    row = rows.row(RawExtractionData)
    RawExtractionData.objects.filter(pk=row.pk).update(entity_type=FIELDS, status="completed", parent=None)
    return {"id": row.pk, "integration_id": row.integration_id}


WHOSE = {"integration_id": "{integration_id}"}
STATUS = {"external_id": "1", "name": "To Do"}

CASES = [
    Case("GET", "raw-data", _answer, stranger=200),
    Case("GET", "raw-data", _answer, query=WHOSE),
    Case("GET", "raw-data", _answer, query={"entity_type": FIELDS, "status": "completed"}, stranger=200),
    Case("GET", "raw-data/{id}", _answer),
    Case("POST", "raw-data/store", _integration, body={**WHOSE, "entity_type": FIELDS, "raw_data": []}, status=201),
    Case("PUT", "raw-data/{id}/status", _answer, body={"status": "failed", "error_details": "gone"}),
    Case("POST", "raw-data/{id}/reprocess", _answer, status=202),
    Case("POST", "transform", _answer, body={"raw_data_ids": ["{id}"], "entity_type": FIELDS}, status=202),
    Case(
        "POST",
        "load",
        _integration,
        body={"entity_type": "statuses", "transformed_data": [STATUS], "load_options": WHOSE},
        status=202,
    ),
    Case("POST", "pipeline", _integration, body={**WHOSE, "entity_type": FIELDS, "payload": []}, status=202),
]
