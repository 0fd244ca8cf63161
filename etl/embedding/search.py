"""Searching by meaning, within one tenant."""

from etl.embedding.backends import get_encoder, get_store
from etl.embedding.store import Hit
from etl.load.vectors import collection_of


def search(tenant_id: int, text: str, *, limit: int = 10, table_name: str = "", integration_id: int = 0) -> list[Hit]:
    """The rows of the tenant nearest in meaning, best first; only of one table or integration where named."""
    wanted: dict[str, str | int | None] = {}
    if table_name:
        wanted["table_name"] = table_name
    if integration_id:
        wanted["integration_id"] = integration_id
    (vector,) = get_encoder().encode([text])
    return get_store().search(collection_of(tenant_id), vector, limit=limit, equal=wanted)
