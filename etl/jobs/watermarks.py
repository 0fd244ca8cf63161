"""Watermarks: where the next sync of a scope begins. One per integration, step and scope.

It is the site's own clock at the first answer of the scope, kept as soon as all checkpoints of the scope in a run are
completed: windows and follow-ups too, whatever later stages make of the answers, for these are stored. It stands on
one of the scope's checkpoints. A scope of which anything failed or was cancelled has none: it goes on in the next sync.
Nor has one of which something was broken off (see `Answer`): the next sync reads it from where the last watermark is.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from etl.jobs.units import Lease
from etl.models import EtlJobRun, EtlJobRunStep, RunKind
from etl.sql import execute, fetch

# What a run may be told that makes it read less than all of a scope, or of the scopes.
RESTRICTIONS = ("projects", "steps", "updated_from", "updated_to")


def restrictions(config: Mapping[str, Any]) -> dict[str, Any]:
    """What makes a run read only some projects, steps or dates: such a one never moves a watermark."""
    return {name: config[name] for name in RESTRICTIONS if config.get(name)}


# On a single row, so that two that keep it at once wait for each other and never for one another in a ring. The oldest:
# every other checkpoint of the scope was born of it, or planned with it.
_KEEP = """UPDATE extraction_checkpoints c SET watermark = s.began
    FROM (SELECT min(id) FILTER (WHERE parent_raw_id IS NULL) AS id,
                 min(first_answer_at) FILTER (WHERE parent_raw_id IS NULL) AS began
          FROM extraction_checkpoints WHERE run_id = %(run)s AND scope <> '' AND {which} GROUP BY step, scope
          HAVING bool_and(status = 'completed')
             AND bool_and(first_answer_at IS NOT NULL) FILTER (WHERE parent_raw_id IS NULL)
             AND NOT bool_or(cursor ? 'broken_off')) s
    WHERE c.id = s.id AND c.watermark IS NULL"""


def keep(lease: Lease) -> int:
    """Keeps the watermark of a unit's scope, where the unit was its last; to be called after the unit's commit.

    So that of two last units that end at once the one that commits later sees both: had it looked inside its own
    transaction, neither would have seen the other. Both may see both: the second finds the watermark there.
    """
    scopes = fetch(
        """SELECT DISTINCT c.scope FROM extraction_checkpoints c JOIN etl_job_runs r ON r.id = c.run_id
           WHERE c.id = ANY(%(ids)s) AND c.status = 'completed' AND c.scope <> '' AND r.kind = 'sync'
             AND NOT EXISTS (SELECT 1 FROM extraction_checkpoints o WHERE o.run_id = c.run_id AND o.step = c.step
                             AND o.status IN ('pending', 'processing') AND o.scope = c.scope)""",
        {"ids": list(lease.ids)},
    )
    if not scopes or restrictions(EtlJobRun.objects.values_list("config", flat=True).get(pk=lease.run_id)):
        return 0
    return execute(
        _KEEP.format(which="step = %(step)s AND scope = ANY(%(scopes)s)"),
        {"run": lease.run_id, "step": lease.step, "scopes": [row[0] for row in scopes]},
    )


def keep_all(run: EtlJobRun) -> int:
    """Keeps those that a worker did not live to keep after its last commit; how many."""
    if run.kind != RunKind.SYNC or restrictions(run.config):
        return 0
    return execute(_KEEP.format(which="true"), {"run": run.pk})


def keep_of_last(job_id: int, *, before: int) -> int:
    """Does so for the sync before that run: where it was stopped, units in hand committed after its end."""
    last = syncs_of(job_id).filter(pk__lt=before).order_by("-id").first()
    return keep_all(last) if last else 0


def syncs_of(job_id: int) -> QuerySet[EtlJobRun]:
    """The job's syncs, without those that went by since the integration was inactive: they have no steps."""
    has_steps = EtlJobRunStep.objects.filter(run=OuterRef("pk"))
    return EtlJobRun.objects.filter(Exists(has_steps), job_id=job_id, kind=RunKind.SYNC)


def read(integration_id: int, step: str) -> dict[str, datetime]:
    """The newest watermark of each scope."""
    rows = fetch(
        """SELECT scope, max(watermark) FROM extraction_checkpoints
           WHERE integration_id = %s AND step = %s AND watermark IS NOT NULL GROUP BY scope""",
        [integration_id, step],
    )
    return dict(rows)
