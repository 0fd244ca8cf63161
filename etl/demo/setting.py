"""The demo's tenant, administrator, sandbox sites and the integrations with them."""

import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from django.conf import settings
from django.core.management.base import CommandError

from integrations.models import Integration
from integrations.registry import get_provider
from pulse.tenancy.models import Role, Tenant, Tier, User

TENANT_NAME = "Demo"
# What `run_sandbox` takes where it is not told otherwise.
JIRA_SECRETS = {"email": "demo@example.com", "api_token": "sandbox-token"}
GITHUB_SECRETS = {"token": "ghp_sandbox"}
ORGANIZATION = "acme"
SANDBOX_HOST = "127.0.0.1"
JIRA_PORT, GITHUB_PORT = 8090, 8091
START_SECONDS = 30


@dataclass(frozen=True)
class Sites:
    """Addresses of the two sandboxes."""

    jira: str
    github: str


@dataclass(frozen=True)
class Administrator:
    name: str
    password: str


def demo_tenant() -> Tenant:
    return Tenant.objects.get_or_create(name=TENANT_NAME, defaults={"tier": Tier.PREMIUM})[0]


def demo_administrator(tenant: Tenant) -> Administrator:
    """The demo's superuser; its password is made up once and kept in the installation's folder, for its owner."""
    kept = Path(settings.PULSE_HOME) / "demo_password"
    if not kept.exists():
        kept.touch(mode=0o600)
        kept.write_text(secrets.token_urlsafe(9))
    password = kept.read_text()
    user, _ = User.objects.get_or_create(username="admin", defaults={"email": "admin@example.com"})
    user.is_staff = user.is_superuser = True
    user.tenant, user.role = tenant, Role.ADMINISTRATOR
    if not user.check_password(password):
        user.set_password(password)
    user.save()
    return Administrator(user.username, password)


def demo_integrations(tenant: Tenant, sites: Sites) -> list[Integration]:
    """One with each site, which may have another port than the last time."""
    jira = {"base_url": sites.jira, "batch_size": "100"}
    github = {"base_url": sites.github, "organization": ORGANIZATION}
    return [
        _integration(tenant, "jira", "Sandbox Jira", jira, JIRA_SECRETS),
        _integration(tenant, "github", "Sandbox GitHub", github, GITHUB_SECRETS),
    ]


def accounts(sites: Sites) -> list[str]:
    """What a connection with each site asks for, by the names and in the places that its form has."""
    return [
        _asked("jira", {"base_url": sites.jira, **JIRA_SECRETS}),
        _asked("github", {"base_url": sites.github, "organization": ORGANIZATION, **GITHUB_SECRETS}),
    ]


def _asked(name: str, given: Mapping[str, str]) -> str:
    provider = get_provider(name)
    said = {one: f"{one.label} {given[one.name]}" for one in provider.settings if one.name in given}
    usual, rare = ([text for one, text in said.items() if one.usual is is_usual] for is_usual in (True, False))
    more = f"; under More settings: {', '.join(rare)}" if rare else ""
    return f"{provider.label}: {', '.join(usual)}{more}"


def _integration(
    tenant: Tenant, provider: str, name: str, chosen: Mapping[str, str], given: Mapping[str, str]
) -> Integration:
    integration = Integration.objects.filter(tenant=tenant, name=name).first()
    if integration is None:
        integration = Integration(tenant=tenant, name=name, provider=provider)
    integration.settings, integration.secrets = dict(chosen), dict(given)
    integration.full_clean()
    integration.save()
    return integration


def _free_ports(*preferred: int) -> list[int]:
    """One for each; another one where that is taken."""
    # All stay bound until all are found, so that none is found twice.
    with ExitStack() as bound:
        return [_bind(bound.enter_context(socket.socket()), port) for port in preferred]


def _bind(probe: socket.socket, preferred: int) -> int:
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    for port in (preferred, 0):
        try:
            probe.bind((SANDBOX_HOST, port))
        except OSError:
            continue
        return int(probe.getsockname()[1])
    raise CommandError(f"no free port on {SANDBOX_HOST} for the sandbox")


def _wait_until_up(urls: Sequence[str], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise CommandError(f"the sandbox ended with exit code {process.returncode}")
        if all(_is_up(url) for url in urls):
            return
        time.sleep(0.05)
    raise CommandError(f"the sandbox did not come up within {START_SECONDS} seconds")


def _is_up(url: str) -> bool:
    """Whether somebody answers there, whatever the answer is."""
    try:
        httpx.get(url, timeout=2)
    except httpx.TransportError:
        return False
    return True


@contextmanager
def running_sandbox(issues: int, pull_requests: int, seed: int) -> Iterator[Sites]:
    """Both sites in a process of their own, as real ones would be.

    The pull requests come besides those that Jira's development panel names.
    """
    # They are this machine's own, which tenants may not have called otherwise.
    settings.PULSE_ALLOW_PRIVATE_HOSTS = settings.PULSE_ALLOW_PRIVATE_HOSTS.and_also(SANDBOX_HOST)
    jira, github = _free_ports(JIRA_PORT, GITHUB_PORT)
    command = [sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), "run_sandbox", "--until-closed"]
    command += ["--port", str(jira), "--issues", str(issues), "--seed", str(seed)]
    command += ["--github", str(pull_requests), "--github-port", str(github)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True)
    sites = Sites(f"http://{SANDBOX_HOST}:{jira}", f"http://{SANDBOX_HOST}:{github}")
    try:
        _wait_until_up((sites.jira, sites.github), process)
        yield sites
    finally:
        process.terminate()
        process.wait(10)
