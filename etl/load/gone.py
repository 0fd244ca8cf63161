"""Marking work items that do not exist any more, or are none of ours any more.

An answer that says so may be loaded before an older one that still has the item. So it is noted beside the answer what
it made inactive, and an item that is inserted is compared with these notes; loads that write one do so alone (see
`etl.load.loader`).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import orjson

from etl.load.mentions import link_work_items
from etl.load.merging import Source
from etl.load.vectors import drop_vectors
from etl.sql import execute, fetch

# By source id: when it was seen to be deleted, None where it exists and only left the scope.
Gone = Mapping[str, datetime | None]


def mark_gone(source: Source, gone: Sequence[str], left: Sequence[str] = (), *, born: str = "pending") -> int:
    """Makes the items inactive, those ``gone`` with the time, and has their vectors removed; how many were not so.

    Not those that a newer answer gave. ``born`` is the state of the vectors that it queues.
    """
    said: Gone = {**dict.fromkeys(left), **dict.fromkeys(gone, source.extracted_at)}
    if not said:
        return 0
    execute(
        "UPDATE raw_extraction_data SET extraction_metadata = extraction_metadata || %s WHERE id = %s",
        [orjson.dumps({"gone": said}).decode(), source.raw_id],
    )
    return len(_mark(source, [(item, at, source.raw_id) for item, at in said.items()], born))


def mark_known_gone(source: Source, inserted: Sequence[str], *, born: str = "pending") -> list[str]:
    """Marks those of the items that were just inserted of which a newer answer said so already; their source ids."""
    if not inserted:
        return []
    said = fetch(
        """SELECT DISTINCT ON (g.key) g.key, g.value::timestamptz, r.id FROM raw_extraction_data r
           CROSS JOIN LATERAL jsonb_each_text(r.extraction_metadata -> 'gone') g
           WHERE r.integration_id = %s AND r.id > %s AND r.extraction_metadata ? 'gone' AND r.active
             AND g.key = ANY(%s)
           ORDER BY g.key, r.id DESC""",
        [source.integration_id, source.raw_id, list(inserted)],
    )
    return _mark(source, said, born) if said else []


def _mark(source: Source, said: Sequence[tuple[str, datetime | None, int]], born: str) -> list[str]:
    ids, times, raw_ids = zip(*said, strict=True)
    rows = fetch(
        """WITH gone AS (
               SELECT w.id, s.at, s.raw_id FROM unnest(%(ids)s::text[], %(times)s::timestamptz[], %(raws)s::bigint[])
                   AS s(external_id, at, raw_id)
               JOIN work_items w ON w.tenant_id = %(tenant)s AND w.integration_id = %(integration)s
                   AND w.external_id = s.external_id
               WHERE coalesce(w.raw_data_id, 0) <= s.raw_id
                 AND (w.active OR (w.deleted_at IS NULL) <> (s.at IS NULL))
               ORDER BY w.external_id FOR NO KEY UPDATE OF w)
           UPDATE work_items w
           SET active = false, deleted_at = gone.at, raw_data_id = gone.raw_id, last_updated_at = now()
           FROM gone WHERE w.id = gone.id RETURNING w.external_id, w.id""",
        {
            "tenant": source.tenant_id,
            "integration": source.integration_id,
            "ids": list(ids),
            "times": list(times),
            "raws": list(raw_ids),
        },
    )
    marked = [row[0] for row in rows]
    if marked:
        link_work_items(source.tenant_id, [row[1] for row in rows])
        drop_vectors(source, "work_items", marked, born=born)
    return marked
