"""Keeping leases while work goes on: one thread a process renews all that are held."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection

from etl.jobs import units
from etl.jobs.units import Lease

logger = logging.getLogger(__name__)


class _Keeper:
    """Renews what is held, three times a lease; its thread lives while something is held."""

    def __init__(self) -> None:
        self._held: set[Lease] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, lease: Lease) -> None:
        with self._changed:
            self._held.add(lease)
            if self._thread is None:
                self._thread = threading.Thread(target=self._renew_all, name="lease-keeper", daemon=True)
                self._thread.start()

    def remove(self, lease: Lease) -> None:
        with self._changed:
            self._held.discard(lease)

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
            for lease in held:
                units.renew(lease)
        except Exception as error:  # whatever it is: without this thread every long unit would be taken back
            logger.warning("leases could not be renewed: %s", error)
        finally:
            connection.close()


_keeper = _Keeper()


@contextmanager
def held(lease: Lease) -> Iterator[None]:
    """Keeps the lease renewed for as long as the block takes."""
    _keeper.add(lease)
    try:
        yield
    finally:
        _keeper.remove(lease)
