"""Queuing rows for embedding: those whose text is not the one that was embedded."""

from collections.abc import Sequence

from etl.embedding.texts import EMBEDDED_TABLES
from etl.load.merging import Source
from etl.sql import execute


def collection_of(tenant_id: int) -> str:
    """The tenant's collection in the vector store."""
    return f"tenant_{tenant_id}"


# Derived from the row's natural key, so that embedding twice is embedding once.
_POINT_ID = "md5(concat_ws('/', %(tenant)s::bigint, %(integration)s::bigint, %(table)s, {external_id}))::uuid"


def queue_vectors(source: Source, table: str, ids: Sequence[int], *, born: str = "pending") -> int:
    """Makes the vectors of those rows wait whose text has changed, or was not embedded; how many."""
    embedded = EMBEDDED_TABLES[table]
    return execute(
        f"""INSERT INTO qdrant_vectors AS v (tenant_id, integration_id, run_id, step, source_type, table_name,
                external_id, point_id, collection, content_hash, status)
            SELECT r.tenant_id, r.integration_id, %(run)s, %(step)s, %(source_type)s, %(table)s, r.external_id,
                {_POINT_ID.format(external_id="r.external_id")},
                %(collection)s, md5({embedded.text}), %(born)s
            FROM {table} r {embedded.joins} WHERE r.id = ANY(%(ids)s) ORDER BY r.external_id
            ON CONFLICT (tenant_id, integration_id, table_name, external_id) DO UPDATE
                SET content_hash = EXCLUDED.content_hash, status = EXCLUDED.status, run_id = EXCLUDED.run_id,
                    step = EXCLUDED.step, lease_token = NULL, lease_until = NULL, takes = 0, tries = 0, alone = false,
                    not_before = NULL, published_at = NULL, error_details = NULL, last_updated_at = now()
                WHERE v.content_hash <> EXCLUDED.content_hash OR v.status IN ('failed', 'cancelled')""",
        {
            "tenant": source.tenant_id,
            "integration": source.integration_id,
            "run": source.run_id,
            "step": source.step,
            "source_type": source.source_type,
            "table": table,
            "collection": collection_of(source.tenant_id),
            "born": born,
            "ids": list(ids),
        },
    )


def adopt_points(source: Source, table: str, external_ids: Sequence[str]) -> int:
    """Gives points that no row speaks of a row, so that they can be dropped; how many."""
    return execute(
        f"""INSERT INTO qdrant_vectors (tenant_id, integration_id, run_id, step, source_type, table_name, external_id,
                point_id, collection, content_hash, status)
            SELECT %(tenant)s, %(integration)s, %(run)s, %(step)s, %(source_type)s, %(table)s, s.external_id,
                {_POINT_ID.format(external_id="s.external_id")}, %(collection)s, '', 'completed'
            FROM unnest(%(ids)s::text[]) s(external_id) ORDER BY s.external_id
            ON CONFLICT (tenant_id, integration_id, table_name, external_id) DO NOTHING""",
        {
            "tenant": source.tenant_id,
            "integration": source.integration_id,
            "run": source.run_id,
            "step": source.step,
            "source_type": source.source_type,
            "table": table,
            "collection": collection_of(source.tenant_id),
            "ids": list(external_ids),
        },
    )


def drop_vectors(source: Source, table: str, external_ids: Sequence[str], *, born: str = "pending") -> int:
    """Makes the vectors of rows wait that are no longer active: the embedding removes their points; how many.

    Without a hash: should a row come back with the same text, that is a text to embed.
    """
    return execute(
        """UPDATE qdrant_vectors SET content_hash = '', status = %(born)s, run_id = %(run)s, step = %(step)s,
               lease_token = NULL, lease_until = NULL, takes = 0, tries = 0, alone = false, not_before = NULL,
               published_at = NULL, error_details = NULL, last_updated_at = now()
           WHERE id IN (SELECT id FROM qdrant_vectors WHERE tenant_id = %(tenant)s AND integration_id = %(integration)s
                            AND table_name = %(table)s AND external_id = ANY(%(ids)s)
                        ORDER BY external_id FOR NO KEY UPDATE)""",
        {
            "born": born,
            "run": source.run_id,
            "step": source.step,
            "tenant": source.tenant_id,
            "integration": source.integration_id,
            "table": table,
            "ids": list(external_ids),
        },
    )
