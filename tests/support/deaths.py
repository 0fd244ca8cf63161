"""Workers that die in the middle, and runs that are worked off all the same."""

from collections.abc import Callable
from typing import Any

from etl.jobs.sweep import sweep
from etl.models import EtlJobRun, Overall
from etl.sql import execute
from tests.support.driving import forget_delays, work_off

TABLES = ("extraction_checkpoints", "raw_extraction_data", "qdrant_vectors")


class Killed(BaseException):
    """The worker is gone: nothing that comes after this runs."""


def dying(work: Callable[..., Any], *, before: bool) -> Callable[..., Any]:
    """The work; the first time that it comes to each unit's page the worker dies, before it or after it."""
    seen: set[tuple[Any, ...]] = set()

    def kill_once(place: tuple[Any, ...]) -> None:
        if place not in seen:
            seen.add(place)
            raise Killed

    def until_dead(*args: Any, **kwargs: Any) -> Any:
        place = tuple(getattr(part, "pages", part) for part in args if isinstance(part, int) or hasattr(part, "pages"))
        place += tuple(part.ids for part in args if hasattr(part, "ids"))
        if before:
            kill_once(place)
        result = work(*args, **kwargs)
        if not before:
            kill_once(place)
        return result

    return until_dead


def work_off_with_deaths(run: EtlJobRun) -> tuple[EtlJobRun, int]:
    """Works a run off, each dead worker's units taken over at once; how often one died."""
    deaths = 0
    while run.status == Overall.RUNNING:
        try:
            work_off(run)
            forget_delays(run.pk)
        except Killed:
            deaths += 1
        for table in TABLES:
            execute(f"UPDATE {table} SET lease_until = now() - interval '1 second' WHERE lease_token IS NOT NULL", [])
        sweep()
        for table in TABLES:
            # As if its turn had come, also of what several died on.
            execute(f"UPDATE {table} SET published_at = now() WHERE takes > 0 AND lease_token IS NULL", [])
        run.refresh_from_db()
    return run, deaths
