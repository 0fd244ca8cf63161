"""Pulse's processes in the distributed profile, as container managers run them: what ends is started again."""

import contextlib
import random
import signal
from collections.abc import Iterator, Mapping
from contextlib import nullcontext

import psutil

from tests.chaos.services import QDRANT_KEY, Services
from tests.support.installations import Installation, installation
from tests.support.processes import Running

# Shorter than the defaults, so that what is lost is missed soon: the waits are the same, and a run takes minutes.
SETTINGS = {"UNIT_LEASE_SECONDS": "10", "WORKER_SILENT_SECONDS": "8", "UNIT_LOST_SECONDS": "10"}
SUPERVISORS: Mapping[str, tuple[str, ...]] = {
    "fetching": ("run_worker", "extraction", "jobs", "custom_fields", "dead_letters", "--processes", "2"),
    "transforming": ("run_worker", "transform", "--processes", "2"),
    "embedding": ("run_worker", "embedding", "--processes", "1"),
}
SCHEDULERS: Mapping[str, tuple[str, ...]] = dict.fromkeys(("scheduler", "second scheduler"), ("run_scheduler",))


class OpenDoor:
    """No test's database is to be kept from anybody here."""

    def unblock(self) -> nullcontext[None]:
        return nullcontext()


class Cluster:
    """One run's processes, and the database that they share."""

    def __init__(self, made: Installation) -> None:
        self.installation = made
        self._running: dict[str, Running] = {}
        self.restarted = 0

    def keep_alive(self) -> None:
        """Starts what is to run and does not."""
        for name, command in {**SUPERVISORS, **SCHEDULERS}.items():
            before = self._running.get(name)
            if before is None or not before.alive:
                self.restarted += before is not None
                self._running[name] = self.installation.start(*command)

    def supervisor(self, chance: random.Random) -> Running:
        return self._running[chance.choice(list(SUPERVISORS))]

    def scheduler(self, chance: random.Random) -> Running:
        return self._running[chance.choice(list(SCHEDULERS))]

    def worker(self, chance: random.Random) -> psutil.Process | None:
        """One of the processes that take messages, whatever it does; None where there is none just now."""
        workers: list[psutil.Process] = []
        for name in SUPERVISORS:
            with contextlib.suppress(psutil.NoSuchProcess):
                workers += psutil.Process(self._running[name].pid).children()
        return chance.choice(sorted(workers, key=lambda one: one.pid)) if workers else None

    def stop(self) -> None:
        """Gently, all at once."""
        for running in self._running.values():
            if running.alive:
                running.send(signal.SIGTERM)
        for running in self._running.values():
            with contextlib.suppress(Exception):
                running.ended(60)

    def said(self) -> str:
        """The end of what each process printed."""
        return "\n".join(f"--- {name}\n{running.errors[-1500:]}" for name, running in self._running.items())


@contextlib.contextmanager
def cluster(services: Services) -> Iterator[Cluster]:
    """Processes with an empty database of their own, which this process's queries go to as well."""
    variables = {
        **SETTINGS,
        "RABBITMQ_URL": services.broker.url,
        "QDRANT_URL": services.vectors.url,
        "QDRANT_API_KEY": QDRANT_KEY,
    }
    with installation(OpenDoor(), **variables) as made, made.entered(OpenDoor()):
        running = Cluster(made)
        running.keep_alive()
        try:
            yield running
        finally:
            running.stop()
