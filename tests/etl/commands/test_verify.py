"""manage.py verify as a process: its exit code says whether anything differs, and --repair mends it."""

import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from etl.models import WorkItem
from integrations.sandbox import SandboxServer
from tests.support.installations import Installation
from tests.support.sites import Connected, connect, small_site

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site() -> Iterator[SandboxServer]:
    with small_site(20) as server:
        yield server


@pytest.fixture
def connected(pulse: Installation, site: SandboxServer) -> Connected:
    return connect(site, tenant=f"Tenant {secrets.token_hex(4)}")


def told(ended: Any) -> Any:
    (one,) = ended.answer["integrations"]
    return one


def test_it_tells_what_differs_and_repairs_it(pulse: Installation, connected: Connected) -> None:
    named = ("--tenant", connected.tenant.name)
    assert pulse.run("run_job", "--integration", connected.integration.pk, "--wait").code == 0
    ended = pulse.run("verify", *named, "--json")
    assert (ended.code, told(ended)["score"], told(ended)["report"]["drift"]) == (0, 0, 0), ended.errors

    row = WorkItem.objects.filter(integration=connected.integration).first()
    assert row
    key = row.key
    row.delete()
    ended = pulse.run("verify", "--integration", connected.integration.pk)
    assert ended.code == 1
    assert "drift score 0.0" in ended.out
    assert key.partition("-")[0] in ended.out

    ended = pulse.run("verify", *named, "--repair", "--json")
    assert ended.code == 0, ended.errors
    one = told(ended)
    assert (one["score"], one["before"]["report"]["totals"]["missing"], one["repair"]["status"]) == (0, 1, "FINISHED")
    assert WorkItem.objects.filter(integration=connected.integration, key=key).exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--integration", "999999"), "--integration 999999: there is no such integration"),
        (("--tenant", "Nobody"), "--tenant Nobody: there is no such tenant"),
    ],
)
def test_what_is_not_there_is_named(pulse: Installation, arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        call_command("verify", *arguments)
