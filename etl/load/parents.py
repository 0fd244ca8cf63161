"""Links between items of which one was loaded before the other."""

from etl.sql import execute


def adopt_orphans(integration_id: int) -> int:
    """Links children to parents that were loaded after, or beside, them; how many. Cheap: by partial index."""
    return execute(
        """UPDATE work_items c SET parent_id = p.id FROM work_items p
           WHERE c.integration_id = %(integration)s AND c.parent_id IS NULL AND c.parent_external_id IS NOT NULL
             AND p.tenant_id = c.tenant_id AND p.integration_id = c.integration_id
             AND p.external_id = c.parent_external_id""",
        {"integration": integration_id},
    )
