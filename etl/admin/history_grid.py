"""A job's last runs as a grid: steps and their stages downwards, runs from the oldest to the newest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.urls import reverse

from etl.admin.run_timeline import STOPPED, lasting, state_of, times_of
from etl.models import EtlJob, EtlJobRun, EtlJobRunStep, Overall, RunKind
from etl.models.jobs import JOB_KINDS, UNDER_WAY
from etl.queue.topology import Stage

SHOWN_RUNS = 30
# Of the others there are thousands, or they have other steps.
_KINDS = (*JOB_KINDS, RunKind.REPAIR)
# Beside the colour; a stage that is idle has nothing to say.
_SYMBOLS = {"running": "▸", "finished": "✓", "failed": "✕", STOPPED: "■", "idle": "·"}


@dataclass(frozen=True)
class Cell:
    """A stage of a step in a run. ``state`` is empty where the run has no such step."""

    address: str
    run: str
    state: str = ""
    lasted: str = ""

    @property
    def symbol(self) -> str:
        return _SYMBOLS.get(self.state, "")


@dataclass(frozen=True)
class Column:
    """A run. ``height`` is how long it lasted, in percent of the longest of them."""

    run: EtlJobRun
    address: str
    lasted: str
    height: float


@dataclass(frozen=True)
class Row:
    """A stage of a step. ``first``: of the step's stages."""

    step: str
    stage: str
    first: bool
    cells: Sequence[Cell]


@dataclass(frozen=True)
class HistoryGrid:
    """``address`` is where a script asks for it anew; ``all_address`` lists all runs of the job."""

    columns: Sequence[Column]
    rows: Sequence[Row]
    address: str
    all_address: str

    @property
    def stages(self) -> int:
        return len(Stage)


def history_grid(job: EtlJob) -> HistoryGrid:
    """In two queries, whatever the runs have done."""
    rows = EtlJobRun.objects.filter(job=job, kind__in=_KINDS).defer("config", "warning", "error_message")
    runs = list(rows.order_by("-pk")[:SHOWN_RUNS])[::-1]
    steps = EtlJobRunStep.objects.filter(run__in=[run.pk for run in runs]).order_by("-run_id", "order")
    of_run: dict[int, dict[str, EtlJobRunStep]] = {}
    names: dict[str, str] = {}
    for step in steps:
        of_run.setdefault(step.run_id, {})[step.step] = step
        names.setdefault(step.step, step.display_name)
    return HistoryGrid(
        _columns(runs),
        [row for name, title in names.items() for row in _rows(name, title, runs, of_run)],
        reverse("admin:etl_etljobrun_history_grid", args=[job.pk]),
        f"{reverse('admin:etl_etljobrun_changelist')}?job__id__exact={job.pk}",
    )


def _columns(runs: Sequence[EtlJobRun]) -> list[Column]:
    longest = max((run.execution_time or 0.0 for run in runs), default=0.0)
    return [
        Column(
            run,
            _address(run),
            "" if run.execution_time is None else lasting(run.execution_time),
            100 * (run.execution_time or 0.0) / longest if longest else 0.0,
        )
        for run in runs
    ]


def _rows(
    name: str, title: str, runs: Sequence[EtlJobRun], of_run: Mapping[int, Mapping[str, EtlJobRunStep]]
) -> list[Row]:
    return [
        Row(
            title,
            stage.value,
            first=not number,
            cells=[_cell(run, of_run.get(run.pk, {}).get(name), stage) for run in runs],
        )
        for number, stage in enumerate(Stage)
    ]


def _cell(run: EtlJobRun, step: EtlJobRunStep | None, stage: Stage) -> Cell:
    said = f"run {run.pk}"
    if step is None:
        return Cell(_address(run), said)
    began, ended = times_of(step, stage)
    lasted = lasting((ended - began).total_seconds()) if began and ended else ""
    over = run.status not in (Overall.READY, *UNDER_WAY)
    return Cell(_address(run), said, state_of(step, stage, over=over), lasted)


def _address(run: EtlJobRun) -> str:
    return reverse("admin:etl_etljobrun_change", args=[run.pk])
