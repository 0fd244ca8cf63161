"""What holds an integration back as a whole: a site's rate limit, or errors in a row.

``blocked_until`` only grows; it stops the wake-ups of all extraction units of the integration, and those that
were woken before are put aside when their message comes.
"""

from datetime import datetime

from etl.jobs.units import Lease
from etl.models import EtlJobEvent
from etl.sql import execute, fetch
from integrations.errors import RateLimited

ERRORS_THAT_OPEN = 10
OPEN_SECONDS = 300


def check(lease: Lease) -> None:
    """Raises RateLimited while the unit's integration is held back."""
    rows = fetch(
        "SELECT blocked_until FROM integration_limits WHERE integration_id = %s AND blocked_until > now()",
        [lease.integration_id],
    )
    if rows:
        raise RateLimited(f"the integration is held back until {rows[0][0]:%H:%M:%S}", rows[0][0])


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
    """Ends a row of errors."""
    execute(
        "UPDATE integration_limits SET errors_in_a_row = 0 WHERE integration_id = %s AND errors_in_a_row > 0",
        [lease.integration_id],
    )
