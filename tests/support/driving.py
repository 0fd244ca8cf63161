"""Driving the pipeline without a queue, a thread or a clock: what waits is handled, in the order that a test likes."""

import random
from collections.abc import Mapping
from typing import Any

from etl import pipeline
from etl.jobs import lifecycle
from etl.jobs.units import columns
from etl.jobs.wakeups import UNIT_MODELS
from etl.models import EtlJob, EtlJobRun
from etl.queue.broker import Outcome
from etl.queue.topology import Stage
from etl.sql import fetch
from integrations.models import IntegrationLimit

_WAKEABLE = {Stage.EXTRACTION: "true", Stage.TRANSFORM: "is_complete AND parent_id IS NULL", Stage.EMBEDDING: "true"}
# What one message names: a unit, or the vectors of a table.
_TOGETHER = {
    Stage.EXTRACTION: "id",
    Stage.TRANSFORM: "id",
    Stage.EMBEDDING: "step, table_name, CASE WHEN alone THEN id END",
}


def waiting(run_id: int, stage: Stage) -> list[int]:
    """The units of a stage that may be taken now, oldest first."""
    return sorted(unit for together in messages(run_id, stage) for unit in together)


def messages(run_id: int, stage: Stage) -> list[list[int]]:
    """The same, those together that one message names."""
    names = columns(UNIT_MODELS[stage])
    rows = fetch(
        f"""SELECT array_agg(id ORDER BY id) FROM {names.table}
            WHERE run_id = %s AND {names.state} = 'pending' AND {_WAKEABLE[stage]}
              AND (not_before IS NULL OR not_before <= now())
            GROUP BY {_TOGETHER[stage]} ORDER BY min(id)""",
        [run_id],
    )
    return [row[0] for row in rows]


def forget_delays(run_id: int) -> None:
    """Lets what waits for another try be tried at once, also where the integration's circuit is open."""
    IntegrationLimit.objects.filter(tenant__in=EtlJobRun.objects.filter(pk=run_id).values("tenant")).update(
        blocked_until=None
    )
    for model in UNIT_MODELS.values():
        model.objects.filter(run_id=run_id).update(not_before=None)  # type: ignore[attr-defined]


def work_off(
    run: EtlJobRun, *, shuffle: random.Random | None = None, stages: tuple[Stage, ...] = tuple(Stage)
) -> list[Outcome]:
    """Handles what messages would name until nothing of those stages can be taken; what became of it.

    Retries are not waited for.
    """
    outcomes: list[Outcome] = []
    while todo := _next(run.pk, stages, shuffle):
        outcomes.append(pipeline.handle(*todo))
    run.refresh_from_db()
    return outcomes


def _next(run_id: int, stages: tuple[Stage, ...], shuffle: random.Random | None) -> tuple[Stage, list[int]] | None:
    """The first of the first stage that has any, or any of any stage."""
    found = ((stage, units) for stage in stages for units in messages(run_id, stage))
    if shuffle is None:
        return next(found, None)
    every = list(found)
    return shuffle.choice(every) if every else None


def stopped_after(job: EtlJob, units: int) -> None:
    """Starts a sync, and stops it after so many units, one by one, each of the first stage that has any.

    A sync that is over before that is not stopped.
    """
    run = lifecycle.start(job.pk, trigger="test")
    for _ in range(units):
        if todo := next(((stage, found[:1]) for stage in Stage if (found := waiting(run.pk, stage))), None):
            pipeline.handle(*todo)
    run.refresh_from_db()
    if run.status == "RUNNING":
        lifecycle.stop(job.pk)


def worked_off(run: EtlJobRun) -> EtlJobRun:
    """Works an open run off to its end, tries without delay."""
    work_off(run)
    while run.status == "RUNNING":
        forget_delays(run.pk)
        assert work_off(run), "nothing can be done, and the run is still open"
    return run


def run_to_end(job: EtlJob, config: Mapping[str, Any] | None = None) -> EtlJobRun:
    """Starts a sync and works it off, tries without delay; the run as it ended."""
    run = lifecycle.start(job.pk, trigger="test", config=config)
    work_off(run)
    while run.status == "RUNNING":
        forget_delays(run.pk)
        if not work_off(run):
            break
    return run
