"""What holds an integration back as a whole: its site's rate limit, its own ceiling, or errors in a row.

``blocked_until`` only grows; it stops the wake-ups of all extraction units of the integration, and those that
were woken before are put aside when their message comes. ``next_call_at`` does the same from call to call, where
the integration has a ceiling. Nobody sleeps: what may not be done now is parked.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils import timezone

from etl.jobs import alarms, calls, ceiling, quotas
from etl.jobs.calls import Caller
from etl.jobs.units import Lease
from etl.models import EtlJobEvent
from etl.sql import execute, fetch
from integrations.errors import RateLimited, StageError
from integrations.http import Response

ERRORS_THAT_OPEN = 10
OPEN_SECONDS = 300
# Atlassian's recipe for a refusal that does not say for how long: it doubles with each in a row.
FIRST_WAIT_SECONDS = 2.0
LONGEST_WAIT_SECONDS = 30.0
# So that the workers of many integrations with one site do not come back at the same moment.
JITTER = (0.7, 1.3)


class HeldBack(RateLimited):
    """The integration is known to wait: by our own word, or by what its site said and was noted down."""

    until: datetime


@dataclass
class IntegrationThrottle:
    """What the calls of one fetch of a unit are made under. ``interval_seconds`` 0: there is no ceiling.

    ``earlier`` is what the fetch made before it was put aside, ``made`` what it has made now.
    """

    lease: Caller
    interval_seconds: float
    earlier: calls.Made = field(default_factory=list)
    made: calls.Made = field(default_factory=list)

    def call(self, question: str, make: Callable[[], Response]) -> Response:
        """Makes a call in the next slot of the ceiling, unless it was made before the fetch was put aside.

        Raises HeldBack where the slot is still to come, and where the site asks to wait: the integration waits from
        that moment on, whatever else the fetch's worker has to do first.
        """
        outcome = self._earlier(question) or self._made_now(make)
        if isinstance(outcome, RateLimited):
            calls.keep(self.lease.id, self.made)
            raise held_back(self.lease, outcome) from outcome
        self.made.append((question, outcome))
        if isinstance(outcome, StageError):
            raise outcome
        return outcome

    def _made_now(self, make: Callable[[], Response]) -> calls.Outcome:
        try:
            self._take_slot()
            response = make()
        except StageError as error:
            return error
        quotas.note(self.lease, response.quota)
        if response.spent_seconds is not None:
            # Better to wait at once than to be refused.
            block(self.lease, timezone.now() + timedelta(seconds=response.spent_seconds))
        return response

    def _earlier(self, question: str) -> calls.Outcome | None:
        """In their order: the same call may have failed first, and been made again at once."""
        for place, (asked, outcome) in enumerate(self.earlier):
            if asked == question:
                del self.earlier[: place + 1]
                return outcome
        return None

    def _take_slot(self) -> None:
        if self.interval_seconds:
            seconds = ceiling.take_slot(self.lease, self.interval_seconds)
            if seconds is None:
                raise _refusal(self.lease)
            # Whoever is put aside until then is woken in time: the sweep alone comes once a second.
            alarms.set_alarm(self.lease.integration_id, seconds)
        elif self.made:
            # Of the first call the check has just said so.
            _check_blocked(self.lease)


def _refusal(lease: Caller) -> HeldBack:
    _check_blocked(lease)
    until = ceiling.next_slot(lease)
    return HeldBack(f"the next call within rate_limit may be made at {until:%H:%M:%S.%f}", until)


def _check_blocked(lease: Caller) -> None:
    """Raises HeldBack while the integration is held back."""
    rows = fetch(
        "SELECT blocked_until FROM integration_limits WHERE integration_id = %s AND blocked_until > now()",
        [lease.integration_id],
    )
    if rows:
        raise _blocked(rows[0][0])


def _blocked(until: datetime) -> HeldBack:
    return HeldBack(f"the integration is held back until {until:%H:%M:%S}", until)


def check(lease: Caller) -> IntegrationThrottle:
    """What the unit's calls are made under. Raises HeldBack while its integration is held back."""
    blocked_until, rate_limit = fetch(
        """SELECT CASE WHEN l.blocked_until > now() THEN l.blocked_until END, i.settings ->> 'rate_limit'
           FROM integrations i LEFT JOIN integration_limits l ON l.integration_id = i.id WHERE i.id = %s""",
        [lease.integration_id],
    )[0]
    if blocked_until is not None:
        raise _blocked(blocked_until)
    return IntegrationThrottle(lease, ceiling.interval_seconds(rate_limit), calls.take_up(lease.id))


