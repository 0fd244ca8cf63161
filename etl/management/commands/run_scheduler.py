"""manage.py run_scheduler: queues due jobs and sweeps, every second, until it is told to stop. Several may run."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from etl.workers.child import Limits, live
from etl.workers.runtime import SchedulerProcess
from etl.workers.signals import Signals
from etl.workers.supervisor import Supervisor


class Command(BaseCommand):
    help = "Queues due jobs, wakes what waits and takes back what dead workers left, until SIGTERM or Ctrl-C."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.RABBITMQ_URL:
            raise CommandError("RABBITMQ_URL is not set: in the embedded profile `run_job` and `serve` do this")
        raise SystemExit(Supervisor(self._schedule, 1, self.stdout.write).run())

    def _schedule(self, signals: Signals, supervisor_pid: int) -> int:
        scheduler = SchedulerProcess(supervisor_pid)
        return live(scheduler, Limits(), signals, supervisor_pid, ready=lambda: self.stdout.write("scheduling"))
