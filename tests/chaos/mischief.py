"""What happens to a run: faults drawn from a seed, some all the time, some once."""

import random
import signal
import time
from collections import Counter
from collections.abc import Callable

import psutil

from tests.chaos.cluster import Cluster
from tests.chaos.services import Services

PAUSE_SECONDS = (2.0, 6.0)
STALLED_SECONDS = 12.0
AWAY_SECONDS = (1.0, 4.0)
ONCE_WITHIN = (0.1, 0.8)
# For so many times as long as a calm run takes: on a slow machine processes that die before they are up do nothing.
STRIKES_WITHIN = 3.0


class Mischief:
    """Does one thing after another, when its time has come. ``expected_seconds``: how long a calm run takes."""

    def __init__(self, services: Services, cluster: Cluster, seed: int, expected_seconds: float) -> None:
        self.done: Counter[str] = Counter()
        self._services, self._cluster, self._chance = services, cluster, random.Random(seed)
        self._stalled: list[tuple[float, psutil.Process]] = []
        began = self._next = time.monotonic()
        self._strikes_until = began + STRIKES_WITHIN * expected_seconds
        once: list[tuple[str, Callable[[], None]]] = [
            ("broker killed", self._kill_broker),
            ("broker killed and emptied", self._empty_broker),
            ("database restarted", self._restart_database),
            ("scheduler killed", self._kill_scheduler),
        ]
        self._once = sorted(
            (began + expected_seconds * self._chance.uniform(*ONCE_WITHIN), name, act) for name, act in once
        )

    def look(self) -> None:
        """Does what is due now."""
        now = time.monotonic()
        self._wake_stalled(now)
        while self._once and self._once[0][0] <= now:
            _, name, act = self._once.pop(0)
            act()
            self.done[name] += 1
        if self._next <= now < self._strikes_until:
            self._next = now + self._chance.uniform(*PAUSE_SECONDS)
            self._strike(now)

    @property
    def is_through(self) -> bool:
        """Whether all that is to happen once has happened."""
        return not self._once

    def end(self) -> None:
        """Nobody is left standing still."""
        self._wake_stalled(float("inf"))

    def _strike(self, now: float) -> None:
        kind = self._chance.choices(("worker killed", "worker stalled", "supervisor killed"), (6, 2, 1))[0]
        if kind == "supervisor killed":
            self._cluster.supervisor(self._chance).kill()
            self.done[kind] += 1
            return
        worker = self._cluster.worker(self._chance)
        if worker is None:
            return
        try:
            worker.send_signal(signal.SIGKILL if kind == "worker killed" else signal.SIGSTOP)
        except psutil.NoSuchProcess:
            return
        if kind == "worker stalled":
            self._stalled.append((now + STALLED_SECONDS, worker))
        self.done[kind] += 1

    def _wake_stalled(self, now: float) -> None:
        for until, worker in self._stalled:
            if until <= now and worker.is_running():
                worker.send_signal(signal.SIGCONT)
        self._stalled = [(until, worker) for until, worker in self._stalled if until > now]

    def _kill_broker(self) -> None:
        self._services.broker.kill()
        self._wait_away()
        self._services.broker.start()

    def _empty_broker(self) -> None:
        self._services.broker.kill()
        self._services.broker.forget_all()
        self._wait_away()
        self._services.broker.start()

    def _wait_away(self) -> None:
        time.sleep(self._chance.uniform(*AWAY_SECONDS))

    def _restart_database(self) -> None:
        self._services.database.stop()
        self._wait_away()
        self._services.database.start()

    def _kill_scheduler(self) -> None:
        self._cluster.scheduler(self._chance).kill()
