"""Keeping leases while work goes on: one thread a process renews all that are held."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from etl.jobs import units
from etl.jobs.units import Lease
from etl.jobs.wakeups import UNIT_MODELS
from pulse.postgres.scope import platform_scope, tenant_scope

logger = logging.getLogger(__name__)

# How often it is tried to give back what could not be ended.
HAND_BACK_SECONDS = 1.0


class _Keeper:
    """Renews what is held, three times a lease; its thread lives while something is held."""

    def __init__(self) -> None:
        self._held: dict[Lease, datetime] = {}
        self._done = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, lease: Lease) -> None:
        with self._changed:
            self._held[lease] = timezone.now()
            if self._thread is None:
                self._thread = threading.Thread(target=self._renew_all, name="lease-keeper", daemon=True)
                self._thread.start()

    def remove(self, lease: Lease) -> None:
        with self._changed:
            if self._held.pop(lease, None):
                self._done += len(lease.ids)

    def holding(self) -> list[dict[str, Any]]:
        with self._changed:
            return [_told(lease, since) for lease, since in self._held.items()]

    @property
    def done(self) -> int:
        return self._done

    def _renew_all(self) -> None:
        while True:
            with self._changed:
                self._changed.wait(settings.UNIT_LEASE_SECONDS / 3)
                if not self._held:
                    self._thread = None
                    return
                held = tuple(self._held)
            self._renew(held)

    def _renew(self, held: tuple[Lease, ...]) -> None:
        try:
            with platform_scope():
                for lease in held:
                    units.renew(lease)
        except Exception as error:  # whatever it is: without this thread every long unit would be taken back
            logger.warning("leases could not be renewed: %s", error)
        finally:
            connection.close()


def _told(lease: Lease, since: datetime) -> dict[str, Any]:
    stages = {model: stage for stage, model in UNIT_MODELS.items()}
    return {
        "stage": stages[lease.model],
        "ids": list(lease.ids),
        "run_id": lease.run_id,
        "step": lease.step,
        "since": since.isoformat(),
    }


_keeper = _Keeper()


def holding() -> list[dict[str, Any]]:
    """What this process has in hand: each lease's "stage", "ids", "run_id", "step", and "since" when (ISO 8601)."""
    return _keeper.holding()


def units_done() -> int:
    """How many units this process has had in hand and has no more, however that ended."""
    return _keeper.done


@contextmanager
def held(lease: Lease) -> Iterator[None]:
    """Keeps the lease renewed for as long as the block takes."""
    _keeper.add(lease)
    try:
        yield
    finally:
        _keeper.remove(lease)


def hand_back(lease: Lease) -> threading.Thread:
    """Gives a lease back as soon as the database is there: nobody could write what became of it. The thread does so.

    Else its units would wait until the lease runs out, since their worker lives.
    """
    thread = threading.Thread(target=_hand_back, args=(lease,), name="hand-back", daemon=True)
    thread.start()
    return thread


def _hand_back(lease: Lease) -> None:
    while True:
        try:
            with tenant_scope(lease.tenant_id):
                units.hand_back(lease)
            return
        except (OperationalError, InterfaceError) as error:
            logger.debug("units %s cannot be handed back yet: %s", lease.ids, error)
        finally:
            connection.close()
        time.sleep(HAND_BACK_SECONDS)
