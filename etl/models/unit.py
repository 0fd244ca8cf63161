"""The unit of work: a row with a state. `etl.jobs.units` is the only module that changes one."""

from django.db import models

from integrations.models import Integration
from pulse.postgres.comments import commented
from pulse.tenancy.models import TenantOwned


class UnitState(models.TextChoices):
    """pending → processing → completed / failed / cancelled; a parked or retried unit is pending again."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


OPEN = (UnitState.PENDING, UnitState.PROCESSING)
TERMINAL = (UnitState.COMPLETED, UnitState.FAILED, UnitState.CANCELLED)


@commented(
    integration="integrations.id of the site that the work is for",
    run="etl_job_runs.id of the run that the work is in; NULL: in none",
    step="etl_job_run_steps.step of that run; empty: none",
    status="pending, processing, completed, failed or cancelled; pending again where it is retried or has to wait",
    lease_token="Drawn anew each time that it is taken: only who holds it may end the work; NULL: nobody",  # noqa: S106
    lease_until="When others may take it over unless the lease is renewed, UTC; NULL: nobody holds it",
    worker="workers.id of the process that took it last; NULL: none did",
    takes="How often it was taken since it last came to an end of any kind",
    tries="How many passing errors it met in a row",
    not_before="When it may be taken, UTC; NULL: at once",
    published_at="When workers were told of it, while that is on its way or in hand, UTC; NULL: they are not",
    error_details="JSON object with the last error; NULL: none",
)
class Unit(TenantOwned):
    """Base of the three tables whose rows are units."""

    integration = models.ForeignKey(Integration, on_delete=models.PROTECT, related_name="+", db_index=False)
    run = models.ForeignKey("etl.EtlJobRun", on_delete=models.PROTECT, null=True, related_name="+")
    step = models.CharField(max_length=100, default="")
    status = models.CharField(max_length=20, choices=UnitState, default=UnitState.PENDING)
    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    worker = models.ForeignKey(
        "etl.WorkerRow", on_delete=models.DO_NOTHING, null=True, related_name="+", db_index=False, db_constraint=False
    )
    takes = models.PositiveSmallIntegerField(default=0, db_default=0)
    tries = models.PositiveSmallIntegerField(default=0, db_default=0)
    not_before = models.DateTimeField(null=True)
    published_at = models.DateTimeField(null=True)
    error_details = models.JSONField(null=True, blank=True)

    class Meta:
        abstract = True


def unit_constraints(table: str) -> list[models.BaseConstraint]:
    """The check constraint of a unit table."""
    return [
        models.CheckConstraint(name=f"{table}_state", condition=models.Q(status__in=UnitState.values)),
    ]


def unit_indexes(short: str) -> list[models.Index]:
    """The partial indexes that keep looking for work cheap, however many finished units there are."""
    pending, processing = models.Q(status=UnitState.PENDING), models.Q(status=UnitState.PROCESSING)
    return [
        models.Index(fields=["run", "step"], condition=pending | processing, name=f"{short}_open"),
        models.Index(fields=["run", "step"], condition=models.Q(status=UnitState.FAILED), name=f"{short}_failed"),
        models.Index(
            fields=["integration", "id"], condition=pending & models.Q(published_at=None), name=f"{short}_waiting"
        ),
        models.Index(
            fields=["integration", "published_at"],
            condition=(pending | processing) & models.Q(published_at__isnull=False),
            name=f"{short}_published",
        ),
        models.Index(fields=["lease_until"], condition=processing, name=f"{short}_leased"),
        # Those that workers may have died on (see `etl.jobs.units.SUSPECT_TAKES`).
        models.Index(
            fields=["id"], condition=(pending | processing) & models.Q(takes__gte=2), name=f"{short}_suspects"
        ),
    ]
