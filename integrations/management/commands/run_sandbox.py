"""`manage.py run_sandbox`: a Jira to try Pulse against, without an account anywhere."""

import signal
import sys
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from integrations.sandbox import SandboxServer, Site, SiteSpec
from integrations.sandbox.server import EMAIL, TOKEN


class Command(BaseCommand):
    help = (
        "Serves a generated Jira Cloud site on 127.0.0.1 until Ctrl-C. The same --issues and --seed give the same site."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8090, help="0 takes a free one (default: 8090)")
        parser.add_argument("--issues", type=int, default=2000, help="how many issues the site has (default: 2000)")
        parser.add_argument("--seed", type=int, default=1, help="another seed gives another site (default: 1)")
        parser.add_argument("--email", default=EMAIL, help=f"the account's e-mail (default: {EMAIL})")
        parser.add_argument("--until-closed", action="store_true", help="end also when standard input closes")
        parser.add_argument("--token", default=TOKEN, help=f"the account's API token (default: {TOKEN})")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["issues"] < 0:
            raise CommandError(f"--issues must not be negative, it is {options['issues']}")
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        if options["until_closed"]:
            # Whoever started us with a pipe ended, in whatever way.
            threading.Thread(target=_wait_for_close, args=(stop,), daemon=True).start()
        site = Site(SiteSpec(options["issues"], options["seed"]))
        with self._server(site, options) as server:
            self._greet(server)
            stop.wait()
        self.stdout.write("stopped")

    def _server(self, site: Site, options: dict[str, Any]) -> SandboxServer:
        try:
            return SandboxServer(site, options["port"], email=options["email"], token=options["token"])
        except (OSError, OverflowError) as error:
            raise CommandError(f"cannot listen on port {options['port']}: {error}") from error

    def _greet(self, server: SandboxServer) -> None:
        projects = ",".join(project.key for project in server.site.spec.projects)
        self.stdout.write(f"Sandbox Jira: {server.url}  ({len(server.site.entries)} issues in {projects})")
        self.stdout.write(f"email={server.email} api_token={server.token}   Ctrl-C stops it")
        self.stdout.flush()


def _wait_for_close(stop: threading.Event) -> None:
    sys.stdin.read()
    stop.set()
