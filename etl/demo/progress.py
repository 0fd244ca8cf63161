"""A progress bar per step and stage, from the counts that the sockets send too."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from etl.live.snapshot import progress
from etl.models import EtlJobRun, EtlJobRunStep, StageState
from etl.queue.topology import Stage

_COLOURS = {
    StageState.IDLE: "dim",
    StageState.RUNNING: "cyan",
    StageState.FINISHED: "green",
    StageState.FAILED: "red",
}


class RunsProgress:
    """Draws runs that go on side by side; call `look` as often as they are to be redrawn. A context manager."""

    def __init__(self, runs: Sequence[EtlJobRun], console: Console) -> None:
        self._runs = runs
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
        )
        self._tasks: dict[tuple[int, str, str], TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        for run in self._runs:
            for step in EtlJobRunStep.objects.filter(run=run).order_by("order"):
                for stage in Stage:
                    task = self._bars.add_task(f"[dim]{step.display_name:<22}{stage:<11}", total=None, start=False)
                    self._tasks[run.pk, step.step, stage.value] = task
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.look()
        self._bars.stop()

    def look(self) -> None:
        for run in self._runs:
            self._look_at(run)

    def _look_at(self, run: EtlJobRun) -> None:
        counted = progress(run.pk)
        for step in EtlJobRunStep.objects.filter(run=run):
            for stage in Stage:
                state = StageState(getattr(step, stage.value))
                counts = counted.get(step.step, {}).get(stage.value, {"done": 0, "total": 0})
                self._draw(self._tasks[run.pk, step.step, stage.value], step, stage, state, counts)

    def _draw(self, task: TaskID, step: EtlJobRunStep, stage: Stage, state: StageState, counts: dict[str, int]) -> None:
        if state is not StageState.IDLE:
            self._bars.start_task(task)
        over = state in (StageState.FINISHED, StageState.FAILED)
        self._bars.update(
            task,
            description=f"[{_COLOURS[state]}]{step.display_name:<22}{stage:<11}",
            completed=counts["done"],
            # Until a stage is over nobody knows how much more will come.
            total=counts["total"] if over or counts["total"] else None,
        )
        if over:
            self._bars.stop_task(task)
