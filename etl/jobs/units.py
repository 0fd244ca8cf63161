"""The life of a unit: the one module that takes, ends, parks, retries, fails and cancels units.

pending → processing → completed / failed / cancelled, in three tables alike (see `etl.models.unit`). Every change
is one guarded UPDATE on the database's clock. Whoever takes a unit gets a lease with a fresh token; only the
current token ends the unit, so two workers may hold one, and only one can commit it.
"""

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from etl.jobs import identity
from etl.models.unit import Unit
from etl.sql import execute, fetch

# A lease that a crash of the server forgets was never taken: that commit need not wait for the disk.
_NOT_FLUSHED = "(SELECT set_config('synchronous_commit', 'off', true)) IS NOT NULL"

# So often in vain, and the unit has failed. What killed its workers may have been something else each time: the last
# takes are alone, and ever longer apart (see `etl.jobs.recovery`).
MAX_TAKES = 5
# So often in vain: whether it was this unit that killed its workers, or another that they had in hand, is found by
# taking it alone. There is an index for it.
SUSPECT_TAKES = 2


@dataclass(frozen=True)
class Lease:
    """Units of one table in the hands of one worker, under one token. ``suspect``: see SUSPECT_TAKES."""

    model: type[Unit]
    ids: tuple[int, ...]
    token: uuid.UUID
    integration_id: int
    tenant_id: int
    run_id: int
    step: str
    suspect: bool = False

    @property
    def id(self) -> int:
        """The unit's id, where the lease is of one unit."""
        (only,) = self.ids
        return only


class LeaseLost(Exception):
    """Somebody else holds the unit now: what was done is to be rolled back."""


class UnitInvisible(Exception):
    """No such unit: deleted, or another tenant's."""


@dataclass(frozen=True)
class Columns:
    """The names a unit table goes by in SQL."""

    table: str
    state: str


def columns(model: type[Unit]) -> Columns:
    return Columns(model._meta.db_table, str(model._meta.get_field("status").column))


def take(model: type[Unit], ids: Sequence[int]) -> Lease | None:
    """Takes those of the units that may be taken now; None where none may (done, taken, parked, run not running).

    The units are of one run and step. Raises UnitInvisible where none of them exists. A suspect is taken when it is its
    turn: the queue delivers all again at once that a dead worker had in hand.
    """
    names, token = columns(model), uuid.uuid4()
    rows = fetch(
        f"""UPDATE {names.table} AS u
            SET {names.state} = 'processing', lease_token = %s, worker_id = %s, takes = u.takes + 1,
                lease_until = now() + make_interval(secs => %s), published_at = coalesce(u.published_at, now()),
                error_details = NULL
            FROM etl_job_runs r
            WHERE u.id = ANY(%s) AND u.{names.state} = 'pending' AND r.id = u.run_id AND r.status = 'RUNNING'
              AND (u.not_before IS NULL OR u.not_before <= now())
              AND (u.takes < {SUSPECT_TAKES} OR u.published_at IS NOT NULL) AND {_NOT_FLUSHED}
            RETURNING u.id, u.integration_id, u.tenant_id, u.run_id, u.step, u.takes > {SUSPECT_TAKES}""",
        [token, identity.current(), settings.UNIT_LEASE_SECONDS, list(ids)],
    )
    if not rows:
        if not fetch(f"SELECT 1 FROM {names.table} WHERE id = ANY(%s) LIMIT 1", [list(ids)]):
            raise UnitInvisible(f"no row {list(ids)} in {names.table} can be seen")
        return None
    return Lease(model, tuple(row[0] for row in rows), token, *rows[0][1:])


def renew(lease: Lease) -> bool:
    """Moves the lease's end; False where it was lost, or is being ended at this moment.

    It never waits for a lock: the transaction that ends a unit may be long, and other leases wait to be renewed.
    """
    names = columns(lease.model)
    return bool(
        execute(
            f"""UPDATE {names.table} SET lease_until = now() + make_interval(secs => %s)
                WHERE id IN (SELECT id FROM {names.table} WHERE id = ANY(%s) AND lease_token = %s
                             FOR NO KEY UPDATE SKIP LOCKED)""",
            [settings.UNIT_LEASE_SECONDS, list(lease.ids), lease.token],
        )
    )


