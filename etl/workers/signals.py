"""Signals as a main loop wants them: it waits, and hears which ones came."""

import os
import select
import signal
from collections.abc import Iterable


class Signals:
    """From now on those signals do nothing but end `wait`. For the main thread only.

    The interpreter notes a signal in a pipe whichever thread it interrupts, so that none is missed between two waits,
    and no lock is held that the waiting thread may hold already.
    """

    def __init__(self, numbers: Iterable[signal.Signals]) -> None:
        self._before = {number: signal.signal(number, _nothing) for number in numbers}
        self._read, self._write = os.pipe()
        for end in (self._read, self._write):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)

    def wait(self, seconds: float | None) -> list[signal.Signals]:
        """Those that came, in their order; empty after that long. None waits until one comes."""
        readable, _, _ = select.select([self._read], [], [], seconds)
        came = os.read(self._read, 4096) if readable else b""
        return [signal.Signals(number) for number in came if number in self._before]

    def close(self) -> None:
        """Gives the signals back to whoever had them."""
        signal.set_wakeup_fd(-1)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        for end in (self._read, self._write):
            os.close(end)


def _nothing(_number: int, _frame: object) -> None:
    """Python writes to the pipe only where there is a handler."""
