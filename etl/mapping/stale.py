"""Stored answers whose rows were made with other mappings, or by another reader, than are current.

Only those that own something: an active item that was last written from them, or a record in quarantine. All else
that they said, newer answers say.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from etl.jobs import units
from etl.mapping import fingerprints
from etl.models import EtlJob, EtlJobRun, EtlJobRunStep, RunKind
from etl.sql import execute, fetch
from integrations.models import Integration

STALE_ONLY = "stale_only"
"""In the config of a run that makes anew, of stale answers, what they own."""

LOOK_AGAIN = timedelta(minutes=1)

# What failed in a run is none of that run's business any more. What is of another open run is left to it, but for
# items: of webhooks there may always be an open run.
_CLAIMABLE = """(r.processing_status = 'completed' AND (r.step = %(items)s OR r.run_id = %(run)s)
    OR r.processing_status IN ('completed', 'failed', 'cancelled') AND NOT EXISTS (
        SELECT 1 FROM etl_job_runs o WHERE o.id = r.run_id AND o.status IN ('RUNNING', 'PAUSED')))"""


@dataclass(frozen=True)
class Stale:
    """``claimable`` are ids of answers that a re-transform can make its own.

    Of the others, that many are ``open``: they wait, or are in hand, in another run; and that many have ``failed``.
    """

    claimable: list[int]
    open: int
    failed: int


def find(integration: Integration, steps: Sequence[str], run_id: int | None = None) -> Stale:
    """The stale answers of these steps, which a re-transform has; ``run_id`` where it has begun already."""
    rows = fetch(
        f"""SELECT r.id, {_CLAIMABLE}, r.processing_status IN ('pending', 'processing') FROM raw_extraction_data r
            WHERE r.integration_id = %(integration)s AND r.fingerprint <> %(current)s AND r.step = ANY(%(steps)s)
              AND r.active AND r.is_complete AND r.parent_id IS NULL
              AND (r.id IN (SELECT raw_data_id FROM {integration.provider_code.items_table}
                            WHERE tenant_id = %(tenant)s AND integration_id = %(integration)s AND active)
                   OR r.id IN (SELECT raw_data_id FROM quarantined_records
                               WHERE tenant_id = %(tenant)s AND integration_id = %(integration)s
                                 AND resolved_at IS NULL))
            ORDER BY r.id""",
        {
            "tenant": integration.tenant_id,
            "integration": integration.pk,
            "current": fingerprints.current(integration),
            "items": integration.provider_code.items_step,
            "steps": list(steps),
            "run": run_id,
        },
    )
    claimable = [raw_id for raw_id, can_be_claimed, _ in rows if can_be_claimed]
    is_open = sum(waits for _, _, waits in rows)
    return Stale(claimable, is_open, len(rows) - len(claimable) - is_open)


def settle(job: EtlJob, found: Stale) -> None:
    """Notes whether a re-transform is still due, where none can be begun or go on.

    In a minute where others are to make current what is left, a cycle later where it failed. ``job`` was read before
    the look: a mapping that was saved since has set another time, which stays.
    """
    later = timedelta(minutes=job.tenant.cycle_minutes) if found.failed else LOOK_AGAIN if found.open else None
    execute(
        """UPDATE etl_jobs SET retransform_due_at = clock_timestamp() + %s::interval
           WHERE id = %s AND retransform_due_at IS NOT DISTINCT FROM %s""",
        [later, job.pk, job.retransform_due_at],
    )


def goes_on(run: EtlJobRun) -> bool:
    """Whether a run all of whose units are over has more to make anew: what is stale by now is made to wait in it.

    Under the run's lock. Runs of other kinds are over when their units are.
    """
    if run.kind != RunKind.REPROCESS:
        return False
    job = EtlJob.objects.select_related("tenant").get(pk=run.job_id)
    steps = EtlJobRunStep.objects.filter(run=run).values_list("step", flat=True)
    found = find(run.integration, list(steps), run.pk)
    if not found.claimable:
        settle(job, found)
    return units.claim_answers(run.pk, found.claimable) > 0
