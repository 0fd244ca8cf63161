"""Whether somebody works: workers and schedulers, by their heartbeats."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models.functions import Now

from etl.doctor.database import bounded
from etl.doctor.results import Found, failed, ok, warning
from etl.models import WorkerRow
from etl.workers import control
from etl.workers.control import WorkerState, WorkerStatus

SCHEDULER = "scheduler"
LATELY = timedelta(hours=1)
SHOWN = 5
SERVE = "start `manage.py serve`, which schedules and works as well"


def workers() -> Found:
    """Those that take messages."""
    silent = [worker for worker in _known() if worker.state is WorkerState.SILENT]
    alive = [worker for worker in _alive() if SCHEDULER not in worker.row.stages]
    figures: dict[str, Any] = {"alive": len(alive), "silent": [str(worker.row) for worker in silent]}
    if silent:
        said = f"{len(alive)} alive; silent: {', '.join(str(worker.row) for worker in silent)}"
        # Where one process does everything, the next one that begins knows that it is gone.
        judged = failed if settings.RABBITMQ_URL else warning
        return judged(said, "see whether these processes hang, and end them: their work goes to others", **figures)
    if not alive and not settings.RABBITMQ_URL:
        return warning("no process works here now", SERVE, **figures)
    lost = _ended_badly()
    figures["lost"] = lost
    told = f"; within an hour died or went silent: {', '.join(lost[:SHOWN])}" if lost else ""
    if not alive:
        return failed(f"none is alive{told}", "start `manage.py run_worker` for each tier", **figures)
    if lost:
        advice = "see their logs; end those that hang; run those that were killed for their memory with --max-memory"
        return warning(f"{len(alive)} alive{told}", advice, **figures)
    return ok(f"{len(alive)} alive", **figures)


def scheduler() -> Found:
    """Without one nothing begins by itself, and nothing recovers."""
    if not settings.RABBITMQ_URL:
        return ok("in the process that works") if _alive() else warning("no process works here now", SERVE)
    count = sum(SCHEDULER in worker.row.stages for worker in _alive())
    if not count:
        return failed(
            "none is alive", "start `manage.py run_scheduler`: without it nothing is due, and nothing recovers"
        )
    return ok(f"{count} alive", alive=count)


def _known() -> list[WorkerStatus]:
    with bounded():
        return control.workers(control.not_ended())


def _alive() -> list[WorkerStatus]:
    return [worker for worker in _known() if worker.state is WorkerState.ALIVE]


def _ended_badly() -> list[str]:
    """The last one first."""
    bad = (WorkerRow.Ended.DIED, WorkerRow.Ended.SILENT)
    with bounded():
        rows = WorkerRow.objects.filter(ended__in=bad, heartbeat_at__gte=Now() - LATELY).order_by("-heartbeat_at")
        return [f"{row} ({row.ended})" for row in rows]
