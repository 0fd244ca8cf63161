"""Links between items, and of items with code, of which one was loaded before the other."""

from etl.load.links import NO_ITEM
from etl.load.mentions import TABLE
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


def adopt_links(run_id: int, step: str) -> int:
    """Has answers of a step loaded once more whose links waited for a work item that is there now; how many.

    Where stored answers are loaded in any order, what an item needs can come before it.
    """
    return execute(
        """UPDATE raw_extraction_data a SET processing_status = 'pending', run_id = %(run)s, published_at = NULL
           FROM quarantined_records q JOIN work_items w ON w.tenant_id = q.tenant_id
                AND w.integration_id = q.integration_id AND w.external_id = split_part(q.external_id, ':', 1)
           WHERE q.integration_id = (SELECT integration_id FROM etl_job_runs WHERE id = %(run)s)
             AND q.table_name = %(table)s AND q.path = %(path)s AND q.resolved_at IS NULL
             AND a.id = q.raw_data_id AND a.step = %(step)s AND a.processing_status = 'completed' AND a.active""",
        {"run": run_id, "step": step, "table": TABLE, "path": NO_ITEM},
    )
