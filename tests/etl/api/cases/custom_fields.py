from collections.abc import Mapping
from typing import Any

from custommapping.models import CustomField, Project, ProjectCustomField
from tests.etl.admin.rows import Rows
from tests.etl.api.endpoints import Case


def _field(rows: Rows) -> Mapping[str, Any]:
    field = rows.row(CustomField)
    Project.objects.filter(pk=rows.row(Project).pk).update(key="PAY")
    offered = [{"external_id": field.external_id, "name": field.name, "type": "string", "required": False, "wits": []}]
    ProjectCustomField.objects.filter(pk=rows.row(ProjectCustomField).pk).update(
        project_key="PAY", discovered_fields=offered
    )
    return {"integration_id": field.integration_id}


CASES = [
    Case("GET", "custom-fields", _field, stranger=200),
    Case("GET", "custom-fields", _field, query={"integration_id": "{integration_id}"}),
    Case("GET", "custom-fields", _field, query={"project": "PAY"}),
    Case("POST", "custom-fields/sync", _field, body={"integration_id": "{integration_id}"}, status=202),
    Case("GET", "custom-fields/sync", _field, query={"integration_id": "{integration_id}"}),
]