def _close(lease: Lease, state: str, extra: str = "", parameters: Sequence[Any] = ()) -> list[int]:
    """Ends what the lease still holds, or puts it back; the ids it held."""
    names = columns(lease.model)
    rows = fetch(
        f"""UPDATE {names.table} SET {names.state} = %s, lease_token = NULL, lease_until = NULL, takes = 0{extra}
            WHERE id = ANY(%s) AND lease_token = %s RETURNING id""",
        [state, *parameters, list(lease.ids), lease.token],
    )
    return [row[0] for row in rows]


@contextmanager
def ending(lease: Lease, extra: str = "", parameters: Sequence[Any] = (), *, flush: bool = True) -> Iterator[None]:
    """The transaction that writes a unit's result and completes it; raises LeaseLost where it is no longer ours.

    ``extra`` sets more columns of the unit (", records = %s"). Without ``flush`` the commit does not wait for the
    disk: where the result can be made again, a crash of the server takes it back together with the unit's end.
    """
    with transaction.atomic():
        if not flush:
            execute("SET LOCAL synchronous_commit TO off", [])
        if len(_close(lease, "completed", extra, parameters)) < len(lease.ids):
            raise LeaseLost
        yield


def reopen(lease: Lease) -> None:
    """Makes a unit wait again that this very transaction has completed (see `ending`)."""
    execute(
        f"UPDATE {columns(lease.model).table} SET {columns(lease.model).state} = 'pending', published_at = NULL"
        " WHERE id = ANY(%s)",
        [list(lease.ids)],
    )


@contextmanager
def continuing(
    lease: Lease, cursor: Mapping[str, Any], extra: str, parameters: Sequence[Any], *, kept: bool
) -> Iterator[None]:
    """The transaction that stores one answer of a partition that has more: the unit stands further on.

    ``kept`` by its worker, which goes on with it; else it waits again.
    """
    moved = f"cursor = %s, tries = 0, not_before = NULL{extra}"
    with transaction.atomic():
        move = _move_on if kept else _put_back
        if not move(lease, moved, [json.dumps(cursor), *parameters]):
            raise LeaseLost
        yield


def _put_back(lease: Lease, moved: str, parameters: Sequence[Any]) -> list[int]:
    return _close(lease, "pending", f", published_at = NULL, {moved}", parameters)


def _move_on(lease: Lease, moved: str, parameters: Sequence[Any]) -> int:
    """A worker that died on the next page died on it for the first time."""
    return execute(
        f"UPDATE {columns(lease.model).table} SET takes = 1, {moved} WHERE id = ANY(%s) AND lease_token = %s",
        [*parameters, list(lease.ids), lease.token],
    )


def park(lease: Lease, until: datetime, reason: str) -> None:
    """Puts the units aside until then, without using up a try."""
    _close(
        lease,
        "pending",
        ", published_at = NULL, not_before = %s, error_details = %s",
        [until, json.dumps({"error": reason, "until": until.isoformat()})],
    )


def hand_back(lease: Lease) -> None:
    """Puts the units back as they were: what kept them from being worked on was no matter of theirs."""
    _close(lease, "pending", ", published_at = NULL")


def retry(lease: Lease, delay_seconds: float, reason: str) -> None:
    """Uses up a try; the units wait that long, and the sweep wakes them then."""
    _close(
        lease,
        "pending",
        ", tries = tries + 1, not_before = now() + make_interval(secs => %s), published_at = NULL, error_details = %s",
        [delay_seconds, json.dumps({"error": reason})],
    )


def tries(lease: Lease) -> int:
    """How many tries the units have used up (the most of them)."""
    names = columns(lease.model)
    return int(fetch(f"SELECT coalesce(max(tries), 0) FROM {names.table} WHERE id = ANY(%s)", [list(lease.ids)])[0][0])


def fail(lease: Lease, reason: str, *, refused: bool = False) -> list[int]:
    """Ends the units as failed; the ids of those that were still ours.

    ``refused``: it was a service that was away or refused us, whatever was asked of it.
    """
    details = {"error": reason, **({"refused": True} if refused else {})}
    with transaction.atomic():
        failed = _close(lease, "failed", ", error_details = %s, last_updated_at = now()", [json.dumps(details)])
        after_failure(lease.model, failed, reason)
    return failed


