"""Signals as a main loop hears them."""

import os
import signal

from etl.workers.signals import Signals

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)


def test_those_that_came_are_heard_in_their_order_once() -> None:
    heard = Signals(SIGNALS)
    try:
        for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGTERM):
            os.kill(os.getpid(), number)

        assert heard.wait(5) == [signal.SIGUSR1, signal.SIGTERM, signal.SIGTERM]
        assert heard.wait(0) == []
    finally:
        heard.close()


def test_who_had_them_has_them_back() -> None:
    came: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: came.append(number))
    try:
        heard = Signals(SIGNALS)
        os.kill(os.getpid(), signal.SIGUSR1)
        heard.close()
        assert came == []

        os.kill(os.getpid(), signal.SIGUSR1)
        assert came == [signal.SIGUSR1]
    finally:
        signal.signal(signal.SIGUSR1, before)
