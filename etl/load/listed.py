"""Keeping what a repair run's listing says, to be compared with the rows once the listing is whole."""

from collections.abc import Sequence

from etl.load.merging import Source
from etl.sql import execute
from integrations.records import ListedItem


def keep_listed(source: Source, items: Sequence[ListedItem]) -> int:
    """Keeps the lines of a listing for its run; how many. Of two lines of one item, the newer one."""
    if not items:
        return 0
    lines = zip(
        *((i.external_id, i.key, i.project_id, i.status_id, i.updated, i.only_known) for i in items), strict=True
    )
    return execute(
        """INSERT INTO etl_listed_items AS l
               (tenant_id, run_id, external_id, key, project_external_id, status_external_id, updated)
           SELECT DISTINCT ON (s.id) %s, %s, s.id, s.key, s.project, s.status, s.updated
           FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::boolean[])
               AS s(id, key, project, status, updated, only_known)
           WHERE NOT s.only_known OR EXISTS (
               SELECT 1 FROM work_items w
               WHERE w.tenant_id = %s AND w.integration_id = %s AND w.external_id = s.id)
           ORDER BY s.id, s.updated DESC
           ON CONFLICT (run_id, external_id) DO UPDATE SET key = EXCLUDED.key, updated = EXCLUDED.updated,
               project_external_id = EXCLUDED.project_external_id, status_external_id = EXCLUDED.status_external_id
           WHERE l.updated < EXCLUDED.updated""",
        [source.tenant_id, source.run_id, *(list(column) for column in lines), source.tenant_id, source.integration_id],
    )
