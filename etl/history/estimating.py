"""When a run will be over, at the rate so far. The arithmetic is in `etl.history.rates`."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef
from django.utils import timezone

from etl.history import rates
from etl.history.counting import Counted, Counts, counts
from etl.history.rates import StageSoFar, StepSoFar
from etl.history.spans import Span, seconds, since, together
from etl.history.times import breaks, spans_of
from etl.jobs.watermarks import restrictions
from etl.models import EtlJobRun, EtlJobRunStep, Overall, RunKind
from etl.models.jobs import OVER
from etl.queue.topology import Stage


def estimate(run: EtlJobRun, counted: Counts | None = None) -> datetime | None:
    """When a run will be over, at the rate so far; None where nothing can be told, or it does not run.

    Steps that have not begun are expected to take as long as in the last run like this. ``counted`` are the run's
    units, where they were just counted. See `etl.history.rates`.
    """
    steps = list(EtlJobRunStep.objects.filter(run=run).order_by("order"))
    if run.status != Overall.RUNNING or not steps:
        return None
    known, now = counts(run.pk) if counted is None else counted, timezone.now()
    stood_still, usual = breaks(run), _usual_seconds(run)
    stages = {step.step: _stages_so_far(step, known.get(step.step, {}), stood_still, now) for step in steps}
    following = {step.name for step in run.integration.provider_code.steps if step.follows}
    # All that a reprocessing works on is there from its beginning.
    feeding = {} if run.kind == RunKind.REPROCESS else stages
    left = rates.seconds_left(
        [_step_so_far(step, stages[step.step], feeding, usual, step.step in following) for step in steps]
    )
    return None if left is None else now + timedelta(seconds=left)


def _stages_so_far(
    step: EtlJobRunStep, counted: Mapping[Stage, Counted], stood_still: Sequence[Span], now: datetime
) -> list[StageSoFar]:
    found = []
    for stage in Stage:
        units = counted.get(stage, Counted())
        done, known = _pages(units) if stage is Stage.EXTRACTION else (float(units.over), float(units.total))
        at_work = seconds(_at_work(step, stage, units, now), stood_still)
        found.append(StageSoFar(done, known, at_work, getattr(step, stage.value) in OVER))
    return found


def _pages(units: Counted) -> tuple[float, float | None]:
    """How many pages are fetched, of how many."""
    pages = rates.pages_expected(units.over, units.open, units.amount, units.amount_open)
    # What ended without a page was something to do all the same.
    return (float(units.amount), pages) if units.amount else (float(units.over), float(units.total))


def _at_work(step: EtlJobRunStep, stage: Stage, units: Counted, now: datetime) -> list[Span]:
    """When the stage was at work: not while all of its units waited behind those of other steps."""
    spans = spans_of([step], stage, now)
    return since(spans, units.first_at) if units.first_at else spans


def _step_so_far(
    step: EtlJobRunStep,
    own: Sequence[StageSoFar],
    feeding: Mapping[str, Sequence[StageSoFar]],
    usual: Mapping[str, float],
    follows: bool,
) -> StepSoFar:
    has_work = any(stage.known != 0 for stage in own)
    # Where all is there from the beginning, answers are taken in the order in which they came, whosever they are.
    waits = has_work and not feeding and not any(stage.done for stage in own)
    # Data flows from the first two stages of a step to the steps that it feeds.
    shares = [rates.loaded_share(feeding[name][:2]) or 0.0 for name in step.feeders if name in feeding]
    fed = 1.0 if step.planned_at is not None else min(shares, default=1.0)
    # Its units come with what is loaded: where some is, and none came, there is nothing to do so far.
    expected = 0.0 if follows and fed and not waits else usual.get(step.step)
    return StepSoFar(not waits and (has_work or step.planned_at is not None), fed, own, expected)


def _usual_seconds(run: EtlJobRun) -> dict[str, float]:
    """How long each step took in the last run of the job that read as much as this one.

    What went on side by side counts for the first of the steps: their times are added.
    """
    rows = EtlJobRun.objects.filter(job_id=run.job_id, kind=run.kind, status=Overall.FINISHED, pk__lt=run.pk)
    # One without steps went by, because its integration was inactive.
    done = rows.filter(Exists(EtlJobRunStep.objects.filter(run=OuterRef("pk")))).order_by("-pk")[:10]
    alike = next((row for row in done if _extent(row.config) == _extent(run.config)), None)
    if alike is None:
        return {}
    ended, counted, usual = alike.finished_at or timezone.now(), breaks(alike), {}
    for step in EtlJobRunStep.objects.filter(run=alike).order_by("order"):
        spans = [span for stage in Stage for span in spans_of([step], stage, ended)]
        usual[step.step] = seconds(spans, counted)
        counted = together([*counted, *spans])
    return usual


def _extent(config: Mapping[str, Any]) -> tuple[bool, dict[str, Any]]:
    return bool(config.get("full_sync")), restrictions(config)
