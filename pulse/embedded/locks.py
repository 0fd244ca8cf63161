"""Locks between processes, kept by the kernel: they end with their holder, also after kill -9."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import EmbeddedPostgresError

POLL_SECONDS = 0.05


class FileLock:
    """A flock on one file, shared or exclusive, for this process. Not for use by several threads at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        return self._descriptor is not None

    def acquire(self, *, shared: bool, timeout: float) -> None:
        """Take the lock; raise EmbeddedPostgresError when others hold it for more than `timeout` seconds."""
        # O_CLOEXEC: a program started by us, the server above all, must not keep the lock.
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._wait(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, time.monotonic() + timeout)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def become_sole(self) -> bool:
        """Turn the shared lock into the exclusive one if nobody else holds it. If someone does, we hold none."""
        return self._descriptor is not None and _try(self._descriptor, fcntl.LOCK_EX)

    def release(self) -> None:
        """Let go of the lock. In a forked child the parent keeps it."""
        if self._descriptor is not None:
            # Closing, not LOCK_UN: unlocking would act on the lock that a forked child shares with its parent.
            os.close(self._descriptor)
            self._descriptor = None

    @contextmanager
    def exclusive(self, timeout: float) -> Iterator[None]:
        """Hold the lock alone for the length of a `with` block."""
        self.acquire(shared=False, timeout=timeout)
        try:
            yield
        finally:
            self.release()

    def _wait(self, descriptor: int, kind: int, deadline: float) -> None:
        while not _try(descriptor, kind):
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(f"Another process has held {self.path} for too long.")
            time.sleep(POLL_SECONDS)


def _try(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