def split(lease: Lease, reason: str) -> None:
    """Puts the units of a batch back, one to be taken at a time, so that one of them does not fail the others."""
    _close(lease, "pending", ", alone = true, published_at = NULL, error_details = %s", [json.dumps({"error": reason})])


def after_failure(model: type[Unit], ids: Sequence[int], reason: str) -> None:
    """What it means for others: a cut page does without its follow-up; what completes an answer fails with it."""
    table = columns(model).table
    if table == "extraction_checkpoints":
        complete_pages(ids)
    elif table == "raw_extraction_data":
        execute(
            """UPDATE raw_extraction_data SET processing_status = 'failed', error_details = %s, last_updated_at = now()
               WHERE processing_status = 'pending' AND parent_id = ANY(%s)""",
            [json.dumps({"error": f"not complete: {reason}"}), list(ids)],
        )


def complete_pages(followup_ids: Sequence[int]) -> int:
    """Has cut pages transformed that these follow-ups were to complete, once no other one of theirs is open; how many.

    To be called in the transaction that ends the follow-ups, well or not: what a failed one did not bring is missing
    (see `etl.transform.stage`). A page that was transformed without it before, or is in hand, is transformed again, in
    the follow-up's run. The pages' rows are locked, so that of two last follow-ups one sees the other.
    """
    pages = fetch(
        """SELECT id FROM raw_extraction_data
           WHERE id IN (SELECT parent_raw_id FROM extraction_checkpoints WHERE id = ANY(%s))
           ORDER BY id FOR NO KEY UPDATE""",
        [list(followup_ids)],
    )
    if not pages:
        return 0
    return execute(
        f"""UPDATE raw_extraction_data p SET is_complete = true, run_id = r.id, lease_token = NULL, lease_until = NULL,
                processing_status = CASE WHEN r.status IN ('RUNNING', 'PAUSED') THEN 'pending' ELSE 'cancelled' END,
                {AFRESH}
            FROM extraction_checkpoints c JOIN etl_job_runs r ON r.id = c.run_id
            WHERE c.id = ANY(%s) AND p.id = c.parent_raw_id AND NOT EXISTS (
                SELECT 1 FROM extraction_checkpoints o
                WHERE o.parent_raw_id = p.id AND o.status NOT IN ('completed', 'failed'))""",
        [list(followup_ids)],
    )


def cancel_open(model: type[Unit], run_id: int) -> int:
    """Cancels what waits in a run. A unit in hand may still commit."""
    names = columns(model)
    return execute(
        f"UPDATE {names.table} SET {names.state} = 'cancelled' WHERE run_id = %s AND {names.state} = 'pending'",
        [run_id],
    )


AFRESH = "tries = 0, takes = 0, not_before = NULL, published_at = NULL, error_details = NULL"


def claim_answers(run_id: int, ids: Sequence[int]) -> int:
    """Makes answers wait in a run that were transformed before, or failed to be; how many. Not what waits elsewhere."""
    return execute(
        f"""UPDATE raw_extraction_data SET run_id = %s, processing_status = 'pending', {AFRESH}
            WHERE id IN (SELECT id FROM raw_extraction_data WHERE id = ANY(%s)
                             AND processing_status IN ('completed', 'failed', 'cancelled')
                         ORDER BY id FOR NO KEY UPDATE)""",
        [run_id, list(ids)],
    )


def queue_answers(run_id: int, step: str, ids: Sequence[int]) -> list[int]:
    """Makes answers wait in a run that are over, or that wait in none that goes on; the ids of those."""
    rows = fetch(
        f"""UPDATE raw_extraction_data SET run_id = %s, step = %s, processing_status = 'pending', processed_at = NULL,
                lease_token = NULL, lease_until = NULL, {AFRESH}
            WHERE id IN (SELECT u.id FROM raw_extraction_data u WHERE u.id = ANY(%s)
                             AND (u.processing_status IN ('completed', 'failed', 'cancelled')
                               OR NOT EXISTS (SELECT 1 FROM etl_job_runs r
                                              WHERE r.id = u.run_id AND r.status IN ('RUNNING', 'PAUSED')))
                         ORDER BY u.id FOR NO KEY UPDATE)
            RETURNING id""",
        [run_id, step, list(ids)],
    )
    return [row[0] for row in rows]


