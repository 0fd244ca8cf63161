"""manage.py demo: the main job of two sites, end to end. `make demo` calls it."""

import signal
from collections.abc import Mapping
from types import FrameType
from typing import Any

import orjson
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console

from etl.demo.progress import RunsProgress
from etl.demo.setting import Sites, accounts, demo_administrator, demo_integrations, demo_tenant, running_sandbox
from etl.demo.summary import show, summarise
from etl.history.watching import wait_for_end
from etl.jobs import lifecycle
from etl.models import EtlJobRun, Overall
from etl.workers.runtime import EmbeddedRuntime
from etl.workers.web import ensure_free, serve_until_interrupted

HOST = "127.0.0.1"


def _end(number: int, _: FrameType | None) -> None:
    """Before the pages are served: leaves in order, so that the sandbox and the database end too."""
    raise SystemExit(128 + number)


class Command(BaseCommand):
    help = (
        "Sets up a demo tenant, runs its syncs with a sandbox Jira and a sandbox GitHub, shows what came of them and"
        " serves the admin."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--issues", type=int, default=1500)
        parser.add_argument("--pull-requests", type=int, default=250, help="besides those that issues name (250)")
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--port", type=int, default=8000, help="of the admin")
        parser.add_argument("--no-serve", action="store_true", help="end after the summary")
        parser.add_argument(
            "--json", action="store_true", help="print the summary as one JSON object, as the last line"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.RABBITMQ_URL or settings.QDRANT_URL:
            raise CommandError("the demo shows the embedded profile: unset RABBITMQ_URL and QDRANT_URL")
        if not options["no_serve"]:
            self._ensure_free(options["port"])
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _end)
        console = Console(stderr=options["json"], highlight=False)
        console.print("migrating the database", style="dim")
        call_command("migrate", verbosity=0)
        sandbox = running_sandbox(options["issues"], options["pull_requests"], options["seed"])
        with sandbox as sites, EmbeddedRuntime(schedule=True) as runtime:
            if not runtime.owns:
                raise CommandError(f"another process works in {settings.PULSE_HOME}: end it first")
            administrator = demo_administrator(demo_tenant())
            person = f"administrator: [bold]{administrator.name}[/] password: [bold]{administrator.password}[/]"
            console.print(person)
            failed = self._run(sites, console, options)
            if not options["no_serve"]:
                console.print(person)
                console.print("to connect a site once more by hand, as docs/operating.md does:")
                for account in accounts(sites):
                    console.print(f"  {account}")
                console.print(f"serving on http://{HOST}:{options['port']}/admin/ until Ctrl-C")
                serve_until_interrupted(HOST, options["port"])
        if failed:
            raise SystemExit(1)

    def _ensure_free(self, port: int) -> None:
        """Asked first: nobody wants to hear of a taken port after two minutes."""
        try:
            ensure_free(HOST, port)
        except OSError as error:
            raise CommandError(f"{error}; choose another with --port") from error

    def _run(self, sites: Sites, console: Console, options: Mapping[str, Any]) -> bool:
        """Runs the jobs side by side and shows what came of them; whether one failed."""
        tenant = demo_tenant()
        started = [self._start(integration.jobs.get().pk) for integration in demo_integrations(tenant, sites)]
        with RunsProgress(started, console) as bars:
            runs = [wait_for_end(run.pk, bars.look) for run in started]
        summary = summarise(runs)
        show(summary, console)
        if options["json"]:
            self.stdout.write(orjson.dumps(summary, default=str).decode())
        return any(run.status != Overall.FINISHED for run in runs)

    def _start(self, job_id: int) -> EtlJobRun:
        """A new run, or the one that an interrupted demo left open."""
        try:
            return lifecycle.start(job_id, trigger="demo")
        except lifecycle.IllegalTransition:
            run = lifecycle.open_run(job_id)
            if run is None:
                raise
            return run
