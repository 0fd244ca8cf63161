"""Doing it, batch by batch. Each batch is a transaction of its own: who is killed in between is gone on after.

Any number of schedulers may try: one of them holds the erasure's row while it deletes a batch.
"""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection, transaction
from django.utils import timezone

from etl.embedding.backends import get_store
from etl.erasing.plan import INTEGRATION, ROOTS, TENANT, Step, steps
from etl.load.vectors import collection_of
from etl.sql import execute, fetch
from pulse.postgres.roles import APPENDED
from pulse.postgres.scope import owner_scope, platform_scope
from pulse.tenancy import audit
from pulse.tenancy.models import Erasure, User

logger = logging.getLogger(__name__)

BATCH_ROWS = 2_000
# After a failure, such as a vector store that is away, it is tried again then.
AGAIN_SECONDS = 10
_VECTORS = "qdrant_vectors"


class Held(Exception):
    """Another scheduler is at it, or it has ended."""


@dataclass
class _Thread:
    """The one thread of this process that erases."""

    thread: threading.Thread | None = None
    not_before: float = 0.0


_own = _Thread()


def go_on() -> None:
    """A scheduler's duty: begins what there is to do in a thread, which holds up nothing else."""
    busy = _own.thread is not None and _own.thread.is_alive()
    if busy or time.monotonic() < _own.not_before:
        return
    if Erasure.objects.filter(state=Erasure.State.RUNNING).exists():
        _own.thread = threading.Thread(target=_work, name="erasing", daemon=True)
        _own.thread.start()


def _work() -> None:
    try:
        with platform_scope():
            erase_all()
    finally:
        connection.close()


def erase_all() -> int:
    """Erases what is asked for; how many are finished. What fails says why in its row, and is tried again later."""
    asked = Erasure.objects.filter(state=Erasure.State.RUNNING).order_by("pk").values_list("pk", flat=True)
    return sum(_attempt(pk) for pk in list(asked))


def _attempt(pk: int) -> bool:
    try:
        erase(pk)
    except Held:
        return False
    except Exception as error:
        # Whatever it is, the others are not held up, and people are told.
        logger.warning("erasure %s: will be tried again: %s", pk, error)
        _own.not_before = time.monotonic() + AGAIN_SECONDS
        Erasure.objects.filter(pk=pk).update(error=str(error)[:1000], last_updated_at=timezone.now())
        return False
    return True


def erase(pk: int) -> None:
    """Deletes everything, in batches. Raises Held."""
    erasure = Erasure.objects.get(pk=pk)
    column = TENANT if erasure.integration_id is None else INTEGRATION
    for step in steps(column):
        while _batch(pk, step):
            pass
    _forget_points(erasure)
    _finish(pk, column)


def _held(pk: int) -> Erasure:
    """The erasure, locked. Raises Held."""
    erasure = Erasure.objects.select_for_update(skip_locked=True).filter(pk=pk, state=Erasure.State.RUNNING).first()
    if erasure is None:
        raise Held
    return erasure


def _batch(pk: int, step: Step) -> bool:
    """Whether there may be more."""
    with transaction.atomic():
        erasure = _held(pk)
        return _carry_out(erasure, step) == BATCH_ROWS


def _carry_out(erasure: Erasure, step: Step) -> int:
    """How many rows it was; noted in the erasure, which is locked."""
    parameters = {"tenant": erasure.tenant_id, "id": erasure.integration_id, "rows": BATCH_ROWS}
    # Superusers are the installation's, whichever tenant they belong to.
    if step.table == User._meta.db_table and not step.clears:
        execute("UPDATE users SET tenant_id = NULL WHERE tenant_id = %(tenant)s AND is_superuser", parameters)
    limit = f"""ARRAY(SELECT t.{step.key} FROM {step.table} t WHERE {step.condition}
        {f"AND t.{step.clears} IS NOT NULL" if step.clears else ""} LIMIT %(rows)s)"""
    if step.clears:
        return execute(f"UPDATE {step.table} SET {step.clears} = NULL WHERE {step.key} = ANY({limit})", parameters)
    if step.table == _VECTORS:
        _delete_points(fetch(f"SELECT collection, point_id FROM {_VECTORS} WHERE id = ANY({limit})", parameters))
    rows = _delete(step, f"DELETE FROM {step.table} WHERE {step.key} = ANY({limit})", parameters)
    if rows:
        erasure.deleted = {**erasure.deleted, step.table: erasure.deleted.get(step.table, 0) + rows}
        erasure.rows, erasure.error = erasure.rows + rows, ""
        erasure.save(update_fields=["rows", "deleted", "error", "last_updated_at"])
    return rows


def _delete(step: Step, sql: str, parameters: dict[str, int | None]) -> int:
    if step.table not in APPENDED:
        return execute(sql, parameters)
    # Entries that stay as they were written go only with the tenant whose they are.
    with owner_scope():
        return execute(sql, parameters)


def _delete_points(rows: Sequence[tuple[str, object]]) -> None:
    """Before their rows are: who is killed in between deletes them once more."""
    for collection in {name for name, _ in rows}:
        get_store().delete(collection, [str(point) for name, point in rows if name == collection])


def _forget_points(erasure: Erasure) -> None:
    """Those that are in the store although no row knows them."""
    if erasure.tenant_id is None:
        return
    collection, store = collection_of(erasure.tenant_id), get_store()
    if collection not in store.collections():
        return
    equal = {} if erasure.integration_id is None else {INTEGRATION: erasure.integration_id}
    for points in list(store.walk(collection, equal=equal)):
        store.delete(collection, list(points))


def _finish(pk: int, column: str) -> None:
    """What workers wrote meanwhile, and the row itself: then nothing refers to it any more, and nothing can."""
    with transaction.atomic():
        erasure = _held(pk)
        root, root_id = ROOTS[column]._meta.db_table, erasure.integration_id or erasure.tenant_id
        fetch(f"SELECT id FROM {root} WHERE id = %s FOR UPDATE", [root_id])
        for step in steps(column):
            while _carry_out(erasure, step) == BATCH_ROWS:
                pass
        if column == TENANT:
            execute("UPDATE erasures SET tenant_id = NULL WHERE tenant_id = %s", [root_id])
            erasure.tenant_id = None
        execute(f"DELETE FROM {root} WHERE id = %s", [root_id])
        erasure.state, erasure.finished_at, erasure.error = Erasure.State.FINISHED, timezone.now(), ""
        erasure.save()
        thing = "tenant" if column == TENANT else "integration"
        with audit.acting(audit.Actor(erasure.asked_by)):
            audit.note(f"{thing}.erased", erasure, {"name": [erasure.name, None], "rows": [erasure.rows, 0]})
