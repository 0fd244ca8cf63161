"""The ceiling of calls that an integration's setting ``rate_limit`` names: slots, taken one by one before each call.

``integration_limits.next_call_at`` is when the next slot comes. All workers share it, on the database's clock.
"""

from datetime import datetime

from etl.jobs.calls import Caller
from etl.sql import fetch
from integrations.errors import Permanent

# A slot may be taken that much late without those after it being late as well: to wake a worker takes a while.
LATE_SECONDS = 0.05
# How much later the one of two calls may leave us than the other, after both got their slots.
UNEVEN_SECONDS = 0.05


def interval_seconds(rate_limit: str | None) -> float:
    """Between two slots; 0 without a ceiling. Raises Permanent where the setting is no number of calls a second.

    A little longer than the rate asks for: then no second at the site sees more calls than that (below one a second:
    no two come closer), although slots are taken late and calls leave unevenly.
    """
    text = (rate_limit or "").strip()
    try:
        rate = float(text or "inf")
        if rate > 0:
            return (1 + (LATE_SECONDS + UNEVEN_SECONDS) * min(rate, 1)) / rate
    except ValueError:
        pass
    raise Permanent(f"setting rate_limit is {text[:50]!r}: expected a number of calls a second")


def slots_at_once(rate_limit: str | None) -> int | None:
    """How many slots can be due at one moment; None without a ceiling.

    The setting was checked when it was saved; what got in otherwise fails the units, which have to be woken for it.
    """
    try:
        seconds = interval_seconds(rate_limit)
    except Permanent:
        return 1
    return 1 + int(LATE_SECONDS / seconds) if seconds else None


def take_slot(lease: Caller, seconds: float) -> float | None:
    """The seconds to the slot after it; None where it is still to come, or the integration is held back.

    One guarded write. Whoever waited for the row compares with the time at which it began to wait.
    """
    rows = fetch(
        """INSERT INTO integration_limits AS l (integration_id, tenant_id, next_call_at)
            VALUES (%(integration)s, %(tenant)s, clock_timestamp() + make_interval(secs => %(interval)s))
            ON CONFLICT (integration_id) DO UPDATE SET next_call_at = make_interval(secs => %(interval)s)
                + greatest(l.next_call_at, clock_timestamp() - make_interval(secs => %(late)s))
            WHERE (l.next_call_at IS NULL OR l.next_call_at <= now())
              AND (l.blocked_until IS NULL OR l.blocked_until <= now())
            RETURNING extract(epoch FROM next_call_at - clock_timestamp())""",
        {
            "integration": lease.integration_id,
            "tenant": lease.tenant_id,
            "interval": seconds,
            "late": LATE_SECONDS,
        },
    )
    return float(rows[0][0]) if rows else None


def next_slot(lease: Caller) -> datetime:
    """When it comes, after one was refused."""
    sql = "SELECT coalesce(next_call_at, now()) FROM integration_limits WHERE integration_id = %s"
    found: datetime = fetch(sql, [lease.integration_id])[0][0]
    return found
