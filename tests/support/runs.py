"""Looking at runs that other processes work on."""

import signal
from pathlib import Path

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


def kill_in_the_middle(process: Running, run_id: int, stage: Stage) -> None:
    """SIGKILL while it has a unit of that stage in hand. It is held still for the look, so that this is certain."""

    def caught() -> bool:
        if not in_hand(run_id, stage):
            return False
        process.send(signal.SIGSTOP)
        if _stopped(process.pid) and in_hand(run_id, stage):
            return True
        process.send(signal.SIGCONT)
        return False

    assert wait_until(caught, RUN_SECONDS), f"no unit of {stage} was ever in hand: {process.errors}"
    process.kill()


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
