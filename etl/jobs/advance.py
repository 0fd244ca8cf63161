"""advance(run): the only code that plans steps and ends stages, steps and runs.

Everything is derived from the units, under the run row's lock; so it may be called by anybody, at any time, as
often as one likes. It looks for *one* open unit by partial index and never counts before the run's end.
"""

import json
from dataclasses import dataclass

from django.db import connection, transaction
from django.utils import timezone

from etl.history import log, summing
from etl.jobs import discovered, planning, repair, watermarks
from etl.jobs.units import columns
from etl.jobs.wakeups import OF_ITS_OWN, UNIT_MODELS
from etl.live.channel import LIVE_CHANNEL
from etl.load.parents import adopt_links, adopt_orphans
from etl.mapping import stale
from etl.models import EtlJob, EtlJobRun, EtlJobRunStep, Overall, RunKind, StageState
from etl.models.jobs import JOB_KINDS, OVER
from etl.queue.topology import Stage
from etl.sql import execute


@dataclass(frozen=True)
class StageFacts:
    """What the units say of one stage of one step: whether one is open, whether one has failed."""

    open: bool
    failed: bool


def stage_facts(run_id: int, step: str) -> dict[Stage, StageFacts]:
    """The facts of a step's three stages, in one query."""
    parts = []
    for stage, model in UNIT_MODELS.items():
        names = columns(model)
        where = f"run_id = %(run)s AND step = %(step)s AND {OF_ITS_OWN[stage]}"
        one = f"EXISTS (SELECT 1 FROM {names.table} WHERE {where} AND {names.state}"
        parts.append(f"SELECT '{stage.value}', {one} IN ('pending', 'processing')), {one} = 'failed')")
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), {"run": run_id, "step": step})
        return {Stage(row[0]): StageFacts(row[1], row[2]) for row in cursor.fetchall()}


def next_state(current: str, facts: StageFacts, upstream_over: bool) -> StageState:
    """Where a stage stands, given its units and whether more of them can still come. Pure."""
    if facts.open:
        return StageState.RUNNING
    if not upstream_over:
        return StageState(current)
    return StageState.FAILED if facts.failed else StageState.FINISHED


def _derive(step: EtlJobRunStep) -> dict[str, StageState]:
    """The states that the step's stages should have now."""
    facts, upstream_over = stage_facts(step.run_id, step.step), step.planned_at is not None
    states: dict[str, StageState] = {}
    for stage in Stage:
        states[stage.value] = state = next_state(getattr(step, stage.value), facts[stage], upstream_over)
        upstream_over = upstream_over and state in OVER
    return states


def _refresh(step: EtlJobRunStep) -> bool:
    """Brings the step's row up to date; whether anything changed."""
    states = _derive(step)
    changed = {name: state for name, state in states.items() if getattr(step, name) != state}
    for name, state in changed.items():
        setattr(step, name, state)
    if changed:
        log.note(step, changed)
        step.save(update_fields=[*changed, "times", "last_updated_at"])
    if Stage.TRANSFORM in changed and step.transform in OVER:
        # Of two items loaded side by side neither saw the other.
        adopt_orphans(step.run.integration_id)
        adopt_links(step.run_id, step.step)
        discovered.settle(step)
    return bool(changed)


def _loaded(step: EtlJobRunStep) -> bool:
    """Whether a step feeds others already: all fetched and loaded; its vectors may still come."""
    return step.extraction in OVER and step.transform in OVER


def _is_over(step: EtlJobRunStep) -> bool:
    return _loaded(step) and step.embedding in OVER


def _plan_ready_steps(run: EtlJobRun, steps: list[EtlJobRunStep]) -> bool:
    """Plans each step whose feeders are over; whether there was one."""
    by_name, planned = {step.step: step for step in steps}, False
    for step in steps:
        feeders = [by_name[name] for name in step.feeders if name in by_name]
        if step.planned_at is None and all(_loaded(feeder) for feeder in feeders):
            planning.plan_step(run, step)
            planned = True
    return planned


def _settle(run: EtlJobRun) -> tuple[list[EtlJobRunStep], bool]:
    """Plans and refreshes until nothing moves: a step without units lets the next one begin at once."""
    steps, moved = list(run.steps.order_by("order")), False
    while True:
        # First: what feeds a step may be at work again, where it was retried.
        refreshed = [_refresh(step) for step in steps]
        planned = _plan_ready_steps(run, steps)
        if not planned and not any(refreshed):
            return steps, moved
        moved = True


def status_json(overall: str, steps: list[EtlJobRunStep]) -> dict[str, object]:
    """The job's status as CONTRACT gives it: overall, and each step's three stages."""
    return {
        "overall": overall,
        "steps": {
            step.step: {
                "order": step.order,
                "display_name": step.display_name,
                **{stage.value: getattr(step, stage.value) for stage in Stage},
            }
            for step in steps
        },
    }


def _finish(run: EtlJobRun, steps: list[EtlJobRunStep]) -> None:
    """Ends the run and sums its figures from its units."""
    failed = any(StageState.FAILED in (step.extraction, step.transform, step.embedding) for step in steps)
    run.status = Overall.FAILED if failed else Overall.FINISHED
    run.finished_at = timezone.now()
    summing.sum_up(run)
    run.save()
    watermarks.keep_all(run)
    repair.forget_listing(run)


def _write_job(run: EtlJobRun, steps: list[EtlJobRunStep]) -> None:
    """Rebuilds the job's status from the run's, with a growing version, and tells whoever watches."""
    job = EtlJob.objects.select_for_update(no_key=True).get(pk=run.job_id)
    job.status, job.version = status_json(run.status, steps), job.version + 1
    if run.finished_at:
        job.last_run_finished_at, job.error_message = run.finished_at, run.error_message
        if run.kind == RunKind.SYNC:
            job.retry_count = planning.failed_in_a_row(job)
            if run.status == Overall.FINISHED and not watermarks.restrictions(run.config):
                job.last_sync_date = run.started_at
    job.save()
    announce(job)


def announce(job: EtlJob) -> None:
    """Tells whoever watches that the job's status is another one, once this transaction commits."""
    execute("SELECT pg_notify(%s, %s)", [LIVE_CHANNEL, json.dumps({"job_id": job.pk, "tenant_id": job.tenant_id})])


def _nothing_to_do(run_id: int, step: str) -> bool:
    """Whether a look without the lock shows that a unit's end changes no state.

    Safe: it is asked after the unit's commit, so the last of several enders sees that none is open.
    """
    row = EtlJobRunStep.objects.filter(run_id=run_id, step=step).first()
    return row is not None and all(getattr(row, name) == state for name, state in _derive(row).items())


def advance(run_id: int, step: str | None = None) -> bool:
    """Brings a run up to date with its units; whether anything changed. With ``step``: after a unit of it ended."""
    if step is not None and _nothing_to_do(run_id, step):
        return False
    with transaction.atomic():
        run = EtlJobRun.objects.select_for_update(no_key=True).get(pk=run_id)
        if run.status != Overall.RUNNING:
            return False
        steps, moved = _settle(run)
        over = all(map(_is_over, steps))
        if over and stale.goes_on(run):
            (steps, moved), over = _settle(run), False
        if over:
            _finish(run, steps)
        if (moved or over) and run.kind in JOB_KINDS:
            _write_job(run, steps)
        if over:
            log.moved(run, f"run ended: {run.status}", level="error" if run.status == Overall.FAILED else "info")
    return moved or over
