"""manage.py run_worker extraction transform --tier premium --threads 4 --processes 2: takes messages until it is told
to stop."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from etl.embedding.backends import close_stores
from etl.queue import get_broker, reset_broker
from etl.queue.broker import BrokerUnavailable
from etl.queue.topology import Tier
from etl.workers.child import Limits, live
from etl.workers.heartbeat import BEAT_SECONDS
from etl.workers.pool import ALL_TIERS, WorkerPool, known_workers
from etl.workers.signals import Signals
from etl.workers.supervisor import Supervisor

TIERS = [*(tier.value for tier in Tier), "all"]


class Command(BaseCommand):
    help = (
        "Keeps processes with workers alive until SIGTERM or Ctrl-C: the work in hand is finished, then it ends."
        " A second signal kills."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("workers", nargs="*", metavar="WORKER", help=f"of {', '.join(known_workers())}; none: all")
        parser.add_argument(
            "--tier",
            action="append",
            choices=TIERS,
            help="whose queues; may be repeated",
        )
        parser.add_argument("--processes", type=int, default=1, metavar="N", help="how many, each with all the workers")
        parser.add_argument("--threads", type=int, default=0, help="per worker; its own number where missing")
        looked_at = f"ends and is replaced; looked at every {BEAT_SECONDS:g} s, so what comes in between exceeds it"
        parser.add_argument(
            "--max-memory", type=int, default=0, metavar="MIB", help=f"a process that has more {looked_at}"
        )
        parser.add_argument(
            "--max-units", type=int, default=0, metavar="N", help=f"a process that has done so many {looked_at}"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        names = self._names(options["workers"])
        if not settings.RABBITMQ_URL:
            raise CommandError("RABBITMQ_URL is not set: in the embedded profile `run_job` and `serve` do the work")
        _check(names, options)
        try:
            # Here and once, so that a wrong address is said at once. The processes wait for a broker that is away.
            get_broker().declare()
        except BrokerUnavailable as error:
            raise CommandError(str(error)) from error
        chosen = options["tier"] or ["all"]
        tiers = ALL_TIERS if "all" in chosen else tuple(map(Tier, chosen))
        limits = Limits(options["max_memory"], options["max_units"])

        def work(signals: Signals, supervisor_pid: int) -> int:
            pool = WorkerPool(names, tiers, options["threads"], supervisor_pid)
            told = f"taking messages: {', '.join(names)} for {', '.join(chosen)}"
            try:
                return live(pool, limits, signals, supervisor_pid, ready=lambda: self.stdout.write(told))
            finally:
                reset_broker()
                close_stores()

        raise SystemExit(Supervisor(work, options["processes"], self.stdout.write).run())

    def _names(self, wanted: list[str]) -> list[str]:
        unknown = sorted(set(wanted) - set(known_workers()))
        if unknown:
            raise CommandError(f"worker {unknown[0]!r} is unknown; known are: {', '.join(known_workers())}")
        return wanted or known_workers()


def _check(names: list[str], options: dict[str, Any]) -> None:
    """Raises CommandError, which names the option and its value."""
    for name, least in (("processes", 1), ("threads", 0), ("max_memory", 0), ("max_units", 0)):
        if options[name] < least:
            raise CommandError(f"--{name.replace('_', '-')} {options[name]} is less than {least}")
    if options["processes"] > 1 and "embedding" in names and not settings.QDRANT_URL:
        raise CommandError(
            f"--processes {options['processes']}: QDRANT_URL is not set, and one process has the embedded store alone"
        )
