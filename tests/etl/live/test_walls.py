"""The socket of many jobs behind each of the two walls that keep tenants apart, where the other one is down."""

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from channels.testing import WebsocketCommunicator

from etl.live.jobs_consumer import JobsConsumer
from etl.models import EtlJob
from pulse.postgres import scope
from pulse.postgres.roles import PLATFORM
from pulse.tenancy.models import User
from tests.etl.live.viewers import WAIT_SECONDS
from tests.support.making import an_integration, job_of

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["the code forgets", "the database forgets"])
def one_wall(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of the walls is down."""
    monkeypatch.setattr("etl.live.viewing.listener.ensure_started", lambda: None)
    # Else the test's own would be closed too.
    monkeypatch.setattr("channels.db.close_old_connections", lambda: None)
    if request.param == "the code forgets":
        monkeypatch.setattr(JobsConsumer, "_jobs", lambda self: EtlJob.objects.all())
    else:
        monkeypatch.setattr(scope, "current", lambda: scope.Scope(PLATFORM))


def snapshot_for(user: User, query: str) -> dict[str, Any]:
    """What somebody of a tenant is sent first."""

    async def watch() -> dict[str, Any]:
        socket = WebsocketCommunicator(JobsConsumer.as_asgi(), f"/ws/jobs/{user.tenant_id}?{query}")
        socket.scope["user"] = user
        socket.scope["url_route"] = {"kwargs": {"tenant_id": str(user.tenant_id)}}
        assert (await socket.connect(WAIT_SECONDS))[0]
        message: dict[str, Any] = await socket.receive_json_from(WAIT_SECONDS)
        await socket.disconnect()
        return message

    return async_to_sync(watch)()


@pytest.mark.parametrize("names_ids", [True, False])
def test_nobody_is_sent_a_job_of_another_tenant_nor_counts_it(one_wall: None, names_ids: bool) -> None:
    own, other = job_of(an_integration(tenant="Acme")), job_of(an_integration(tenant="Rival"))
    user = User.objects.create_user("vera", tenant=own.tenant, password="right horse")

    first = snapshot_for(user, f"ids={own.pk},{other.pk}" if names_ids else "")

    assert [card["id"] for card in first["jobs"]] == [own.pk]
    assert first["totals"]["all"] == 1
    assert "Rival" not in str(first)
