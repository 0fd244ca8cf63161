"""Which workers there are and how they are, and telling them to begin anew."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from django.conf import settings
from django.db import transaction
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.db.models.functions import Now

from etl.jobs.lifecycle import IllegalTransition
from etl.models import WorkerRow
from etl.queue.topology import Tier
from pulse.tenancy import audit


class WorkerState(StrEnum):
    """How a worker is: it says that it lives, it has not for a while, or it is known to be no more."""

    ALIVE = "alive"
    SILENT = "silent"
    ENDED = "ended"


@dataclass(frozen=True)
class WorkerStatus:
    """A worker's row, and how the worker is. Why it ended is the row's ``ended``."""

    row: WorkerRow
    state: WorkerState


class WorkerGone(IllegalTransition):
    """A process that is no more cannot be told anything."""


def workers(rows: QuerySet[WorkerRow] | None = None) -> list[WorkerStatus]:
    """Those workers, or all, in the rows' order. Silence is measured on the database's clock."""
    found = WorkerRow.objects.order_by("-id") if rows is None else rows
    limit = Now() - timedelta(seconds=settings.WORKER_SILENT_SECONDS)
    silent = ExpressionWrapper(Q(heartbeat_at__lt=limit), output_field=BooleanField())
    return [WorkerStatus(row, _state(row, row.silent)) for row in found.annotate(silent=silent)]


def _state(row: WorkerRow, silent: bool) -> WorkerState:
    if row.ended or not row.active:
        return WorkerState.ENDED
    return WorkerState.SILENT if silent else WorkerState.ALIVE


def restart(worker_id: int) -> None:
    """Has a worker finish what it has in hand, end, and be replaced; it hears of it with its next heartbeat.

    Raises WorkerGone where it has ended, or there is none.
    """
    if not restart_all(WorkerRow.objects.filter(pk=worker_id)):
        raise WorkerGone(_why_not(worker_id))


def restart_all(rows: QuerySet[WorkerRow]) -> int:
    """The same for each of those that has not ended; how many were told."""
    with transaction.atomic():
        told = list(not_ended(rows).select_for_update(no_key=True))
        audit.note_all("worker.restart_asked", told)
        return WorkerRow.objects.filter(pk__in=[row.pk for row in told]).update(asked=WorkerRow.Asked.RESTART)


def serving(tier: Tier | None = None) -> QuerySet[WorkerRow]:
    """The workers that take messages of that tier's tenants; all of them without one."""
    rows = WorkerRow.objects.order_by("-id")
    return rows if tier is None else rows.filter(Q(tier="all") | Q(tier__regex=rf"\y{tier}\y"))


def not_ended(rows: QuerySet[WorkerRow] | None = None) -> QuerySet[WorkerRow]:
    """Those of the rows, or of all, whose worker may still live."""
    found = WorkerRow.objects.order_by("-id") if rows is None else rows
    return found.filter(active=True, ended=WorkerRow.Ended.NOT)


def _why_not(worker_id: int) -> str:
    row = WorkerRow.objects.filter(pk=worker_id).first()
    if row is None:
        return f"there is no worker {worker_id}"
    return f"worker {worker_id} ({row}) has ended ({row.ended or 'stopped'}): whatever replaced it has another number"
