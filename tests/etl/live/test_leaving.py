"""A viewer of a job that rests, of whom nobody would hear before the next change: still looked at."""

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from channels.db import database_sync_to_async
from channels.testing import WebsocketCommunicator

from etl.live import consumers, viewing
from etl.live.listener import listener
from etl.models import EtlJob
from pulse.tenancy.models import Tenant, User
from tests.etl.live.viewers import WAIT_SECONDS
from tests.support.making import an_integration, job_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> EtlJob:
    """One that rests, whose viewers are looked at a hundred times a second."""
    monkeypatch.setattr(viewing, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(viewing, "REST_SECONDS", 0.0)
    monkeypatch.setattr(listener, "ensure_started", lambda: None)
    # Else the test's own would be closed too.
    monkeypatch.setattr("channels.db.close_old_connections", lambda: None)
    return job_of(an_integration())


def closed_after(job: EtlJob, viewer: User, **changed: Any) -> int:
    """The code with which a viewer is sent away after their tenant was changed so."""

    async def watch() -> int:
        path = f"/ws/job/extraction/{job.tenant_id}/{job.pk}"
        socket = WebsocketCommunicator(consumers.JobStatusConsumer.as_asgi(), path)
        socket.scope["user"] = viewer
        socket.scope["url_route"] = {"kwargs": {"tenant_id": str(job.tenant_id), "job_id": str(job.pk)}}
        assert (await socket.connect(WAIT_SECONDS))[0]
        await socket.receive_json_from(WAIT_SECONDS)
        assert await socket.receive_nothing(0.1)
        await database_sync_to_async(Tenant.objects.filter(pk=job.tenant_id).update)(**changed)
        closed = await socket.receive_output(WAIT_SECONDS)
        await socket.disconnect()
        return int(closed["code"])

    return async_to_sync(watch)()


def test_who_may_see_no_more_is_sent_away_though_nothing_happens(job: EtlJob) -> None:
    viewer = User.objects.create_user("vera", tenant=job.tenant, password="right horse")

    assert closed_after(job, viewer, active=False) == viewing.FORBIDDEN
