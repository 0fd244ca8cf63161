"""Fetching a partition's answers: while one is being stored, the next one is on its way."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from types import TracebackType
from typing import Self

from django.db import connection

from etl.jobs import limits
from etl.jobs.backlog import has_backlog
from etl.jobs.units import Lease
from etl.models import EtlJobRun, ExtractionCheckpoint, Overall
from integrations.http import throttled
from integrations.provider import Answer, Cursor, Partition
from pulse.postgres.scope import in_same_scope

# How long a worker stays with one partition: then the others that wait have their turn.
KEEP_SECONDS = 5.0


class Reader:
    """Makes the calls of a checkpoint from its cursor on, in their order. A context manager: no call outlives it."""

    def __init__(self, lease: Lease, checkpoint: ExtractionCheckpoint) -> None:
        self._lease = lease
        self._checkpoint = checkpoint
        self._keep_until = time.monotonic() + KEEP_SECONDS
        self._ahead: Future[Answer] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ahead is not None:
            # Its answer is lost with whatever ended the reading: nobody was to store it.
            with suppress(Exception):
                self._ahead.result()

    def answer(self) -> Answer:
        """The answer to the checkpoint's cursor. Raises a StageError."""
        ahead, self._ahead = self._ahead, None
        return self._fetch(self._checkpoint.cursor, limits.check(self._lease)) if ahead is None else ahead.result()

    def go_on(self, answer: Answer) -> bool:
        """Begins the call after the answer's; False where there is none, or this worker is not to make it now."""
        cursor = answer.next_cursor
        if cursor is None or time.monotonic() >= self._keep_until or not self._wanted():
            return False
        try:
            throttle = limits.check(self._lease)
        except limits.HeldBack:
            return False
        if throttle.interval_seconds:
            # Under a ceiling the calls of all partitions take turns.
            return False
        self._ahead = _begin(lambda: self._fetch(cursor, throttle))
        return True

    def _wanted(self) -> bool:
        """Whether the run goes on, and its answers are transformed as fast as they come."""
        running = EtlJobRun.objects.filter(pk=self._lease.run_id, status=Overall.RUNNING).exists()
        return running and not has_backlog(self._lease.integration_id)

    def _fetch(self, cursor: Cursor, throttle: limits.IntegrationThrottle) -> Answer:
        checkpoint = self._checkpoint
        integration = checkpoint.integration
        partition = Partition(checkpoint.partition_key, cursor, checkpoint.scope)
        with throttled(throttle):
            return integration.provider_code.fetch(checkpoint.step, integration.connection(), partition)


def _begin(call: Callable[[], Answer]) -> Future[Answer]:
    """The call in a thread of its own, which lives no longer than it: so does its database connection."""
    future: Future[Answer] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)
        finally:
            connection.close()

    threading.Thread(target=in_same_scope(run), name="fetch-ahead", daemon=True).start()
    return future
