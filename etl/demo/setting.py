"""The demo's tenant, administrator, sandbox site and integration."""

import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from django.conf import settings
from django.core.management.base import CommandError

from integrations.models import Integration
from pulse.tenancy.models import Role, Tenant, Tier, User

TENANT_NAME = "Demo"
EMAIL, TOKEN = "demo@example.com", "sandbox-token"
SANDBOX_PORT = 8090
START_SECONDS = 30


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


def demo_integration(tenant: Tenant, base_url: str) -> Integration:
    """The integration with the sandbox, which may have another port than the last time."""
    integration = Integration.objects.filter(tenant=tenant, name="Sandbox Jira").first()
    if integration is None:
        integration = Integration(tenant=tenant, name="Sandbox Jira", provider="jira")
    integration.settings = {"base_url": base_url, "batch_size": "100"}
    integration.secrets = {"email": EMAIL, "api_token": TOKEN}
    integration.full_clean()
    integration.save()
    return integration


def _free_port(preferred: int) -> int:
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise CommandError("no free port on 127.0.0.1 for the sandbox")


def _wait_until_up(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise CommandError(f"the sandbox ended with exit code {process.returncode}")
        try:
            httpx.get(f"{url}/rest/api/3/serverInfo", auth=(EMAIL, TOKEN), timeout=2)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise CommandError(f"the sandbox did not come up within {START_SECONDS} seconds")


@contextmanager
def running_sandbox(issues: int, seed: int) -> Iterator[str]:
    """The sandbox in a process of its own, as a real site would be; its address."""
    port = _free_port(SANDBOX_PORT)
    command = [sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), "run_sandbox"]
    command += ["--port", str(port), "--issues", str(issues), "--seed", str(seed), "--until-closed"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_up(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(10)
