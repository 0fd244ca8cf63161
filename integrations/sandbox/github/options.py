"""The GitHub site as options of a command line: what it holds, who may read it, and its faults."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from integrations.sandbox.github.callers import PERMISSIONS
from integrations.sandbox.github.entries import GitHubSpec
from integrations.sandbox.github.faults import GitHubFaults
from integrations.sandbox.github.server import GitHubServer
from integrations.sandbox.github.site import GitHubSite
from integrations.sandbox.jira.entries import SiteSpec
from integrations.sandbox.options import OPTIONS as SHARED
from integrations.sandbox.options import Kind, names, natural

PREFIX = "github_"
# Fields of Faults that mean nothing on this site, or have other values there.
NOT_SHARED = {"quota", "token_pages", "late_calls", "late_seconds", "forbidden_projects", "lacking", "createmeta"}


def one_of(*allowed: int) -> Kind:
    def check(text: str) -> int:
        if text not in map(str, allowed):
            raise argparse.ArgumentTypeError(f"expected one of {', '.join(map(str, allowed))}, it is {text!r}")
        return int(text)

    return check


def permissions(text: str) -> tuple[str, ...]:
    found = names(text)
    for name in found:
        if name not in PERMISSIONS:
            raise argparse.ArgumentTypeError(f"names {name}: known are {', '.join(PERMISSIONS)}")
    return found


# (option, field of GitHubFaults, check, name of the value, help)
OPTIONS: tuple[tuple[str, str, Kind, str, str], ...] = (
    ("--github-points", "points", natural, "N", "points an hour and caller; 0: no limit (5000, Enterprise Server: 0)"),
    ("--github-points-seconds", "points_seconds", natural, "SECONDS", "how long such an hour lasts (3600)"),
    ("--github-heavy", "heavy_nodes", natural, "N", "queries that bring more nodes than N time out"),
    ("--github-heavy-status", "heavy_status", one_of(502, 504), "STATUS", "with this status: 502 (the default) or 504"),
    ("--github-resources", "resource_nodes", natural, "N", "queries that bring more are ended with partial data"),
    ("--github-throttle", "throttle_status", one_of(200, 403, 429), "STATUS", "the status of a secondary limit (403)"),
    ("--github-lacking", "lacking", permissions, "NAMES", "permissions that apps lack (contents,pull_requests)"),
    ("--github-saml", "saml", names, "NAMES", "organisations whose single sign-on the tokens have not passed"),
    ("--github-hidden", "hidden", names, "NAMES", "repositories (acme/identity) that no account may see"),
)


def add_github_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "GitHub", "a second site, whose pull requests are also those of Jira's development panel; faults hold for both"
    )
    text = "serve it too, with so many pull requests of its own"
    group.add_argument("--github", type=natural, metavar="N", help=text)
    group.add_argument("--github-port", type=int, default=8091, metavar="PORT", help="0 takes a free one (8091)")
    group.add_argument("--github-enterprise", action="store_true", help="as an Enterprise Server: /api/v3, no limits")
    group.add_argument("--github-app-key", type=Path, metavar="FILE", help="where to write the private key of its app")
    for option, field, kind, value, explained in OPTIONS:
        group.add_argument(option, dest=PREFIX + field, type=kind, metavar=value, help=explained)


def github_faults_from(options: Mapping[str, Any]) -> GitHubFaults:
    # What was not given keeps the default of GitHubFaults: it is written down there only.
    given = {field: options[field] for _, field, _, _, _ in SHARED if field not in NOT_SHARED}
    given |= {field: options[PREFIX + field] for _, field, _, _, _ in OPTIONS}
    return GitHubFaults(**{field: value for field, value in given.items() if value is not None})


def github_server(options: Mapping[str, Any], jira: SiteSpec) -> GitHubServer:
    """Raises OSError or OverflowError for a port, OSError for a file that cannot be used."""
    site = GitHubSite(GitHubSpec(options["github"], jira.seed, jira))
    port, is_enterprise = options["github_port"], options["github_enterprise"]
    server = GitHubServer(site, port, github_faults_from(options), is_enterprise=is_enterprise)
    if options["github_app_key"]:
        options["github_app_key"].touch(0o600)
        options["github_app_key"].write_text(server.app.private_key)
    return server


def greeting(server: GitHubServer) -> list[str]:
    """What to tell whoever started it."""
    app = server.app
    installed = ", ".join(f"{one.number} ({one.account})" for one in app.installations)
    return [
        f"Sandbox GitHub: {server.url}  ({len(server.site.names())} pull requests in acme, acme-labs)",
        f"token={server.token} fine-grained={server.fine_grained_token}   app={app.id} installations={installed}",
    ]