def held_back(lease: Caller, error: RateLimited) -> HeldBack:
    """Holds the integration back at once; the error of a unit that has to wait for it."""
    if isinstance(error, HeldBack):
        return error
    refused = HeldBack(str(error), hold(lease, error))
    refused.status = error.status
    return refused


def hold(lease: Caller, error: RateLimited) -> datetime:
    """Holds the unit's integration back as its site asks; until when the unit has to wait."""
    now = timezone.now()
    if isinstance(error, HeldBack):
        until = error.until
    elif error.until is not None and error.until > now:
        until = error.until
        block(lease, until)
    else:
        until = _back_off(lease, error.least_seconds, at_once_first=error.until is not None)
    alarms.set_alarm(lease.integration_id, (until - now).total_seconds())
    return until


def _back_off(lease: Caller, least_seconds: float | None, *, at_once_first: bool) -> datetime:
    """For a site that refuses and names no time, or none that is to come: 2 s, doubled with each in a row, up to 30 s.

    With ``least_seconds`` all of these are longer, so that none is shorter than that. With ``at_once_first`` the site
    said that the call may be made at once: it is believed the first time only. What comes while the integration is
    held back belongs to the refusal before: those calls were on their way.
    """
    longer = least_seconds / (FIRST_WAIT_SECONDS * JITTER[0]) if least_seconds else 1.0
    execute(
        "INSERT INTO integration_limits (integration_id, tenant_id) VALUES (%s, %s) ON CONFLICT DO NOTHING",
        [lease.integration_id, lease.tenant_id],
    )
    rows = fetch(
        """UPDATE integration_limits SET last_updated_at = now(),
               limits_in_a_row = limits_in_a_row + CASE WHEN blocked_until > now() THEN 0 ELSE 1 END,
               blocked_until = CASE WHEN blocked_until > now() THEN blocked_until ELSE now() + make_interval(secs =>
                   CASE WHEN limits_in_a_row < %s THEN 0
                        ELSE least(%s, %s * 2.0 ^ least(limits_in_a_row - %s, 10)) * %s END) END
           WHERE integration_id = %s RETURNING blocked_until""",
        [
            int(at_once_first),
            LONGEST_WAIT_SECONDS,
            FIRST_WAIT_SECONDS,
            int(at_once_first),
            random.uniform(*JITTER) * longer,
            lease.integration_id,
        ],
    )
    until: datetime = rows[0][0]
    return until


def block(lease: Caller, until: datetime) -> None:
    """No extraction unit of the integration is woken before that."""
    execute(
        """INSERT INTO integration_limits (integration_id, tenant_id, blocked_until) VALUES (%s, %s, %s)
           ON CONFLICT (integration_id) DO UPDATE SET last_updated_at = now(),
               blocked_until = greatest(integration_limits.blocked_until, EXCLUDED.blocked_until)""",
        [lease.integration_id, lease.tenant_id, until],
    )


def failed(lease: Lease, reason: str) -> None:
    """Counts a transient error; the tenth in a row opens the integration's circuit for five minutes."""
    execute(
        """INSERT INTO integration_limits AS l (integration_id, tenant_id, errors_in_a_row) VALUES (%s, %s, 1)
           ON CONFLICT (integration_id) DO UPDATE SET last_updated_at = now(),
               errors_in_a_row = (l.errors_in_a_row + 1) %% %s,
               blocked_until = CASE WHEN l.errors_in_a_row + 1 < %s THEN l.blocked_until
                   ELSE greatest(l.blocked_until, now() + make_interval(secs => %s)) END""",
        [lease.integration_id, lease.tenant_id, ERRORS_THAT_OPEN, ERRORS_THAT_OPEN, OPEN_SECONDS],
    )
    EtlJobEvent.objects.create(
        tenant_id=lease.tenant_id, run_id=lease.run_id, level="error", stage="extraction", step=lease.step,
        message=reason,
    )  # fmt: skip


def succeeded(lease: Lease) -> None:
    """Ends a row of errors, and one of refusals."""
    execute(
        """UPDATE integration_limits SET errors_in_a_row = 0, limits_in_a_row = 0
           WHERE integration_id = %s AND (errors_in_a_row > 0 OR limits_in_a_row > 0)""",
        [lease.integration_id],
    )
