"""manage.py run_scheduler: queues due jobs and sweeps, every second, until it is told to stop. Several may run."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from etl.management.commands.run_worker import stop_on_signals
from etl.workers.runtime import SchedulerLoop


class Command(BaseCommand):
    help = "Queues due jobs, wakes what waits and takes back what dead workers left, until SIGTERM or Ctrl-C."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.RABBITMQ_URL:
            raise CommandError("RABBITMQ_URL is not set: in the embedded profile `run_job` and `serve` do this")
        stopping = stop_on_signals()
        loop = SchedulerLoop(schedule=True)
        loop.start()
        self.stdout.write("scheduling")
        stopping.wait()
        loop.stop()
