"""manage.py run_worker extraction transform --tier premium --threads 4: takes messages until it is told to stop."""

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseError
from django.db import connection

from etl.embedding.backends import close_stores
from etl.queue.broker import BrokerUnavailable
from etl.queue.topology import Tier
from etl.workers.pool import ALL_TIERS, WorkerPool, known_workers

BEAT_SECONDS = 5.0
TIERS = [*(tier.value for tier in Tier), "all"]


class Command(BaseCommand):
    help = "Runs workers until SIGTERM or Ctrl-C: the work in hand is finished, then it ends. A second signal kills."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("workers", nargs="*", metavar="WORKER", help=f"of {', '.join(known_workers())}; none: all")
        parser.add_argument(
            "--tier",
            action="append",
            choices=TIERS,
            help="whose queues; may be repeated",
        )
        parser.add_argument("--threads", type=int, default=0, help="per worker; its own number where missing")

    def handle(self, *args: Any, **options: Any) -> None:
        names = self._names(options["workers"])
        if not settings.RABBITMQ_URL:
            raise CommandError("RABBITMQ_URL is not set: in the embedded profile `run_job` and `serve` do the work")
        chosen = options["tier"] or ["all"]
        pool = WorkerPool(names, ALL_TIERS if "all" in chosen else tuple(map(Tier, chosen)), options["threads"])
        stopping = stop_on_signals()
        try:
            pool.start()
        except BrokerUnavailable as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"taking messages: {', '.join(names)} for {', '.join(chosen)}")
        while not stopping.wait(BEAT_SECONDS):
            self._beat(pool)
        self.stdout.write("stopping: the work in hand is finished first")
        ended = pool.stop()
        close_stores()
        if not ended:
            raise SystemExit(1)

    def _names(self, wanted: list[str]) -> list[str]:
        unknown = sorted(set(wanted) - set(known_workers()))
        if unknown:
            raise CommandError(f"worker {unknown[0]!r} is unknown; known are: {', '.join(known_workers())}")
        return wanted or known_workers()

    def _beat(self, pool: WorkerPool) -> None:
        try:
            pool.beat()
        except DatabaseError as error:
            self.stderr.write(f"no heartbeat: {error}")
            connection.close()


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM and SIGINT set; the second signal does what it would have done."""
    stopping = threading.Event()

    def stop(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    return stopping
