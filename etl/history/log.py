"""A run's log: what its steps and stages did, and which states it had."""

from collections.abc import Mapping

from django.utils import timezone

from etl.history.counting import Counted, counts
from etl.history.times import BEGAN, ENDED
from etl.models import EtlJobEvent, EtlJobRun, EtlJobRunStep, RunKind, StageState
from etl.models.jobs import OVER
from etl.queue.topology import Stage

_AMOUNT_NAMES = {Stage.EXTRACTION: "calls", Stage.TRANSFORM: "records"}


def note(step: EtlJobRunStep, moved: Mapping[str, StageState]) -> None:
    """Notes in a step's times, and in its run's log, that stages of it began or ended. The caller saves the step.

    ``moved`` are the states that the stages have now. A stage that never had a unit has no times.
    """
    begun_before = bool(step.times)
    counted = counts(step.run_id, step.step).get(step.step, {})
    now, events = timezone.now().isoformat(), []
    for name, state in moved.items():
        found = counted.get(Stage(name), Counted())
        if state == StageState.RUNNING:
            events.append(_event(step, f"{name} {'goes on' if name in step.times else 'began'}", name, found))
            step.times[name] = {BEGAN: step.times.get(name, {}).get(BEGAN, now)}
        elif state in OVER and (name in step.times or found.total):
            step.times[name] = {BEGAN: step.times.get(name, {}).get(BEGAN, now), ENDED: now}
            events.append(_ended(step, name, state, found))
    if step.times and not begun_before:
        events.insert(0, _event(step, "began"))
    if step.planned_at and all(getattr(step, stage.value) in OVER for stage in Stage):
        events.append(_event(step, "ended" if step.times else "had nothing to do"))
    # Those of webhooks come by the thousand and have a few units each: the run and its steps say as much.
    if step.run.kind != RunKind.WEBHOOK:
        EtlJobEvent.objects.bulk_create(events)


def _ended(step: EtlJobRunStep, name: str, state: StageState, found: Counted) -> EtlJobEvent:
    stage = Stage(name)
    parts = [f"{found.completed} of {found.total} units"]
    parts += [f"{found.failed} failed"] if found.failed else []
    parts += [f"{found.cancelled} cancelled"] if found.cancelled else []
    parts += [f"{found.amount} {_AMOUNT_NAMES[stage]}"] if stage in _AMOUNT_NAMES else []
    failed = state == StageState.FAILED
    return _event(step, f"{name} {state}: {', '.join(parts)}", name, found, level="error" if failed else "info")


def _event(
    step: EtlJobRunStep, message: str, stage: str = "", counted: Counted | None = None, *, level: str = "info"
) -> EtlJobEvent:
    """One line of the log, not saved yet."""
    context = {} if counted is None else {
        "units": counted.total,
        "completed": counted.completed,
        "failed": counted.failed,
        "cancelled": counted.cancelled,
        **({_AMOUNT_NAMES[Stage(stage)]: counted.amount} if stage in _AMOUNT_NAMES else {}),
    }  # fmt: skip
    return EtlJobEvent(
        tenant_id=step.tenant_id, run_id=step.run_id, level=level, stage=stage, step=step.step,
        message=f"{step.display_name}: {message}", context=context,
    )  # fmt: skip


def moved(run: EtlJobRun, message: str, *, level: str = "info") -> None:
    """Notes in a run's log that it has its state now. From these lines is known when it did not run."""
    EtlJobEvent.objects.create(
        tenant_id=run.tenant_id, run=run, level=level, message=message, context={"status": run.status}
    )
