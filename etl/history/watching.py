"""Watching a run from a command, and what it came to."""

import time
from collections.abc import Callable
from typing import Any

from etl.models import EtlJobEvent, EtlJobRun, Overall
from etl.sql import fetch

OPEN_STATES = (Overall.READY, Overall.RUNNING, Overall.PAUSED)
LOOK_SECONDS = 0.25


def wait_for_end(run_id: int, on_look: Callable[[], None] = lambda: None) -> EtlJobRun:
    """Looks at the run four times a second until it is over. For commands: it blocks."""
    while True:
        run = EtlJobRun.objects.get(pk=run_id)
        on_look()
        if run.status not in OPEN_STATES:
            return run
        time.sleep(LOOK_SECONDS)


class EventTail:
    """Tells each event of a run once, as it comes: what failed and is tried again would else be silent for minutes."""

    def __init__(self, run_id: int, tell: Callable[[str], object]) -> None:
        self._run_id, self._tell, self._last = run_id, tell, 0

    def __call__(self) -> None:
        for event in EtlJobEvent.objects.filter(run_id=self._run_id, pk__gt=self._last).order_by("pk"):
            self._last = event.pk
            self._tell(f"{event.level}: {event.message}")


def figures(run: EtlJobRun) -> dict[str, Any]:
    """A run as scripts get it."""
    return {
        "run_id": run.pk,
        "status": run.status,
        "warning": run.warning,
        "error": run.error_message,
        "execution_time": run.execution_time,
        "stage_seconds": run.stage_seconds,
        "memory_usage": run.memory_usage,
        "records_processed": run.records_processed,
        "errors_encountered": run.errors_encountered,
        "quarantined": run.quarantined,
        "api_calls_made": run.api_calls_made,
        "vectorization_queued": run.vectorization_queued,
    }


COUNTED_TABLES = (
    "projects",
    "wits",
    "projects_wits",
    "statuses",
    "projects_statuses",
    "custom_fields",
    "projects_custom_fields",
    "work_items",
    "changelogs",
    "repositories",
    "prs",
    "prs_commits",
    "prs_reviews",
    "prs_comments",
    "work_items_prs_links",
    "raw_extraction_data",
    "qdrant_vectors",
)


def row_counts(tenant_id: int) -> dict[str, int]:
    """How many rows a tenant has in each table of the main job."""
    return {
        table: fetch(f"SELECT count(*) FROM {table} WHERE tenant_id = %s", [tenant_id])[0][0]
        for table in COUNTED_TABLES
    }
