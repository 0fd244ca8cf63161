from collections.abc import Mapping
from typing import Any

from pulse.tenancy.models import ApiKey
from tests.etl.admin.rows import Rows
from tests.etl.api.endpoints import Case


def _key(rows: Rows) -> Mapping[str, Any]:
    key = rows.row(ApiKey)
    ApiKey.objects.filter(pk=key.pk).update(scopes=["jobs"])
    return {"id": key.pk}


CASES = [
    Case("GET", "api-keys", _key, stranger=200, administrator=True),
    Case("POST", "api-keys", _key, body={"name": "deploys"}, status=201, stranger=201, administrator=True),
    Case("GET", "api-keys/{id}", _key, administrator=True),
    Case("PATCH", "api-keys/{id}", _key, body={"active": False}, administrator=True),
    Case("DELETE", "api-keys/{id}", _key, administrator=True),
]
