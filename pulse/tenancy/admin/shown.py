"""How values are shown: states as coloured labels, JSON indented."""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from django.db.models import Field, JSONField, Model, TextField
from django.utils.html import format_html
from unfold.decorators import display

F = TypeVar("F", bound=Callable[..., Any])

# A page stays readable, and quick to make, whatever an answer weighs.
LONGEST_JSON_CHARACTERS = 100_000

STATE_COLOURS: Mapping[str, str] = {
    "NOT_STARTED": "info",
    "READY": "info",
    "RUNNING": "primary",
    "PAUSED": "warning",
    "STOPPED": "warning",
    "FINISHED": "success",
    "FAILED": "danger",
    "running": "primary",
    "finished": "success",
    "failed": "danger",
    "pending": "info",
    "processing": "primary",
    "completed": "success",
    "cancelled": "warning",
    "open": "danger",
    "discarded": "info",
    "resolved": "success",
    "requested": "info",
    "alive": "success",
    "silent": "danger",
    "died": "danger",
    "ended": "info",
    "stopped": "info",
    "info": "info",
    "replayed": "success",
    "warning": "warning",
    "error": "danger",
}


def state_label(description: str, ordering: str | None = None) -> Callable[[F], F]:
    """Decorator of an admin method that returns a state: shown as a label in the state's colour."""
    return cast(Callable[[F], F], display(description=description, ordering=ordering, label=dict(STATE_COLOURS)))


def state_column(field: str) -> Callable[[Model], str]:
    """A list column that shows the state in that field as a coloured label."""

    @state_label(field.replace("_", " "), ordering=field)
    def column(row: Model) -> str:
        return str(getattr(row, field))

    column.__name__ = field
    return column


def pretty_json(value: Any) -> str:
    """The value as indented JSON, escaped; cut where it is very long, not shown where it is nested too deeply.

    A page with json_pages.js makes a tree of it.
    """
    try:
        text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    except RecursionError:
        text = "It is nested too deeply to be shown here."
    if len(text) > LONGEST_JSON_CHARACTERS:
        text = f"{text[:LONGEST_JSON_CHARACTERS]}\n… {len(text) - LONGEST_JSON_CHARACTERS:,} characters more"
    # Unfold's style sheet has no class that wraps these lines.
    looks = "white-space: pre-wrap; overflow-wrap: anywhere"
    return format_html('<pre data-json="JSON" class="text-xs" style="{}">{}</pre>', looks, text)


def json_column(field: "Field[Any, Any]") -> Callable[[Model], str]:
    """A read-only field that stands for a JSON field and shows it indented."""

    @cast(Callable[[F], F], display(description=str(field.verbose_name)))
    def column(row: Model) -> str:
        return pretty_json(getattr(row, field.name))

    column.__name__ = f"{field.name}_shown"
    return column


def heavy_fields(model: type[Model]) -> list[str]:
    """The fields that may hold a lot: texts without bound, payloads, and secrets."""
    return [field.name for field in model._meta.concrete_fields if isinstance(field, TextField | JSONField)]
