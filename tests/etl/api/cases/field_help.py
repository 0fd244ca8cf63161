from collections.abc import Mapping
from typing import Any

from custommapping.exchange import FORMAT
from custommapping.models import CustomField
from tests.etl.admin.rows import Rows
from tests.etl.api.endpoints import Case


def _field(rows: Rows) -> Mapping[str, Any]:
    field = rows.row(CustomField)
    CustomField.objects.filter(pk=field.pk).update(external_id="customfield_1", name="Team", field_type="string")
    return {"integration_id": field.integration_id}


WHOSE = {"integration_id": "{integration_id}"}
DOCUMENT = {"format": FORMAT, "version": 1, "columns": {"team": {"name": "Team"}}}

CASES = [
    Case("POST", "custom-fields/profile", _field, body=WHOSE),
    Case("GET", "custom-fields/suggestions", _field, query=WHOSE),
    Case("POST", "custom-fields/suggestions/accept", _field, body={**WHOSE, "version": 0}),
    Case("GET", "custom-fields/mapping/export", _field, query=WHOSE),
    Case("POST", "custom-fields/mapping/import", _field, body={**WHOSE, "version": 0, "document": DOCUMENT}),
]
