"""Looking at runs that other processes work on."""

from pathlib import Path

import psutil

from etl.jobs.units import columns
from etl.jobs.wakeups import UNIT_MODELS
from etl.models import EtlJobRun, Overall
from etl.queue.topology import Stage
from etl.sql import fetch
from tests.services.waiting import wait_until
from tests.support.processes import Running

RUN_SECONDS = 120


def in_hand(run_id: int, stage: Stage) -> int:
    """How many units of a stage somebody works on."""
    names = columns(UNIT_MODELS[stage])
    sql = f"SELECT count(*) FROM {names.table} WHERE run_id = %s AND {names.state} = 'processing'"
    return int(fetch(sql, [run_id])[0][0])


def worker_of(supervisor: Running) -> int:
    """The process id of the one worker that a command keeps alive."""
    (child,) = psutil.Process(supervisor.pid).children()
    return int(child.pid)


def kill_in_the_middle(process: Running, run_id: int, stage: Stage, *, worker: int | None = None) -> None:
    """SIGKILL while it has a unit of that stage in hand. It is held still for the look, so that this is certain.

    ``worker`` is the process that works, where that is one that this one supervises: it ends with it.
    """
    working = psutil.Process(worker or process.pid)

    def caught() -> bool:
        if not in_hand(run_id, stage):
            return False
        working.suspend()
        if _stopped(working.pid) and in_hand(run_id, stage):
            return True
        working.resume()
        return False

    assert wait_until(caught, RUN_SECONDS), f"no unit of {stage} was ever in hand: {process.errors}"
    process.kill()
    assert wait_until(lambda: not working.is_running(), RUN_SECONDS)


def _stopped(pid: int) -> bool:
    """Whether all of its threads stand still, as they do at once after SIGSTOP."""

    def still() -> bool:
        tasks = Path(f"/proc/{pid}/task").glob("*/stat")
        return {task.read_text().rpartition(")")[2].split()[0] for task in tasks} <= {"T", "t"}

    return wait_until(still, 5)


def wait_for_run(run_id: int) -> EtlJobRun:
    """The run as it ended. Fails where it is still open after two minutes."""

    def over() -> bool:
        return EtlJobRun.objects.get(pk=run_id).status not in (Overall.READY, Overall.RUNNING, Overall.PAUSED)

    assert wait_until(over, RUN_SECONDS), f"run {run_id} is still open"
    return EtlJobRun.objects.get(pk=run_id)
