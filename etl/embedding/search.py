"""Searching by meaning, within one tenant."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from etl.embedding.backends import get_encoder, get_store
from etl.embedding.store import Hit, Payload
from etl.embedding.texts import EMBEDDED_TABLES
from etl.load.vectors import collection_of
from etl.sql import fetch

# A row, by its integration and its source id.
Row = tuple[int, str]


@dataclass(frozen=True)
class Match:
    """A row that was found; ``score`` is 1 where it means the same, and 0 where it has nothing to do with it."""

    score: float
    table_name: str
    id: int
    integration_id: int
    external_id: str
    source_type: str
    title: str


def search(
    tenant_id: int, text: str, *, limit: int = 10, table_name: str = "", integration_id: int = 0, source_type: str = ""
) -> list[Hit]:
    """The points of the tenant nearest in meaning, best first; only of one table, integration or kind where named.

    Raises a StageError.
    """
    named: dict[str, str | int] = {
        "table_name": table_name,
        "integration_id": integration_id,
        "source_type": source_type,
    }
    (vector,) = get_encoder().encode([text])
    equal: Payload = {name: value for name, value in named.items() if value}
    return get_store().search(collection_of(tenant_id), vector, limit=limit, equal=equal)


def similar(tenant_id: int, integration_id: int, table: str, external_id: str, *, among: str, limit: int) -> list[Hit]:
    """The points of the table ``among`` nearest to a row's own, without it, best first; none where it has none.

    The row's vector is that which is stored: nothing is embedded. Raises a StageError.
    """
    rows = fetch(
        """SELECT point_id::text FROM qdrant_vectors
           WHERE tenant_id = %s AND integration_id = %s AND table_name = %s AND external_id = %s
             AND content_hash <> ''""",
        [tenant_id, integration_id, table, external_id],
    )
    point_id = rows[0][0] if rows else None
    vector = get_store().vector(collection_of(tenant_id), point_id) if point_id else None
    if vector is None:
        return []
    hits = get_store().search(collection_of(tenant_id), vector, limit=limit + 1, equal={"table_name": among})
    return [hit for hit in hits if hit.id != point_id][:limit]


def matches(tenant_id: int, hits: Sequence[Hit]) -> list[Match]:
    """The rows that the hits are of, in their order, without those that are gone, or were never the tenant's."""
    wanted: dict[str, list[Row]] = defaultdict(list)
    for hit in hits:
        wanted[str(hit.payload.get("table_name"))].append(_row(hit))
    there = {table: _there(tenant_id, table, rows) for table, rows in wanted.items() if table in EMBEDDED_TABLES}
    found = []
    for hit in hits:
        table, row = str(hit.payload.get("table_name")), _row(hit)
        if known := there.get(table, {}).get(row):
            source_type = str(hit.payload.get("source_type"))
            found.append(Match(hit.score, table, known[0], row[0], row[1], source_type, known[1]))
    return found


def _row(hit: Hit) -> Row:
    return int(hit.payload.get("integration_id") or 0), str(hit.payload.get("external_id"))


def _there(tenant_id: int, table: str, rows: Sequence[Row]) -> Mapping[Row, tuple[int, str]]:
    """The id and the title of each of those rows that is there."""
    embedded = EMBEDDED_TABLES[table]
    found = fetch(
        f"""SELECT r.integration_id, r.external_id, r.id, left({embedded.title}, 300)
            FROM unnest(%s::bigint[], %s::text[]) AS h(integration_id, external_id)
            JOIN {table} r ON r.tenant_id = %s AND r.integration_id = h.integration_id
                AND r.external_id = h.external_id AND r.active {embedded.joins}""",
        [[row[0] for row in rows], [row[1] for row in rows], tenant_id],
    )
    return {(integration, external_id): (pk, title) for integration, external_id, pk, title in found}
