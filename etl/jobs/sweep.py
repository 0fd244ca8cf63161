"""The sweep: what makes lost messages, dead workers and lost last events harmless. Runs every second, anywhere."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import transaction

from etl.jobs import recovery
from etl.jobs.advance import advance
from etl.jobs.failing import fail_run
from etl.jobs.isolating import isolated
from etl.jobs.recovery import Found, TakenBack
from etl.jobs.wakeups import UNIT_MODELS, integrations_waiting, wake, wake_suspect
from etl.letters import dead_letters
from etl.models import EtlJobEvent, EtlJobRun, Overall
from etl.models.unit import Unit
from etl.queue import get_broker
from etl.queue.broker import BrokerUnavailable, PublishFailed
from etl.queue.topology import Stage, queue_for
from integrations.errors import StageError

logger = logging.getLogger(__name__)

# Of more units than these an event says only how many they are.
IDS_SAID = 100


@dataclass
class Swept:
    """What one sweep did. ``touched`` are the runs in which it changed units."""

    silent_workers: int = 0
    taken_back: int = 0
    given_up: int = 0
    cancelled: int = 0
    lost_wakeups: int = 0
    woken: int = 0
    advanced: int = 0
    touched: set[int] = field(default_factory=set)


def _say(stage: Stage, found: Iterable[Found], message: str, level: str = "info") -> None:
    """One event for each run, however many units it is about."""
    units_of: dict[int, list[int]] = defaultdict(list)
    for unit in found:
        units_of[unit.run_id].append(unit.unit_id)
    for run in EtlJobRun.objects.filter(pk__in=units_of):
        ids = sorted(units_of[run.pk])
        count = f"{len(ids)} {stage} unit{'s' * (len(ids) > 1)}"
        _say_of(run, message.format(count), stage, level, {"count": len(ids), "unit_ids": ids[:IDS_SAID]})


def _say_of(run: EtlJobRun, message: str, stage: str, level: str, context: dict[str, object]) -> None:
    EtlJobEvent.objects.create(
        tenant_id=run.tenant_id, run=run, level=level, stage=stage, message=message, context=context
    )


def _recover(stage: Stage, swept: Swept) -> None:
    model = UNIT_MODELS[stage]
    taken, lost = _take_back(stage, model), _forget_lost(stage, model)
    _say(stage, lost, "{} woken again: the messages were lost")
    swept.taken_back += len(taken)
    swept.given_up += sum(unit.given_up for unit in taken)
    swept.lost_wakeups += len(lost)
    swept.cancelled += recovery.cancel_stopped(model)
    swept.touched |= {unit.run_id for unit in [*taken, *lost]}


def _take_back(stage: Stage, model: type[Unit]) -> list[TakenBack]:
    """With what is said of it: whoever is killed in between has taken nothing back."""
    with transaction.atomic():
        taken = recovery.take_back(model)
        given_up = [unit for unit in taken if unit.given_up]
        _say(stage, [unit for unit in taken if not unit.given_up], "{} taken back from a dead worker")
        _say(stage, given_up, f"{{}} given up: {recovery.DIED}", "error")
        for unit in given_up:
            dead_letters.leave(stage, unit.unit_id)
    return taken


def _forget_lost(stage: Stage, model: type[Unit]) -> list[Found]:
    """Of a queue in which nothing waits each message was delivered: whose unit nobody took is lost.

    Where something waits, it may be those messages; and while nobody takes from a queue, none of them is late.
    """
    lost: list[Found] = []
    for tier in recovery.tiers_with_old_wakeups(model, settings.UNIT_LOST_SECONDS):
        try:
            counts = get_broker().counts(queue_for(stage, tier))
        except BrokerUnavailable as error:
            logger.warning("nobody knows which messages wait: %s", error)
            return lost
        if not counts.message_count:
            lost += recovery.forget_wakeups_of_tier(model, tier, settings.UNIT_LOST_SECONDS)
        elif counts.consumer_count:
            lost += recovery.forget_wakeups_of_tier(model, tier, settings.UNIT_REPUBLISH_SECONDS)
    return lost


def _wake_all(stage: Stage, swept: Swept) -> None:
    for integration_id in integrations_waiting(stage):
        try:
            swept.woken += wake(stage, integration_id)
        except PublishFailed as error:
            logger.warning("the queue took no wake-up: %s", error)


def _wake_suspect(swept: Swept) -> None:
    try:
        swept.woken += wake_suspect()
    except PublishFailed as error:
        logger.warning("the queue took no wake-up: %s", error)


def _advance(run_id: int, swept: Swept) -> None:
    with isolated(f"run {run_id} cannot be brought up to date"):
        try:
            moved = advance(run_id)
        except DatabaseError:
            raise
        except Exception as error:
            # Settings or stored answers that cannot be planned with: tomorrow's try would end in the same way.
            fail_run(run_id, str(error) if isinstance(error, StageError) else f"{type(error).__name__}: {error}")
            raise
        swept.advanced += moved
        if moved and run_id not in swept.touched:
            _say_if_over(run_id)


def _say_if_over(run_id: int) -> None:
    """Of a run that nobody else ended, and that ended not by what this very sweep did to its units."""
    if run := EtlJobRun.objects.filter(pk=run_id, status__in=(Overall.FINISHED, Overall.FAILED)).first():
        _say_of(run, "ended by the sweep: whoever ended its last unit did not", "", "info", {})


def sweep() -> Swept:
    """Takes back what dead workers held, cancels what slipped past a stop, wakes what may run, advances open runs."""
    swept = Swept(silent_workers=recovery.end_silent_workers())
    for stage in Stage:
        _recover(stage, swept)
        _wake_all(stage, swept)
    _wake_suspect(swept)
    for run_id in _running():
        _advance(run_id, swept)
    return swept


def _running() -> Sequence[int]:
    return list(EtlJobRun.objects.filter(status=Overall.RUNNING).values_list("pk", flat=True))
