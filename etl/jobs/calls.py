"""What the calls of a fetch came to that is put aside between two of them, so that none is made twice without need.

A few fetches make more than one call: who the account is, what is asked for in another way where a site refuses the
first. It is kept in this process only, and not for long: where another one takes the unit, it asks again, once.
"""

import threading
import time
from typing import Protocol

from integrations.errors import StageError
from integrations.http import Response

KEPT_SECONDS = 600.0


class Caller(Protocol):
    """Whose calls are made: a unit's lease, mostly. No two callers at work have the same id."""

    @property
    def id(self) -> int: ...
    @property
    def integration_id(self) -> int: ...
    @property
    def tenant_id(self) -> int: ...


Outcome = Response | StageError
Made = list[tuple[str, Outcome]]
"""Questions, as `integrations.http.Throttle` has them, with what they came to, in their order."""

_kept: dict[int, tuple[float, Made]] = {}
_lock = threading.Lock()


def keep(unit_id: int, made: Made) -> None:
    """Keeps what the unit's fetch has made so far, until it is taken up again."""
    now = time.monotonic()
    with _lock:
        for other in [other for other, (until, _) in _kept.items() if until < now]:
            del _kept[other]
        if made:
            _kept[unit_id] = now + KEPT_SECONDS, made


def take_up(unit_id: int) -> Made:
    """What was kept of the unit's fetch; it is not kept any more."""
    with _lock:
        until, made = _kept.pop(unit_id, (0.0, []))
        return made if until >= time.monotonic() else []
