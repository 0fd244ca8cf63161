"""The text of values that Jira's own apps keep as objects: of requests, approvals, plans, assets, ideas.

Each form is told by keys that no other has. Where an app keeps a value and a name of its own (options, people, teams,
accounts), these are read by their names, not here.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from integrations.json_values import Json

_interval = re.compile(r'\{\s*"start":\s*"(\d{4}-\d\d-\d\d)",\s*"end":\s*"(\d{4}-\d\d-\d\d)"\s*\}', re.ASCII)


def app_text(value: Json) -> str | None:
    """The text of such an object, '' where it says nothing; None for one in any other form."""
    # Most objects are options.
    if "value" in value:
        return None
    return next((form(value) for key, form in _FORMS.items() if key in value), None)


def interval_text(text: str) -> str | None:
    """A span of days of a product discovery project, which is JSON in a text, as "2024-10-01/2024-12-31"."""
    found = _interval.fullmatch(text)
    return f"{found[1]}/{found[2]}" if found else None


def _first(holder: object, *names: str) -> str:
    """The first of those parts that says something, as text; '' where none does."""
    parts = [holder.get(name) for name in names] if type(holder) is dict else []
    return next((str(part) for part in parts if type(part) in (str, int) and part != ""), "")


def _request_type(value: Json) -> str:
    return _first(value["requestType"], "name", "id")


def _service_level(value: Json) -> str:
    """What the running cycle says, else the last one that is over. Its times change with every look."""
    ongoing, completed = value.get("ongoingCycle"), value.get("completedCycles")
    if type(ongoing) is dict:
        return _breached(ongoing) or ("paused" if ongoing.get("paused") is True else "running")
    cycles = [cycle for cycle in completed if type(cycle) is dict] if type(completed) is list else []
    return (_breached(sorted(cycles, key=_started)[-1]) or "met") if cycles else ""


def _breached(cycle: Json) -> str:
    return "breached" if cycle.get("breached") is True else ""


def _started(cycle: Json) -> int:
    started = cycle.get("startTime")
    millis = started.get("epochMillis") if type(started) is dict else 0
    return millis if type(millis) is int else 0


def _approval(value: Json) -> str:
    decision = _first(value, "finalDecision")
    return ": ".join(part for part in (_first(value, "name"), decision) if part)


def _parent_link(value: Json) -> str:
    """Plans: a site without the licence says so in each issue, and names no parent."""
    return _first(value.get("data"), "key", "id")


def _asset(value: Json) -> str:
    """As Data Center writes it: "Server 1 (ITSM-12)". Cloud gives ids alone unless it is asked for more."""
    label, key = _first(value, "label", "name"), _first(value, "objectKey")
    return f"{label} ({key})" if label and key else label or key or _first(value, "objectId")


def _satisfaction(value: Json) -> str | None:
    """What customers gave; a thing that has a name beside its rating is called by that."""
    return None if _first(value, "name", "title", "key") else _first(value, "rating")


_FORMS: Mapping[str, Callable[[Any], str | None]] = {
    "requestType": _request_type,
    "completedCycles": _service_level,
    "ongoingCycle": _service_level,
    "finalDecision": _approval,
    "hasEpicLinkFieldDependency": _parent_link,
    "objectId": _asset,
    "objectKey": _asset,
    "rating": _satisfaction,
}
