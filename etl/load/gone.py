"""Marking work items that do not exist any more."""

from collections.abc import Sequence

from etl.load.merging import Source
from etl.load.vectors import drop_vectors
from etl.sql import fetch


def mark_gone(source: Source, external_ids: Sequence[str], *, born: str = "pending") -> int:
    """Makes the items inactive, with the time, and has their vectors removed; how many were not so before.

    Not those that a newer answer gave. ``born`` is the state of the vectors that it queues.
    """
    if not external_ids:
        return 0
    rows = fetch(
        """WITH gone AS (
               SELECT id FROM work_items WHERE tenant_id = %(tenant)s AND integration_id = %(integration)s
                   AND external_id = ANY(%(ids)s) AND active AND coalesce(raw_data_id, 0) <= %(raw)s
               ORDER BY external_id FOR NO KEY UPDATE)
           UPDATE work_items w SET active = false, deleted_at = now(), raw_data_id = %(raw)s, last_updated_at = now()
           FROM gone WHERE w.id = gone.id RETURNING w.external_id""",
        {
            "tenant": source.tenant_id,
            "integration": source.integration_id,
            "ids": list(external_ids),
            "raw": source.raw_id,
        },
    )
    marked = [row[0] for row in rows]
    if marked:
        drop_vectors(source, "work_items", marked, born=born)
    return len(marked)
