"""Cards of jobs: what people see of many jobs at once, on their page and by its socket.

Reading the cards takes the same few queries however many there are. Only open runs are counted: what is over has its
figures summed.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Case, Count, Exists, IntegerField, OuterRef, Q, QuerySet, Subquery, Value, When
from django.urls import reverse
from django.utils import timezone
from django.utils.text import Truncator

from etl.jobs import states
from etl.live.snapshot import NOTHING, Look, looks_at
from etl.models import EtlJob, EtlJobRun, Overall
from etl.models.jobs import JOB_KINDS, UNDER_WAY

ERROR_CHARACTERS = 300
# What a tenant's people look at first.
_URGENCY = (Overall.RUNNING, Overall.PAUSED, Overall.FAILED, Overall.STOPPED, Overall.READY)
# A job in them is begun when it is due.
_WAITING = (Overall.READY, Overall.FINISHED, Overall.FAILED)
LATE = "LATE"

Card = dict[str, Any]
OpenRuns = Sequence[tuple[EtlJob, EtlJobRun]]


def late() -> Q:
    """Jobs that were due `settings.OVERDUE_MINUTES` ago and might have begun: no other run of the site is open."""
    due = timezone.now() - timedelta(minutes=settings.OVERDUE_MINUTES)
    at_work = Q(active=True, integration__active=True, tenant__active=True)
    others = EtlJobRun.objects.filter(integration=OuterRef("integration"), kind__in=JOB_KINDS, status__in=UNDER_WAY)
    return at_work & Q(next_run__lt=due, status__overall__in=_WAITING) & ~Q(Exists(others))


def by_urgency(jobs: QuerySet[EtlJob]) -> QuerySet[Any]:
    """The jobs with ``urgency``: the lower, the earlier people want to see them."""
    ranks = [When(status__overall=state, then=Value(rank)) for rank, state in enumerate(_URGENCY)]
    return jobs.annotate(urgency=Case(*ranks, default=Value(len(_URGENCY)), output_field=IntegerField()))


def totals(jobs: QuerySet[EtlJob]) -> dict[str, int]:
    """How many jobs there are (``all``), in each state, and late ones, in one query."""
    by_state = {state.value: Count("pk", filter=Q(status__overall=state)) for state in Overall}
    found: dict[str, int] = jobs.order_by().aggregate(all=Count("pk"), **{LATE: Count("pk", filter=late())}, **by_state)
    return found


def cards(jobs: QuerySet[EtlJob], look: Callable[[OpenRuns], dict[int, Look]] = looks_at) -> list[Card]:
    """The cards of the jobs, in their order. ``look`` tells how far open runs are."""
    found = list(_light(jobs))
    runs = {run.pk: run for run in _runs(filter(None, (job.last_run_id for job in found)))}
    last = {job.pk: runs[job.last_run_id] for job in found if job.last_run_id in runs}
    looks = look([(job, last[job.pk]) for job in found if job.pk in last and last[job.pk].status in UNDER_WAY])
    others = _others(found)
    return [_card(job, last.get(job.pk), looks.get(job.pk, NOTHING), others.get(job.pk, [])) for job in found]


def _light(jobs: QuerySet[EtlJob]) -> QuerySet[Any]:
    """The jobs without what no card shows; each knows its last run of its own kinds, and whether it is late."""
    newest = EtlJobRun.objects.filter(job=OuterRef("pk"), kind__in=JOB_KINDS).order_by("-pk").values("pk")[:1]
    rows = jobs.select_related("integration", "tenant").annotate(last_run_id=Subquery(newest), is_late=late())
    names = ("id", "name", "order", "active", "status", "version", "next_run", "retry_count", "error_message")
    owner = ("integration__name", "integration__provider", "integration__active", "tenant__name", "tenant__active")
    return rows.only(*names, *owner)


def _runs(ids: Iterable[int]) -> QuerySet[EtlJobRun]:
    """The runs with their integrations, of which an estimate needs the provider; without secrets."""
    rows = EtlJobRun.objects.filter(pk__in=list(ids)).select_related("integration")
    return rows.defer("integration__secrets", "error_message", "warning")


def _others(jobs: Sequence[EtlJob]) -> dict[int, list[dict[str, Any]]]:
    """The open runs of other kinds, such as repairs, by job."""
    rows = EtlJobRun.objects.filter(job__in=jobs, status__in=UNDER_WAY).exclude(kind__in=JOB_KINDS).order_by("pk")
    found: dict[int, list[dict[str, Any]]] = {}
    for pk, job_id, kind, status in rows.values_list("pk", "job_id", "kind", "status"):
        found.setdefault(job_id, []).append({"id": pk, "kind": kind, "status": status, "address": _address(pk)})
    return found


def _address(run_id: int) -> str:
    return reverse("admin:etl_etljobrun_change", args=[run_id])


def _card(job: Any, run: EtlJobRun | None, look: Look, others: list[dict[str, Any]]) -> Card:
    integration = job.integration
    return {
        "id": job.pk,
        "tenant_id": job.tenant_id,
        "tenant": job.tenant.name,
        "name": job.name,
        "address": reverse("admin:etl_etljob_change", args=[job.pk]),
        "active": job.active and integration.active and job.tenant.active,
        "integration": {"id": integration.pk, "name": integration.name, "provider": integration.provider},
        "status": job.status,
        "overall": job.overall,
        "version": job.version,
        "actions": states.possible(job.overall),
        "progress": look.progress,
        "rate": None if look.rate is None else round(look.rate, 2),
        "estimated_end": look.estimated_end,
        "run": _run(run) if run else None,
        "others": others,
        "next_run": _text(job.next_run),
        "late": bool(job.is_late),
        "failures": job.retry_count,
        "error": Truncator(job.error_message).chars(ERROR_CHARACTERS),
    }


def _run(run: EtlJobRun) -> dict[str, Any]:
    return {
        "id": run.pk,
        "address": _address(run.pk),
        "kind": run.kind,
        "status": run.status,
        "started_at": _text(run.started_at),
        "finished_at": _text(run.finished_at),
        "seconds": run.execution_time,
        "records": run.records_processed,
        "failed": run.errors_encountered,
        "quarantined": run.quarantined,
    }


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
