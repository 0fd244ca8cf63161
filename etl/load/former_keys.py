"""Keys that work items had: what names an item by the key that it had once goes on meaning it.

An item has another key once it was moved to another project, or its project was renamed. Histories tell of the moves.
Of renamed projects they do not: there it shows from answers that give the same item different keys. So a work item
keeps all keys that any answer gave it, where there is more than one; they only grow, as answers come in any order.
"""

from collections.abc import Mapping, Sequence, Set

import orjson

from etl.load.merging import Source, found
from etl.sql import fetch
from integrations.records import WorkItemRecord


def keys_of(source: Source, records: Sequence[WorkItemRecord]) -> dict[str, Set[str]]:
    """The keys of those items that have several, by source id: those that are said now, and those of their rows.

    To be asked before the rows are written.
    """
    keys: dict[str, set[str]] = {}
    for record in records:
        keys.setdefault(record.external_id, set()).update((record.key, *record.former_keys))
    rows = fetch(
        f"""SELECT s.external_id, w.key FROM unnest(%(ids)s) s(external_id)
            CROSS JOIN LATERAL ({found("work_items", "s.external_id", columns="f.key")}) w""",
        {"tenant": source.tenant_id, "integration": source.integration_id, "ids": list(keys)},
    )
    for external_id, key in rows:
        keys[external_id].add(key)
    return {external_id: several for external_id, several in keys.items() if len(several) > 1}


def keep_keys(source: Source, keys: Mapping[str, Set[str]]) -> list[int]:
    """Adds the keys to those that their items have; the ids of the items that did not have them all."""
    if not keys:
        return []
    rows = fetch(
        """UPDATE work_items w SET former_keys = n.keys, last_updated_at = now()
           FROM (SELECT f.id, (SELECT jsonb_agg(DISTINCT k.key ORDER BY k.key)
                               FROM jsonb_array_elements_text(f.former_keys || s.keys) k(key)) AS keys
                 FROM unnest(%(ids)s::text[], %(keys)s::jsonb[]) s(external_id, keys)
                 JOIN work_items f ON f.tenant_id = %(tenant)s AND f.integration_id = %(integration)s
                     AND f.external_id = s.external_id
                 WHERE NOT f.former_keys @> s.keys) n
           WHERE w.id = n.id RETURNING w.id""",
        {
            "tenant": source.tenant_id,
            "integration": source.integration_id,
            "ids": list(keys),
            "keys": [orjson.dumps(sorted(several)).decode() for several in keys.values()],
        },
    )
    return [row[0] for row in rows]
