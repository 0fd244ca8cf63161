"""What sites say is left of their budgets, noted for those who look at a connection.

Nothing waits for it: a budget that is spent holds the integration back by itself (`etl.jobs.limits`).
"""

import time

from etl.jobs.calls import Caller
from etl.sql import execute
from integrations.http_limits import Quota

# Calls come many a second: so often a process writes down what is left.
NOTED_SECONDS = 5.0
_noted: dict[int, float] = {}


def note(caller: Caller, quota: Quota | None) -> None:
    """Notes what is left for the caller's integration, unless this process did so just before."""
    now = time.monotonic()
    if quota is None or now - _noted.get(caller.integration_id, -NOTED_SECONDS) < NOTED_SECONDS:
        return
    _noted[caller.integration_id] = now
    execute(
        """INSERT INTO integration_limits (integration_id, tenant_id,
               quota_left, quota_limit, quota_name, quota_resets_at, quota_as_of)
           VALUES (%s, %s, %s, %s, %s, %s, now())
           ON CONFLICT (integration_id) DO UPDATE SET last_updated_at = now(),
               (quota_left, quota_limit, quota_name, quota_resets_at, quota_as_of) =
               (EXCLUDED.quota_left, EXCLUDED.quota_limit, EXCLUDED.quota_name, EXCLUDED.quota_resets_at, now())""",
        [caller.integration_id, caller.tenant_id, quota.left, quota.limit, quota.name, quota.resets_at],
    )
