"""How far a run is: its units by step and stage, by what became of them."""

from dataclasses import dataclass
from datetime import datetime

from etl.jobs.units import columns
from etl.jobs.wakeups import UNIT_MODELS
from etl.queue.topology import Stage
from etl.sql import fetch

# What is no partition's page and no answer's record is not counted.
_AMOUNTS = {Stage.EXTRACTION: "pages", Stage.TRANSFORM: "records", Stage.EMBEDDING: "0"}
# Only answers say when they were worked on.
_WORKED_ON = {Stage.TRANSFORM: "processed_at"}


@dataclass(frozen=True)
class Counted:
    """Units of a stage of a step, by what became of them. ``amount`` is in calls where they are partitions, else in
    records; ``amount_open`` is the part of it that units brought which are not over. ``first_at`` is when the first of
    those that are completed was worked on, None where nobody knows.
    """

    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    open: int = 0
    amount: int = 0
    amount_open: int = 0
    first_at: datetime | None = None

    @property
    def over(self) -> int:
        return self.completed + self.failed + self.cancelled

    @property
    def total(self) -> int:
        return self.over + self.open


Counts = dict[str, dict[Stage, Counted]]
"""By step and stage, without those that have no unit."""


def counts(run_id: int, step: str | None = None) -> Counts:
    """The units of a run, or of one step of it, in one query. It reads them all: for an end, or a look a second."""
    parts = []
    for stage, model in UNIT_MODELS.items():
        names, amount = columns(model), _AMOUNTS[stage]
        is_open = f"{names.state} IN ('pending', 'processing')"
        parts.append(
            f"""SELECT step, '{stage.value}', count(*) FILTER (WHERE {names.state} = 'completed'),
                count(*) FILTER (WHERE {names.state} = 'failed'), count(*) FILTER (WHERE {names.state} = 'cancelled'),
                count(*) FILTER (WHERE {is_open}), coalesce(sum({amount}), 0)::bigint,
                coalesce(sum({amount}) FILTER (WHERE {is_open}), 0)::bigint,
                min({_WORKED_ON.get(stage, "NULL::timestamptz")}) FILTER (WHERE {names.state} = 'completed')
            FROM {names.table} WHERE run_id = %(run)s AND (%(step)s::text IS NULL OR step = %(step)s) GROUP BY step"""
        )
    counted: Counts = {}
    for name, stage_name, *found in fetch(" UNION ALL ".join(parts), {"run": run_id, "step": step}):
        counted.setdefault(name, {})[Stage(stage_name)] = Counted(*found)
    return counted
