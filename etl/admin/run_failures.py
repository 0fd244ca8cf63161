"""What failed in a run, by its cause: units that failed, and dead letters that are open."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from etl.jobs.units import columns
from etl.jobs.wakeups import UNIT_MODELS
from etl.letters import dead_letters
from etl.letters.causes import cause_of
from etl.models import DeadLetter, EtlJobRun
from etl.queue.topology import Stage
from etl.sql import fetch

SHOWN_GROUPS = 20
# Errors that differ by more than numbers, of each stage: of further ones nobody would read.
_MOST_KINDS = 200
_ERROR_CHARACTERS = 500


@dataclass
class Failures:
    """What failed alike. ``places`` are (stage, name of the step, its units that failed, the list of those).

    ``units`` failed; ``letters`` of them are dead letters that nobody settled; ``first`` and ``last`` are when, and
    ``example`` is (the error in full, the address of the unit or letter that has it) of the newest. A letter may be
    older than the run: its unit failed in one before.
    """

    cause: str
    units: int = 0
    letters: int = 0
    first: datetime | None = None
    last: datetime | None = None
    places: list[tuple[str, str, int, str]] = field(default_factory=list)
    example: tuple[str, str] = ("", "")
    letters_address: str = ""

    def widen(self, first: datetime, last: datetime, example: tuple[str, str]) -> None:
        if self.last is None or last > self.last:
            self.example = example
        self.first = min(first, self.first or first)
        self.last = max(last, self.last or last)


def failures(run: EtlJobRun) -> list[Failures]:
    """By cause, the most frequent first, in three queries, however many failed: PostgreSQL counts what is alike."""
    found: dict[str, Failures] = {}
    titles = dict(run.steps.values_list("step", "display_name"))
    for stage, step, count, first, last, unit_id, error in _failed_units(run.pk):
        group = _of_cause(found, cause_of(error))
        group.units += count
        group.places.append((stage, titles.get(step, step), count, _units_address(Stage(stage), step, run)))
        group.widen(first, last, (error, _page(UNIT_MODELS[Stage(stage)], unit_id)))
    for letters in dead_letters.groups(_open_letters(run), _MOST_KINDS):
        group = _of_cause(found, letters.cause)
        group.letters = letters.count
        asked = {"state__exact": DeadLetter.State.OPEN, "run_id": run.pk, "cause": letters.cause}
        group.letters_address = _list(DeadLetter, asked)
        if not group.units:
            group.widen(letters.oldest_at, letters.newest_at, (letters.cause, _page(DeadLetter, letters.newest_id)))
    return sorted(found.values(), key=lambda group: (-max(group.units, group.letters), group.cause))


def _of_cause(found: dict[str, Failures], cause: str) -> Failures:
    return found.setdefault(cause, Failures(cause))


def _open_letters(run: EtlJobRun) -> Any:
    return DeadLetter.objects.filter(tenant_id=run.tenant_id, state=DeadLetter.State.OPEN, run_id=run.pk)


def _failed_units(run_id: int) -> Sequence[tuple[Any, ...]]:
    """(stage, step, how many, first at, last at, id of the newest, its error), one row for errors that are alike."""
    parts = [_of_stage(stage) for stage in UNIT_MODELS]
    given = {"run": run_id, "kinds": _MOST_KINDS, "length": _ERROR_CHARACTERS}
    return fetch(" UNION ALL ".join(parts), given)


def _of_stage(stage: Stage) -> str:
    names = columns(UNIT_MODELS[stage])
    error = "left(coalesce(error_details ->> 'error', ''), %(length)s)"
    return f"""(WITH alike AS (
            SELECT step, count(*) AS count, min(last_updated_at) AS first, max(last_updated_at) AS last,
                max(id) AS newest
            FROM {names.table} WHERE run_id = %(run)s AND {names.state} = 'failed'
            GROUP BY step, regexp_replace({error}, '[0-9]+', '#', 'g') ORDER BY count(*) DESC LIMIT %(kinds)s)
        SELECT '{stage.value}', alike.*, {error.replace("error_details", "u.error_details")}
        FROM alike JOIN {names.table} u ON u.id = alike.newest)"""


def _units_address(stage: Stage, step: str, run: EtlJobRun) -> str:
    return _list(UNIT_MODELS[stage], {"run__id__exact": run.pk, "step": step, "status__exact": "failed"})


def _list(model: Any, asked: Mapping[str, Any]) -> str:
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return f"{address}?{urlencode(asked)}"


def _page(model: Any, pk: int) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[pk])
