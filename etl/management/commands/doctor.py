"""manage.py doctor: what is wrong with this installation, and what to do about it."""

from collections.abc import Mapping
from typing import Any

from etl.doctor import as_json, examine, is_healthy
from etl.doctor.results import Found, State
from pulse.commands import ScriptCommand


class Command(ScriptCommand):
    help = (
        "Looks at database, migrations, keys, broker, queues, vector store, model, clocks, workers, scheduler and alert"
        " channels, and says what to do about what is not well. Changes nothing. Ends with 1 where something failed."
    )

    def run(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        found = examine()
        healthy = is_healthy(found)
        answer: dict[str, Any] = {"exit": 0 if healthy else 1}
        if options["json"]:
            return as_json(found) | answer
        return {name: _lines(one) for name, one in found.items()} | {"healthy": "yes" if healthy else "no"} | answer


def _lines(found: Found) -> str:
    """For people: what it is like, and below that what to do."""
    state = "FAILED" if found.state is State.FAILED else found.state
    return f"{state}: {found.said}" + (f"\n    → {found.advice}" if found.advice else "")
