"""Which of the tenant's mappings a type goes by: the one of its name."""

from collections.abc import Sequence

from etl.sql import execute


def follow_mappings(tenant_id: int, integration_id: int, ids: Sequence[int] | None = None) -> int:
    """Has types, those of ``ids`` or all, refer to the mapping of their name, or to none; how many changed.

    Under the lock of `etl.transform.categories`, which whoever changes a mapping holds alone.
    """
    return execute(
        """UPDATE wits w SET mapping_id = f.mapping_id, last_updated_at = now()
           FROM (SELECT o.id, m.id AS mapping_id FROM wits o
                 LEFT JOIN wits_mappings m ON m.tenant_id = o.tenant_id AND m.integration_id = o.integration_id
                      AND m.wit_from = o.name AND m.active
                 WHERE o.tenant_id = %(tenant)s AND o.integration_id = %(integration)s
                   AND (%(ids)s::bigint[] IS NULL OR o.id = ANY(%(ids)s))
                   AND o.mapping_id IS DISTINCT FROM m.id
                 ORDER BY o.external_id FOR NO KEY UPDATE OF o) f
           WHERE w.id = f.id""",
        {"tenant": tenant_id, "integration": integration_id, "ids": ids if ids is None else list(ids)},
    )
