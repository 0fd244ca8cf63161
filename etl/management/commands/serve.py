"""manage.py serve: the embedded profile, whole: pages, sockets, workers and schedule in one process."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from etl.workers.runtime import EmbeddedRuntime
from etl.workers.web import ensure_free, serve_until_interrupted


class Command(BaseCommand):
    help = "Serves the admin, with workers and schedule in the same process (embedded profile), until Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.RABBITMQ_URL:
            raise CommandError("RABBITMQ_URL is set: run daphne, run_worker and run_scheduler instead")
        try:
            ensure_free(options["host"], options["port"])
        except OSError as error:
            raise CommandError(str(error)) from error
        with EmbeddedRuntime(schedule=True) as runtime:
            if not runtime.owns:
                self.stderr.write("another process runs the workers of this folder; serving pages only until it ends")
            self.stdout.write(f"serving on http://{options['host']}:{options['port']}/")
            serve_until_interrupted(options["host"], options["port"])
