"""What a dead letter says: its message, and where the unit that it is about stands now."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from etl.jobs.wakeups import UNIT_MODELS
from etl.models import DeadLetter
from etl.models.unit import Unit
from etl.queue.topology import Stage
from integrations.json_text import shallow

# What is of interest of a unit that failed.
SHOWN = ("run_id", "step", "status", "tries", "takes", "not_before", "error_details")


def message_of(letter: DeadLetter) -> Any:
    """The message as JSON, with null for what is nested more deeply than anybody could show; None where it is none."""
    try:
        return orjson.loads(shallow(letter.body))
    except orjson.JSONDecodeError:
        return None


def unit_of(letter: DeadLetter) -> Unit | None:
    """The unit, with its `SHOWN` columns alone; None where there is none, none any more, or none of the tenant's."""
    return units_of([letter]).get(letter.pk)


def units_of(letters: Sequence[DeadLetter]) -> Mapping[int, Unit]:
    """The units of those letters that have one, by the letter's id; one query a stage."""
    by_stage: dict[str, list[DeadLetter]] = defaultdict(list)
    for letter in letters:
        if letter.unit_id is not None and letter.tenant_id is not None and letter.stage in list(Stage):
            by_stage[letter.stage].append(letter)
    found: dict[int, Unit] = {}
    for stage, of_stage in by_stage.items():
        units = UNIT_MODELS[Stage(stage)]._default_manager.filter(pk__in=[letter.unit_id for letter in of_stage])
        there = {(unit.pk, unit.tenant_id): unit for unit in units.only("pk", "tenant_id", *SHOWN)}
        keys = {letter.pk: (letter.unit_id, letter.tenant_id) for letter in of_stage}
        found |= {pk: there[key] for pk, key in keys.items() if key in there}
    return found
