"""What the page of queues and workers shows: how full queues are, how fast they move, and who works on what."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from etl.admin.explained import in_words
from etl.jobs.ages import Waiting, waiting
from etl.models import DeadLetter, EtlJobRun, WorkerRow
from etl.queue.broker import BrokerUnavailable, QueueStatistics
from etl.queue.topology import Stage, Tier, queue_for
from etl.workers import control, statistics
from etl.workers.control import WorkerState, WorkerStatus
from pulse.postgres.scope import platform_scope
from pulse.tenancy.admin.shown import STATE_COLOURS

SHOWN_WORKERS = 200
SHOWN_IDS = 3
# Longer than that nothing should wait that workers were told of.
LONG = timedelta(minutes=10)
_OF_STAGE = {queue_for(stage, tier): (stage, tier) for stage in Stage for tier in Tier}
_NOTHING = Waiting(None, None)


@dataclass(frozen=True)
class Queue:
    """A queue's figures; ages in seconds, rates a second; None is not known, or nothing."""

    told: QueueStatistics
    tier: str
    waits: Waiting

    @property
    def age(self) -> str:
        return "" if self.waits.told is None else in_words(self.waits.told)

    @property
    def is_late(self) -> bool:
        return (self.waits.told or 0) > LONG.total_seconds()

    @property
    def next_age(self) -> str:
        return "" if self.waits.untold is None else in_words(self.waits.untold)

    @property
    def is_unserved(self) -> bool:
        """Whether messages wait that nobody takes."""
        return self.told.message_count > 0 and self.told.consumer_count == 0


@dataclass(frozen=True)
class Held:
    """What a worker has in hand, and for how long ("": not told); ``run`` is the run's number, where there is one."""

    text: str
    run: int | None = None
    lasts: str = ""


@dataclass(frozen=True)
class Worker:
    status: WorkerStatus
    silent_for: str
    colour: str
    held: Sequence[Held]

    @property
    def row(self) -> WorkerRow:
        return self.status.row

    @property
    def can_restart(self) -> bool:
        return self.status.state != WorkerState.ENDED


def now() -> dict[str, Any]:
    """All of it, of all tenants: for superusers. ``error`` says why the queues cannot be asked."""
    with platform_scope():
        return {"workers": _workers(), "at": timezone.now(), **_letters(), **_queues()}


def _queues() -> dict[str, Any]:
    try:
        told = statistics.queues()
    except BrokerUnavailable as error:
        return {"error": f"The queues cannot be asked: {error}", "queues": [], "totals": {}}
    ages = waiting()
    queues = [_queue(one, ages.get(_OF_STAGE[one.name]) if one.name in _OF_STAGE else None) for one in told]
    return {"error": "", "queues": queues, "totals": _totals(told)}


def _queue(told: QueueStatistics, waits: Waiting | None) -> Queue:
    return Queue(told, str(_OF_STAGE[told.name][1]) if told.name in _OF_STAGE else "all", waits or _NOTHING)


def _totals(told: Sequence[QueueStatistics]) -> dict[str, Any]:
    return {
        "waiting": sum(one.message_count for one in told),
        "in_hand": _sum([one.unacknowledged for one in told]),
        "published": _sum([one.publish_rate for one in told]),
        "acknowledged": _sum([one.ack_rate for one in told]),
    }


def _sum(parts: Sequence[float | None]) -> float | None:
    """None where none of them can be told."""
    known = [part for part in parts if part is not None]
    return sum(known) if known else None


def _letters() -> dict[str, Any]:
    return {"letters": DeadLetter.objects.filter(state=DeadLetter.State.OPEN).count()}


def _workers() -> list[Worker]:
    found = control.workers(control.not_ended())[:SHOWN_WORKERS]
    named = {entry.get("run_id") for one in found for entry in one.row.holding if isinstance(entry, dict)}
    runs = set(
        EtlJobRun.objects.filter(pk__in=[pk for pk in named if isinstance(pk, int)]).values_list("pk", flat=True)
    )
    return [_worker(one, runs) for one in found]


def _worker(status: WorkerStatus, runs: set[int]) -> Worker:
    silent = max(0.0, (timezone.now() - status.row.heartbeat_at).total_seconds())
    held = [_held(entry, runs) for entry in status.row.holding]
    return Worker(status, in_words(silent), STATE_COLOURS[status.state], held)


def _held(entry: Any, runs: set[int]) -> Held:
    if not isinstance(entry, dict):
        return Held(str(entry))
    run = entry.get("run_id")
    return Held(said(entry), run if run in runs else None, _lasts(entry.get("since")))


def _lasts(since: Any) -> str:
    """How long ago that was; "" where it is no moment."""
    try:
        began = datetime.fromisoformat(since)
        return in_words(max(0.0, (timezone.now() - began).total_seconds()))
    except (TypeError, ValueError):
        return ""


def said(entry: Any) -> str:
    """What a worker has in hand, as its heartbeat told it."""
    if not isinstance(entry, dict):
        return str(entry)
    ids = list(map(str, entry.get("ids") or []))
    shown = ", ".join(ids[:SHOWN_IDS]) + ("…" if len(ids) > SHOWN_IDS else "")
    return f"{entry.get('stage')} {shown} of run {entry.get('run_id')}"
