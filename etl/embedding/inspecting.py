"""What there is of a tenant in the vector store, and what the rows of the bridge table say."""

from dataclasses import dataclass

from etl.embedding.backends import get_store
from etl.load.vectors import collection_of
from etl.sql import fetch


@dataclass(frozen=True)
class Collection:
    """``dimensions`` is None where its vectors are of several kinds."""

    name: str
    dimensions: int | None
    points: int


@dataclass(frozen=True)
class Counted:
    """How many vectors of a table's rows are in which state; ``removed``: their rows are gone, and so are they."""

    integration_id: int
    table_name: str
    pending: int
    processing: int
    completed: int
    removed: int
    failed: int
    cancelled: int


def collections(tenant_id: int) -> list[Collection]:
    """The tenant's; none before its first vector. Raises a StageError."""
    name, store = collection_of(tenant_id), get_store()
    there = name in store.collections()
    return [Collection(name, store.dimensions(name), store.count(name))] if there else []


def counts(tenant_id: int, integration_id: int | None = None) -> list[Counted]:
    """By integration and table."""
    rows = fetch(
        """SELECT integration_id, table_name, count(*) FILTER (WHERE status = 'pending'),
               count(*) FILTER (WHERE status = 'processing'),
               count(*) FILTER (WHERE status = 'completed' AND content_hash <> ''),
               count(*) FILTER (WHERE status = 'completed' AND content_hash = ''),
               count(*) FILTER (WHERE status = 'failed'), count(*) FILTER (WHERE status = 'cancelled')
           FROM qdrant_vectors
           WHERE tenant_id = %(tenant)s AND (%(integration)s::bigint IS NULL OR integration_id = %(integration)s)
           GROUP BY 1, 2 ORDER BY 1, 2""",
        {"tenant": tenant_id, "integration": integration_id},
    )
    return [Counted(*row) for row in rows]
