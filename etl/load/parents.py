"""Links between items of which one was loaded before the other."""

from etl.sql import execute


def adopt_orphans(integration_id: int) -> int:
    """Links children to parents that were loaded after, or beside, them; how many. Cheap: by partial index."""
    return execute(
        """UPDATE work_items w SET parent_id = o.parent_id FROM (
               SELECT c.id, p.id AS parent_id FROM work_items c JOIN work_items p ON p.tenant_id = c.tenant_id
                 AND p.integration_id = c.integration_id AND p.external_id = c.parent_external_id
               WHERE c.integration_id = %(integration)s AND c.parent_id IS NULL AND c.parent_external_id IS NOT NULL
               ORDER BY c.external_id FOR NO KEY UPDATE OF c) o
           WHERE w.id = o.id""",
        {"integration": integration_id},
    )
