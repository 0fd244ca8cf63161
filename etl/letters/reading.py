"""What a dead letter says: its message, and where the unit that it is about stands now."""

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
    if letter.unit_id is None or letter.tenant_id is None or letter.stage not in list(Stage):
        return None
    units = UNIT_MODELS[Stage(letter.stage)]._default_manager.filter(pk=letter.unit_id, tenant_id=letter.tenant_id)
    found: Unit | None = units.only("pk", *SHOWN).first()
    return found
