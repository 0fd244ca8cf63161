"""Whether the vector store has the points that rows speak of, and what it has of rows that are not there any more.

The rows are noted, then the store's points are listed, then both are compared, in the database. A point is written
before its row says so, and the row says so before a point is removed: what changed meanwhile is no matter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.db import transaction

from etl.embedding.backends import get_store
from etl.embedding.store import Payload
from etl.embedding.texts import EMBEDDED_TABLES
from etl.load.vectors import collection_of
from etl.sql import execute, fetch
from integrations.errors import StageError
from integrations.models import Integration


@dataclass(frozen=True)
class Points:
    """``lost``: the rows (`QdrantVector`) that are completed, and wanted, and whose point is not in the store.

    ``surplus``: points of what does not exist any more, by table, by the source ids of what they were of. Where the
    store could not say what it has, for the reason ``problem``, by what the rows say.
    """

    lost: Sequence[int] = ()
    surplus: Mapping[str, Sequence[str]] = field(default_factory=dict)
    problem: str = ""


def look(integration: Integration) -> Points:
    """Lists the points of an integration, and compares them with the rows."""
    try:
        # Temporary tables are a session's, and the next one may have to wait for this one's end.
        with transaction.atomic():
            return _look(integration)
    except StageError as error:
        return Points((), {table: _surplus_by_rows(integration, table) for table in EMBEDDED_TABLES}, str(error))


def _of(integration: Integration) -> dict[str, object]:
    return {"tenant": integration.tenant_id, "integration": integration.pk}


def _look(integration: Integration) -> Points:
    execute(
        """CREATE TEMP TABLE noted_vectors ON COMMIT DROP AS
           SELECT id, point_id, table_name, external_id, status, content_hash FROM qdrant_vectors
           WHERE tenant_id = %(tenant)s AND integration_id = %(integration)s""",
        _of(integration),
    )
    execute(
        "CREATE TEMP TABLE listed_points (id uuid PRIMARY KEY, table_name text, external_id text) ON COMMIT DROP", []
    )
    walk = get_store().walk(
        collection_of(integration.tenant_id),
        equal={"integration_id": integration.pk},
        fields=("table_name", "external_id"),
    )
    for points in walk:
        _note(points)
    execute("ANALYZE noted_vectors, listed_points", [])
    lost = [row for table in EMBEDDED_TABLES for row in _lost(integration, table)]
    surplus = {table: _surplus(integration, table) for table in EMBEDDED_TABLES}
    execute("DROP TABLE noted_vectors, listed_points", [])
    return Points(lost, surplus)


def _note(points: Mapping[str, Payload]) -> None:
    execute(
        """INSERT INTO listed_points SELECT * FROM unnest(%s::uuid[], %s::text[], %s::text[])
           ON CONFLICT DO NOTHING""",
        [
            list(points),
            [one.get("table_name") for one in points.values()],
            [one.get("external_id") for one in points.values()],
        ],
    )


# A row that has changed since it was noted, or is being worked on, is no matter.
_UNCHANGED = "(v.status, v.content_hash) = (n.status, n.content_hash) AND v.status NOT IN ('pending', 'processing')"


def _lost(integration: Integration, table: str) -> list[int]:
    rows = fetch(
        f"""SELECT v.id FROM noted_vectors n JOIN qdrant_vectors v ON v.id = n.id AND {_UNCHANGED}
            JOIN {table} r ON r.tenant_id = v.tenant_id AND r.integration_id = v.integration_id
                AND r.external_id = v.external_id AND r.active
            WHERE v.table_name = %(table)s AND v.status = 'completed'
              AND NOT EXISTS (SELECT 1 FROM listed_points p WHERE p.id = v.point_id) ORDER BY v.id""",
        {"table": table},
    )
    return [row[0] for row in rows]


def _surplus(integration: Integration, table: str) -> list[str]:
    rows = fetch(
        f"""SELECT p.external_id FROM listed_points p
            LEFT JOIN noted_vectors n ON n.point_id = p.id LEFT JOIN qdrant_vectors v ON v.id = n.id AND {_UNCHANGED}
            WHERE p.table_name = %(table)s AND (v.id IS NOT NULL OR NOT EXISTS (
                SELECT 1 FROM qdrant_vectors k WHERE k.tenant_id = %(tenant)s AND k.integration_id = %(integration)s
                  AND k.table_name = %(table)s AND k.external_id = p.external_id))
              AND NOT EXISTS (
                SELECT 1 FROM {table} r WHERE r.tenant_id = %(tenant)s AND r.integration_id = %(integration)s
                  AND r.external_id = p.external_id AND r.active)
            ORDER BY p.external_id""",
        {**_of(integration), "table": table},
    )
    return [row[0] for row in rows]


def _surplus_by_rows(integration: Integration, table: str) -> list[str]:
    rows = fetch(
        f"""SELECT v.external_id FROM qdrant_vectors v WHERE v.tenant_id = %(tenant)s
              AND v.integration_id = %(integration)s AND v.table_name = %(table)s AND v.status = 'completed'
              AND v.content_hash <> '' AND NOT EXISTS (
                  SELECT 1 FROM {table} r WHERE r.tenant_id = v.tenant_id AND r.integration_id = v.integration_id
                    AND r.external_id = v.external_id AND r.active) ORDER BY v.external_id""",
        {**_of(integration), "table": table},
    )
    return [row[0] for row in rows]
