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


def waiting(run_id: int, stage: Stage) -> list[int]:
    """The units of a stage that may be taken now, oldest first."""
    names = columns(UNIT_MODELS[stage])
    rows = fetch(
        f"""SELECT id FROM {names.table} WHERE run_id = %s AND {names.state} = 'pending' AND {_WAKEABLE[stage]}
            AND (not_before IS NULL OR not_before <= now()) ORDER BY id""",
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
    """Handles units until none of those stages can be taken; what became of them. Retries are not waited for."""
    outcomes: list[Outcome] = []
    while True:
        todo = [(stage, unit) for stage in stages for unit in waiting(run.pk, stage)]
        if not todo:
            run.refresh_from_db()
            return outcomes
        stage, unit = shuffle.choice(todo) if shuffle else todo[0]
        outcomes.append(pipeline.handle(stage, [unit]))


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
