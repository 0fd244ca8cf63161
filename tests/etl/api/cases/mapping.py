from collections.abc import Mapping
from typing import Any

from custommapping.models import CustomField
from tests.etl.admin.rows import Rows
from tests.etl.api.endpoints import Case


def _field(rows: Rows) -> Mapping[str, Any]:
    field = rows.row(CustomField)
    CustomField.objects.filter(pk=field.pk).update(external_id="customfield_1")
    return {"integration_id": field.integration_id}


WHOSE = {"integration_id": "{integration_id}"}
COLUMNS = {"columns": {"team": "customfield_1", "code_changed": None}}

CASES = [
    Case("GET", "custom-fields/mapping", _field, query=WHOSE),
    Case("PUT", "custom-fields/mapping", _field, body={**WHOSE, **COLUMNS, "version": 0}),
    Case("POST", "custom-fields/mapping/preview", _field, body={**WHOSE, **COLUMNS}),
    Case("POST", "custom-fields/mapping/retransform", _field, body=WHOSE, status=202),
]
