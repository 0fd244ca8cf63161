"""The row of a process in the workers' table: that it lives, what it has in hand, what it is told."""

import logging
import os
import resource
import socket
import sys
from collections.abc import Sequence

import orjson
import psutil
from django.db import Error as DatabaseError
from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import Now

from etl.jobs import identity, leases
from etl.models import WorkerRow
from etl.sql import fetch

logger = logging.getLogger(__name__)

BEAT_SECONDS = 2.0
MIB = 1024 * 1024
# In what unit the system counts a process's peak.
_PEAK_UNIT = 1 if sys.platform == "darwin" else 1024


def memory_mib() -> float:
    """What this process has now, in MiB."""
    return float(psutil.Process().memory_info().rss) / MIB


def peak_mib() -> float:
    """The most that it had so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _PEAK_UNIT / MIB


class Heartbeat:
    """One process's row, from its beginning to its end. Leases that are taken in between name it."""

    def __init__(
        self, stages: Sequence[str], *, tier: str = "all", threads: int = 1, supervisor_pid: int | None = None
    ) -> None:
        self._about = {"stages": list(stages), "tier": tier, "threads": threads, "supervisor_pid": supervisor_pid}
        self._row_id: int | None = None
        self._done_before = 0

    @property
    def units_done(self) -> int:
        """How many units the process has worked on since it was entered."""
        return leases.units_done() - self._done_before

    def begin(self) -> None:
        """Enters the process. Raises Django's DatabaseError."""
        self._done_before = leases.units_done()
        row = WorkerRow.objects.create(
            host=socket.gethostname(), pid=os.getpid(), memory_mib=memory_mib(), peak_mib=peak_mib(), **self._about
        )
        self._row_id = row.pk
        identity.assume(row.pk)

    def beat(self) -> bool:
        """Says that the process lives; whether it is told to begin anew. Without a database it is not.

        Whoever was silent for so long that the sweep took it for dead lives again.
        """
        if self._row_id is None:
            return False
        try:
            asked = self._write()
            if asked is None:
                self.begin()
        except DatabaseError as error:
            logger.warning("no heartbeat: %s", error)
            connection.close()
            return False
        return asked == WorkerRow.Asked.RESTART

    def _write(self) -> str | None:
        """What the process is asked; None where its row is gone, as old ones go."""
        rows = fetch(
            """UPDATE workers SET heartbeat_at = now(), last_updated_at = now(), memory_mib = %s, peak_mib = %s,
                   units_done = %s, holding = %s, active = true, ended = '', stopped_at = NULL
               WHERE id = %s RETURNING asked""",
            [memory_mib(), peak_mib(), self.units_done, orjson.dumps(leases.holding()).decode(), self._row_id],
        )
        return rows[0][0] if rows else None

    def end(self, why: WorkerRow.Ended) -> None:
        """Says why the process is no more, or takes nothing any more. Without a database its silence will tell."""
        if self._row_id is None:
            return
        row_id, self._row_id = self._row_id, None
        identity.assume(None)
        try:
            WorkerRow.objects.filter(pk=row_id).update(
                active=False, ended=why, asked=WorkerRow.Asked.NOTHING, holding=[], stopped_at=Now()
            )
        except DatabaseError as error:
            logger.warning("the end of worker %s could not be written: %s", row_id, error)
            connection.close()


def bury(rows: QuerySet[WorkerRow]) -> int:
    """Says of processes that are no more that they died, so that what they held is taken back at once; how many."""
    return rows.filter(ended=WorkerRow.Ended.NOT).update(
        active=False, ended=WorkerRow.Ended.DIED, asked=WorkerRow.Asked.NOTHING, holding=[], stopped_at=Now()
    )


def children_of(supervisor_pid: int) -> QuerySet[WorkerRow]:
    """The rows of the processes that a process of this machine supervises, or has."""
    return WorkerRow.objects.filter(host=socket.gethostname(), supervisor_pid=supervisor_pid)
