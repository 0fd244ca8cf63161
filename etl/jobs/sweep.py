"""The sweep: what makes lost messages, dead workers and lost last events harmless. Runs every second, anywhere."""

import logging
from dataclasses import dataclass

from django.db import InterfaceError, OperationalError

from etl.jobs import units
from etl.jobs.advance import advance
from etl.jobs.wakeups import UNIT_MODELS, integrations_waiting, wake
from etl.models import EtlJobEvent, EtlJobRun, Overall
from etl.queue.broker import PublishFailed
from etl.queue.topology import Stage

logger = logging.getLogger(__name__)


@dataclass
class Swept:
    """What one sweep did."""

    taken_back: int = 0
    given_up: int = 0
    cancelled: int = 0
    lost_wakeups: int = 0
    woken: int = 0
    advanced: int = 0


def _say(run_id: int, stage: Stage, unit_id: int, given_up: bool) -> None:
    run = EtlJobRun.objects.get(pk=run_id)
    EtlJobEvent.objects.create(
        tenant_id=run.tenant_id,
        run=run,
        level="error" if given_up else "info",
        stage=stage,
        message=f"{stage} unit {unit_id}: {units.DIED if given_up else 'taken back from a dead worker'}",
        context={"unit_id": unit_id},
    )


def _recover(stage: Stage, swept: Swept) -> None:
    model = UNIT_MODELS[stage]
    for unit_id, run_id, given_up in units.take_back_expired(model):
        swept.taken_back += 1
        swept.given_up += given_up
        _say(run_id, stage, unit_id, given_up)
    swept.cancelled += units.cancel_stopped(model)
    swept.lost_wakeups += units.forget_lost_wakeups(model)


def _wake_all(stage: Stage, swept: Swept) -> None:
    for integration_id in integrations_waiting(stage):
        try:
            swept.woken += wake(stage, integration_id)
        except PublishFailed as error:
            logger.warning("the queue took no wake-up: %s", error)


def _advance(run_id: int) -> bool:
    """One run that cannot be planned must not hold up the others."""
    try:
        return advance(run_id)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        logger.exception("run %s cannot be brought up to date", run_id)
        return False


def sweep() -> Swept:
    """Takes back expired leases, cancels what slipped past a stop, wakes what may run, advances open runs."""
    swept = Swept()
    for stage in Stage:
        _recover(stage, swept)
        _wake_all(stage, swept)
    for run_id in EtlJobRun.objects.filter(status=Overall.RUNNING).values_list("pk", flat=True):
        swept.advanced += _advance(run_id)
    return swept
