"""How long what was written down of runs and workers is kept."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from etl.sql import execute

CHUNK_ROWS = 5_000
# A look deletes no more than that many chunks of a table, so that it does not hold up the scheduler.
MOST_CHUNKS = 20
_OPEN_RUNS = "SELECT id FROM etl_job_runs WHERE status IN ('READY', 'RUNNING', 'PAUSED')"
# What may be forgotten of each table, once it is older than the days of the setting.
_OLD = {
    "etl_job_events": ("EVENTS_KEEP_DAYS", f"created_at < %(before)s AND run_id NOT IN ({_OPEN_RUNS})"),
    "etl_dead_letters": ("EVENTS_KEEP_DAYS", "state <> 'open' AND coalesce(settled_at, last_updated_at) < %(before)s"),
    "etl_alerts": ("EVENTS_KEEP_DAYS", "resolved_at < %(before)s"),
    "etl_verifications": (
        "EVENTS_KEEP_DAYS",
        "finished_at < %(before)s AND EXISTS (SELECT 1 FROM etl_verifications n"
        " WHERE n.integration_id = t.integration_id AND n.id > t.id)",
    ),
    "workers": ("WORKERS_KEEP_DAYS", "heartbeat_at < %(before)s AND (NOT active OR ended <> '')"),
}


def forget_old() -> dict[str, int]:
    """Deletes what is older than it is to be kept; how many rows of each table. Several may do it at once."""
    return {table: _forget(table, *rule) for table, rule in _OLD.items()}


def _forget(table: str, setting: str, condition: str) -> int:
    before, deleted = timezone.now() - timedelta(days=getattr(settings, setting)), 0
    for _ in range(MOST_CHUNKS):
        rows = execute(
            # An array is made once. What is IN a query may be looked for anew for each row, and be other rows then.
            f"""DELETE FROM {table} WHERE id = ANY(ARRAY(
                    SELECT t.id FROM {table} t WHERE {condition} LIMIT %(rows)s FOR UPDATE OF t SKIP LOCKED))""",
            {"before": before, "rows": CHUNK_ROWS},
        )
        deleted += rows
        if rows < CHUNK_ROWS:
            break
    return deleted
