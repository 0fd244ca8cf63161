"""Units that nobody will end: taken back from workers that are gone, woken again, cancelled. The sweep's statements.

A worker is gone where it ended, or where its heartbeat is old; what it still holds need not wait for its lease. Should
it come back all the same, it finds that it lost the lease (see `etl.jobs.units`).
"""

import json
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction

from etl.jobs import identity
from etl.jobs.units import MAX_TAKES, SUSPECT_TAKES, after_failure, columns
from etl.models.unit import Unit
from etl.queue.topology import Tier
from etl.sql import execute, fetch

DIED = "the worker died on it"
# How much longer a suspect waits each time, in leases.
SUSPECT_PAUSE_LEASES = 0.25
# The database was away itself, and nobody could say that he lives, until a while after its start.
_SILENT = """heartbeat_at < now() - make_interval(secs => %(silent)s) AND id IS DISTINCT FROM %(self)s
    AND pg_postmaster_start_time() < now() - make_interval(secs => %(silent)s)"""


@dataclass(frozen=True)
class Found:
    """A unit that something was done to."""

    unit_id: int
    run_id: int


@dataclass(frozen=True)
class TakenBack(Found):
    """``given_up``: it was taken too often, and has failed."""

    given_up: bool


def _silence() -> dict[str, object]:
    # Who asks lives, whenever his last heartbeat was.
    return {"silent": settings.WORKER_SILENT_SECONDS, "self": identity.current()}


def end_silent_workers() -> int:
    """Marks the workers as ended of which nothing was heard for a while; how many."""
    return execute(
        f"UPDATE workers SET ended = 'silent', active = false, stopped_at = now() WHERE ended = '' AND active"
        f" AND {_SILENT}",
        _silence(),
    )


def take_back(model: type[Unit]) -> list[TakenBack]:
    """Takes units back whose lease ran out, or whose worker is gone. Taken too often, a unit fails.

    A worker that was taken for silent and is heard of again keeps what it has taken since. A suspect waits longer each
    time: what kills workers from outside mostly goes on for a while.
    """
    names = columns(model)
    alone = f", alone = alone OR takes >= {SUSPECT_TAKES}" if names.table == "qdrant_vectors" else ""
    with transaction.atomic():
        rows = fetch(
            f"""UPDATE {names.table} SET lease_token = NULL, lease_until = NULL, published_at = NULL{alone},
                    {names.state} = CASE WHEN takes >= %(most)s THEN 'failed' ELSE 'pending' END,
                    not_before = CASE WHEN takes > {SUSPECT_TAKES}
                        THEN now() + make_interval(secs => (takes - {SUSPECT_TAKES}) * %(pause)s) END,
                    error_details = CASE WHEN takes >= %(most)s THEN %(died)s::jsonb ELSE error_details END,
                    last_updated_at = CASE WHEN takes >= %(most)s THEN now() ELSE last_updated_at END
                WHERE id IN (SELECT u.id FROM {names.table} u WHERE u.{names.state} = 'processing'
                        AND (u.lease_until < now() OR EXISTS (SELECT 1 FROM workers
                            WHERE id = u.worker_id AND (ended NOT IN ('', 'silent') OR {_SILENT})))
                    ORDER BY u.id FOR UPDATE OF u SKIP LOCKED)
                RETURNING id, run_id, {names.state} = 'failed'""",
            {
                "most": MAX_TAKES,
                "died": json.dumps({"error": DIED}),
                "pause": settings.UNIT_LEASE_SECONDS * SUSPECT_PAUSE_LEASES,
                **_silence(),
            },
        )
        taken = [TakenBack(*row) for row in rows]
        after_failure(model, [unit.unit_id for unit in taken if unit.given_up], DIED)
    return taken


def tiers_with_old_wakeups(model: type[Unit], seconds: float) -> list[Tier]:
    """The tiers that have units which were woken longer ago than that, and not taken."""
    names = columns(model)
    rows = fetch(
        f"""SELECT DISTINCT t.tier FROM {names.table} u JOIN tenants t ON t.id = u.tenant_id
            WHERE u.{names.state} = 'pending' AND u.published_at < now() - make_interval(secs => %s)""",
        [seconds],
    )
    return [Tier(row[0]) for row in rows]


def forget_wakeups_of_tier(model: type[Unit], tier: Tier, seconds: float) -> list[Found]:
    """Lets units of a tier be woken again that were woken longer ago than that, and not taken."""
    names = columns(model)
    rows = fetch(
        f"""UPDATE {names.table} SET published_at = NULL
            WHERE id IN (SELECT u.id FROM {names.table} u JOIN tenants t ON t.id = u.tenant_id AND t.tier = %s
                WHERE u.{names.state} = 'pending' AND u.published_at < now() - make_interval(secs => %s)
                ORDER BY u.id FOR UPDATE OF u SKIP LOCKED)
            RETURNING id, run_id""",
        [tier, seconds],
    )
    return [Found(*row) for row in rows]


def cancel_stopped(model: type[Unit]) -> int:
    """Cancels what slipped past a stop, or past another end of its run."""
    names = columns(model)
    return execute(
        f"""UPDATE {names.table} AS u SET {names.state} = 'cancelled' FROM etl_job_runs r
            WHERE u.{names.state} = 'pending' AND r.id = u.run_id AND r.status IN ('STOPPED', 'FINISHED', 'FAILED')""",
        [],
    )
