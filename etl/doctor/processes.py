"""Whether somebody works: workers and schedulers, by their heartbeats."""

from datetime import timedelta

from django.conf import settings
from django.db.models.functions import Now

from etl.doctor.database import bounded
from etl.doctor.results import Found, failed, ok, warning
from etl.models import WorkerRow
from etl.workers import control
from etl.workers.control import WorkerState, WorkerStatus

SCHEDULER = "scheduler"
LATELY = timedelta(hours=1)
SERVE = "start `manage.py serve`, which schedules and works as well"


def workers() -> Found:
    """Those that take messages."""
    silent = [worker for worker in _known() if worker.state is WorkerState.SILENT]
    alive = [worker for worker in _alive() if SCHEDULER not in worker.row.stages]
    figures = {"alive": len(alive), "silent": [str(worker.row) for worker in silent]}
    if silent:
        said = f"{len(alive)} alive; silent: {', '.join(str(worker.row) for worker in silent)}"
        return warning(said, "see whether these processes hang, and end them: their work goes to others", **figures)
    if not alive and settings.RABBITMQ_URL:
        return failed("none is alive", "start `manage.py run_worker` for each tier", **figures)
    if not alive:
        return warning("no process works here now", SERVE, **figures)
    died = _ended_badly()
    if died:
        advice = "see their logs; where they were killed for their memory, run them with --max-memory"
        return warning(f"{len(alive)} alive; {died} died or went silent within an hour", advice, **figures, died=died)
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


def _ended_badly() -> int:
    bad = (WorkerRow.Ended.DIED, WorkerRow.Ended.SILENT)
    with bounded():
        return WorkerRow.objects.filter(ended__in=bad, heartbeat_at__gte=Now() - LATELY).count()
