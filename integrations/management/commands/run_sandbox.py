"""`manage.py run_sandbox`: a Jira to try Pulse against, without an account anywhere."""

import argparse
import signal
import sys
import threading
from collections.abc import Collection, Iterable
from contextlib import ExitStack
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from integrations.sandbox import SandboxServer, Site, SiteSpec
from integrations.sandbox.github.admin import HELP as GITHUB_HELP
from integrations.sandbox.github.options import add_github_options, github_server, greeting
from integrations.sandbox.github.server import GitHubServer
from integrations.sandbox.jira.admin import HELP
from integrations.sandbox.jira.permissions import KNOWN
from integrations.sandbox.oauth import HOUR_SECONDS, REUSE_SECONDS, OAuthApp
from integrations.sandbox.options import add_fault_options, faults_from, natural, positive
from integrations.sandbox.server import BEARER, CLOUD, EMAIL, INLINE_HISTORIES, PAGE_CAP, SERVER, TOKEN

CALLS, GITHUB_CALLS = ("\n".join(f"  {line}" for line in lines) for lines in (HELP, GITHUB_HELP))


class Command(BaseCommand):
    help = (
        "Serves a generated Jira site on 127.0.0.1 until Ctrl-C. The same --issues and --seed give the same site.\n\n"
        f"The site can be changed while it runs, without credentials (JSON bodies):\n{CALLS}\n\n"
        f"So can the GitHub site:\n{GITHUB_CALLS}"
    )
    requires_system_checks = ()

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        # Keeps the lines of the calls as they are.
        return super().create_parser(
            prog_name, subcommand, **kwargs, formatter_class=argparse.RawDescriptionHelpFormatter
        )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8090, help="0 takes a free one (default: 8090)")
        parser.add_argument("--issues", type=natural, default=2000, help="how many issues the site has (default: 2000)")
        parser.add_argument("--seed", type=int, default=1, help="another seed gives another site (default: 1)")
        parser.add_argument("--email", default=EMAIL, help=f"the account's e-mail (default: {EMAIL})")
        parser.add_argument("--token", default=TOKEN, help=f"the account's API token or password (default: {TOKEN})")
        parser.add_argument("--bearer", default=BEARER, help=f"OAuth or personal access token (default: {BEARER})")
        parser.add_argument("--until-closed", action="store_true", help="end also when standard input closes")
        parser.add_argument("--deployment", choices=(CLOUD, SERVER), default=CLOUD, help="Server is Data Center")
        parser.add_argument(
            "--inline-histories",
            type=natural,
            default=INLINE_HISTORIES,
            help=f"how many histories come with an issue on Cloud (default: {INLINE_HISTORIES})",
        )
        parser.add_argument(
            "--page-cap", type=positive, default=PAGE_CAP, help=f"issues a page on Server (default: {PAGE_CAP})"
        )
        parser.add_argument(
            "--token-seconds", type=positive, default=HOUR_SECONDS, help=f"life of OAuth tokens ({HOUR_SECONDS})"
        )
        parser.add_argument(
            "--reuse-seconds",
            type=natural,
            default=REUSE_SECONDS,
            help=f"how long a refresh token that was used may be used again ({REUSE_SECONDS})",
        )
        parser.add_argument("--delete", type=natural, default=0, metavar="N", help="delete the first N issues at start")
        parser.add_argument(
            "--move", type=natural, default=0, metavar="N", help="move the next N issues to another project at start"
        )
        add_fault_options(parser)
        add_github_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        if options["until_closed"]:
            # Whoever started us with a pipe ended, in whatever way.
            threading.Thread(target=_wait_for_close, args=(stop,), daemon=True).start()
        site = Site(SiteSpec(options["issues"], options["seed"]))
        _check_names("--forbid", options["forbidden_projects"], [project.key for project in site.projects])
        _check_names("--lacking", options["lacking"], KNOWN)
        _change(site, options["delete"], options["move"])
        with ExitStack() as running:
            self._greet(running.enter_context(self._server(site, options)))
            if options["github"] is not None:
                found = running.enter_context(self._github_server(site.spec, options))
                self.stdout.write("\n".join(greeting(found)))
                self.stdout.flush()
            stop.wait()
        self.stdout.write("stopped")

    def _server(self, site: Site, options: dict[str, Any]) -> SandboxServer:
        named = ("email", "token", "bearer", "deployment", "inline_histories", "page_cap")
        given = {name: options[name] for name in named}
        app = OAuthApp(lifetime_seconds=options["token_seconds"], reuse_seconds=options["reuse_seconds"])
        try:
            return SandboxServer(site, options["port"], faults_from(options), oauth=app, **given)
        except (OSError, OverflowError) as error:
            raise CommandError(f"cannot listen on port {options['port']}: {error}") from error

    def _github_server(self, jira: SiteSpec, options: dict[str, Any]) -> GitHubServer:
        try:
            return github_server(options, jira)
        except (OSError, OverflowError) as error:
            raise CommandError(f"cannot serve GitHub on port {options['github_port']}: {error}") from error

    def _greet(self, server: SandboxServer) -> None:
        projects = ",".join(project.key for project in server.site.spec.projects)
        self.stdout.write(f"Sandbox Jira: {server.url}  ({len(server.site.entries)} issues in {projects})")
        self.stdout.write(f"email={server.email} api_token={server.token}   Ctrl-C stops it")
        bearer_url = server.gateway_url if server.deployment == CLOUD else server.url
        self.stdout.write(f"{server.deployment}; bearer token {server.bearer} at {bearer_url}")
        if server.deployment == CLOUD:
            app = server.oauth
            self.stdout.write(f"OAuth at {bearer_url}: token_url={server.token_url} oauth_client_id={app.client_id}")
            self.stdout.write(f"oauth_client_secret={app.client_secret} oauth_refresh_token={app.refresh_token}")
        self.stdout.flush()


def _check_names(option: str, given: Iterable[str] | None, known: Collection[str]) -> None:
    """Raises CommandError for a name that means nothing here: a fault that never happens would go unnoticed."""
    for name in given or ():
        if name not in known:
            raise CommandError(f"{option} names {name}: known are {', '.join(known)}")


def _change(site: Site, delete: int, move: int) -> None:
    """Raises CommandError where the site has fewer issues."""
    keys = site.keys()
    if delete + move > len(keys):
        raise CommandError(f"--delete {delete} and --move {move} are more than the {len(keys)} issues of the site")
    # The day of its newest issue: the same options give the same bytes, whenever that is.
    now, newest = site.clock, max((entry.updated for entry in site.entries), default=0) / 1000
    site.clock = lambda: newest
    for key in keys[:delete]:
        site.delete_issue(key)
    for key in keys[delete : delete + move]:
        here = key.rpartition("-")[0]
        site.move_issue(key, next(project.key for project in site.projects if project.key != here))
    site.clock = now


def _wait_for_close(stop: threading.Event) -> None:
    sys.stdin.read()
    stop.set()