def put_answer(raw_id: int, state: str, details: Mapping[str, Any] | None) -> None:
    """Gives an answer the state that another tool says it has, with what completes it; whoever has it in hand loses it.

    One that is "processing" in an open run is taken back like any other that nobody ends in time.
    """
    execute(
        """UPDATE raw_extraction_data u SET processing_status = %(state)s, error_details = %(details)s,
                tries = 0, takes = 0, not_before = NULL, published_at = NULL,
                processed_at = CASE WHEN %(state)s IN ('completed', 'failed') THEN now() END, worker_id = NULL,
                (lease_token, lease_until) = (
                    SELECT %(token)s::uuid, now() + make_interval(secs => %(seconds)s) FROM etl_job_runs r
                    WHERE r.id = u.run_id AND r.status IN ('RUNNING', 'PAUSED') AND %(state)s = 'processing')
            WHERE id IN (SELECT id FROM raw_extraction_data WHERE id = %(id)s
                             OR parent_id = %(id)s AND %(state)s IN ('completed', 'failed')
                         ORDER BY id FOR NO KEY UPDATE)""",
        {
            "id": raw_id,
            "state": state,
            "details": None if details is None else json.dumps(details),
            "token": uuid.uuid4(),
            "seconds": settings.UNIT_LEASE_SECONDS,
        },
    )


def revive(model: type[Unit], run_id: int, ids: Sequence[int] | None = None) -> set[str]:
    """Makes units of a run wait again that failed, all or those; the steps they are of.

    With an answer go those that complete it. One that is not complete waits for what completes it (`complete_pages`).
    """
    names = columns(model)
    is_answer = names.table == "raw_extraction_data"
    rows = fetch(
        f"""UPDATE {names.table} SET {names.state} = 'pending', {AFRESH}
            WHERE id IN (SELECT id FROM {names.table} WHERE run_id = %(run)s AND {names.state} = 'failed'
                             AND (%(ids)s::bigint[] IS NULL OR id = ANY(%(ids)s))
                             {"AND is_complete AND parent_id IS NULL" if is_answer else ""}
                         ORDER BY id FOR NO KEY UPDATE)
            RETURNING id, step""",
        {"run": run_id, "ids": None if ids is None else list(ids)},
    )
    if is_answer:
        execute(
            "UPDATE raw_extraction_data SET processing_status = 'pending', error_details = NULL"
            " WHERE parent_id = ANY(%s) AND processing_status = 'failed'",
            [[row[0] for row in rows]],
        )
    return {row[1] for row in rows}


def distrust(lease: Lease) -> int:
    """Has vectors made again that another worker completed while this one wrote to the store: which won is unknown."""
    return execute(
        """UPDATE qdrant_vectors v SET published_at = NULL,
               status = CASE WHEN r.status = 'RUNNING' THEN 'pending' ELSE 'cancelled' END
           FROM etl_job_runs r WHERE r.id = v.run_id AND v.id = ANY(%s) AND v.status = 'completed'""",
        [list(lease.ids)],
    )


def forget_wakeups(model: type[Unit], run_id: int) -> int:
    """Lets all that waits in a run be woken again: its messages came while it was paused."""
    names = columns(model)
    return execute(
        f"UPDATE {names.table} SET published_at = NULL WHERE run_id = %s AND {names.state} = 'pending'", [run_id]
    )


def inherit(model: type[Unit]) -> int:
    """For a process that knows that all others are gone: their wake-ups are lost, their leases at an end."""
    names = columns(model)
    return execute(
        f"""UPDATE {names.table} SET published_at = NULL,
                lease_until = CASE WHEN {names.state} = 'processing' THEN now() - interval '1 second' END
            WHERE {names.state} IN ('pending', 'processing') AND published_at IS NOT NULL""",
        [],
    )
