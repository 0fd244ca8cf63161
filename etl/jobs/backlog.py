"""Holding extraction back while more answers of its integration wait than can be transformed soon.

Those count that a worker could transform now: not the ones that wait for what completes them, which is to be fetched
yet, nor those of a run that does not go on. So what is held back always goes on.
"""

from django.conf import settings

from etl.sql import fetch


def backlogged(integration: str) -> str:
    """The condition, in SQL, that the integration of that expression has a backlog; with the parameter "backlog"."""
    return f"""EXISTS (SELECT 1 FROM raw_extraction_data w JOIN etl_job_runs b ON b.id = w.run_id
        WHERE b.status = 'RUNNING' AND b.integration_id = {integration} AND w.is_complete AND w.parent_id IS NULL
          AND w.processing_status IN ('pending', 'processing') OFFSET %(backlog)s LIMIT 1)"""


def limit() -> dict[str, int]:
    """The parameter of `backlogged`."""
    return {"backlog": settings.BACKLOG_LIMIT}


def has_backlog(integration_id: int) -> bool:
    sql = f"SELECT {backlogged('%(integration)s')}"
    return bool(fetch(sql, {"integration": integration_id, **limit()})[0][0])
