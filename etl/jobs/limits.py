"""What holds an integration back as a whole: its site's rate limit, its own ceiling, or errors in a row.

``blocked_until`` only grows; it stops the wake-ups of all extraction units of the integration, and those that
were woken before are put aside when their message comes. ``next_call_at`` does the same from call to call, where
the integration has a ceiling. Nobody sleeps: what may not be done now is parked.
"""

import random
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from etl.jobs import alarms
from etl.jobs.units import Lease
from etl.models import EtlJobEvent
from etl.sql import execute, fetch
from integrations.errors import Permanent, RateLimited

ERRORS_THAT_OPEN = 10
OPEN_SECONDS = 300
# Atlassian's recipe for a refusal that does not say for how long: it doubles with each in a row.
FIRST_WAIT_SECONDS = 2.0
LONGEST_WAIT_SECONDS = 30.0
# So that the workers of many integrations with one site do not come back at the same moment.
JITTER = (0.7, 1.3)


class HeldBack(RateLimited):
    """Our own word, before a call was made: the integration is known to wait."""

    until: datetime


@dataclass
class IntegrationThrottle:
    """Counts the calls of a unit's integration, all workers' together. ``interval_seconds`` 0: there is no ceiling."""

    lease: Lease
    interval_seconds: float
    begun: bool = False

    def acquire(self) -> None:
        """Takes the next slot of the ceiling. Raises HeldBack where that is still to come.

        Where a unit needs a second call, it takes the slot ahead of its time, and the next unit waits for two: put
        aside it would begin with its first call again, and never come to an end.
        """
        if not self.interval_seconds:
            return
        take = _take_another_slot if self.begun else _take_slot
        seconds = take(self.lease, self.interval_seconds)
        if seconds is None:
            raise self._refusal()
        self.begun = True
        # Whoever is put aside until then is woken in time: the sweep alone comes once a second.
        alarms.set_alarm(self.lease.integration_id, seconds)

    def _refusal(self) -> HeldBack:
        until = fetch(
            "SELECT next_call_at FROM integration_limits WHERE integration_id = %s", [self.lease.integration_id]
        )[0][0]
        return HeldBack(f"the next call within rate_limit may be made at {until:%H:%M:%S.%f}", until)

    def spent(self, until: datetime) -> None:
        """Nothing is left of the site's budget: better to wait at once than to be refused."""
        block(self.lease, until)


_SECONDS_TO_NEXT = "RETURNING extract(epoch FROM next_call_at - clock_timestamp())"


def _take_slot(lease: Lease, interval_seconds: float) -> float | None:
    """The seconds to the slot after it; None where it is still to come.

    One guarded write, on the database's clock. Whoever waited for the row sees the time at which it began to.
    """
    rows = fetch(
        f"""INSERT INTO integration_limits AS l (integration_id, tenant_id, next_call_at)
            VALUES (%s, %s, clock_timestamp() + make_interval(secs => %s))
            ON CONFLICT (integration_id) DO UPDATE SET next_call_at = EXCLUDED.next_call_at
            WHERE l.next_call_at IS NULL OR l.next_call_at <= now() {_SECONDS_TO_NEXT}""",
        [lease.integration_id, lease.tenant_id, interval_seconds],
    )
    return float(rows[0][0]) if rows else None


def _take_another_slot(lease: Lease, interval_seconds: float) -> float | None:
    rows = fetch(
        f"""UPDATE integration_limits SET next_call_at = greatest(next_call_at, clock_timestamp())
                + make_interval(secs => %s) WHERE integration_id = %s {_SECONDS_TO_NEXT}""",
        [interval_seconds, lease.integration_id],
    )
    return float(rows[0][0]) if rows else None


def _interval_seconds(rate_limit: str | None) -> float:
    """Between two calls; 0 without a ceiling. Raises Permanent where the setting is no number of calls a second."""
    text = (rate_limit or "").strip()
    try:
        rate = float(text or "inf")
        if rate > 0:
            return 1 / rate
    except ValueError:
        pass
    raise Permanent(f"setting rate_limit is {text[:50]!r}: expected a number of calls a second")


def check(lease: Lease) -> IntegrationThrottle:
    """What the unit's calls are made under. Raises HeldBack while its integration is held back."""
    blocked_until, rate_limit = fetch(
        """SELECT CASE WHEN l.blocked_until > now() THEN l.blocked_until END, i.settings ->> 'rate_limit'
           FROM integrations i LEFT JOIN integration_limits l ON l.integration_id = i.id WHERE i.id = %s""",
        [lease.integration_id],
    )[0]
    if blocked_until is not None:
        raise HeldBack(f"the integration is held back until {blocked_until:%H:%M:%S}", blocked_until)
    return IntegrationThrottle(lease, _interval_seconds(rate_limit))


def hold(lease: Lease, error: RateLimited) -> datetime:
    """Holds the unit's integration back as its site asks; until when the unit has to wait."""
    now = timezone.now()
    if isinstance(error, HeldBack):
        until = error.until
    elif error.until is not None and error.until > now:
        until = error.until
        block(lease, until)
    else:
        until = _back_off(lease, at_once_first=error.until is not None)
    alarms.set_alarm(lease.integration_id, (until - now).total_seconds())
    return until


def _back_off(lease: Lease, *, at_once_first: bool) -> datetime:
    """For a site that refuses and names no time, or none that is to come: 2 s, doubled with each in a row, up to 30 s.

    With ``at_once_first`` the site said that the call may be made at once: it is believed the first time only. What
    comes while the integration is held back belongs to the refusal before: those calls were on their way.
    """
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
            random.uniform(*JITTER),
            lease.integration_id,
        ],
    )
    until: datetime = rows[0][0]
    return until


def block(lease: Lease, until: datetime) -> None:
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
