"""The sockets: a job's status on connect, and whenever a stage begins or ends; how far it is, once a second."""

import asyncio
import logging
import time
from contextlib import suppress
from typing import Any

from autobahn.exception import Disconnected
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.db import Error as DatabaseError

from etl.live.channel import ALL_JOBS, group_of
from etl.live.listener import listener
from etl.live.snapshot import LOOK_SECONDS, job_update
from etl.models import Overall
from pulse.tenancy.access import scope_of

logger = logging.getLogger(__name__)

ENDED = 4401
FORBIDDEN = 4403
NOT_FOUND = 4404


class JobStatusConsumer(AsyncJsonWebsocketConsumer):  # type: ignore[misc]  # channels has no types
    """`/ws/job/{stage}/{tenant_id}/{job_id}`: for users who may see that tenant; strangers are refused.

    Who came with a token is sent away when it ends, with the code 4401.
    """

    _ticking: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        """Joins the group before it reads the snapshot, so that no change falls between the two."""
        route = self.scope["url_route"]["kwargs"]
        self.tenant_id, self.job_id = int(route["tenant_id"]), int(route["job_id"])
        user = self.scope.get("user")
        if user is None or not user.is_authenticated or not user.may_see(self.tenant_id):
            await self.close(code=FORBIDDEN)
            return
        listener.ensure_started()
        for group in (ALL_JOBS, group_of(self.job_id)):
            await self.channel_layer.group_add(group, self.channel_name)
        update = await self._read()
        if update is None:
            await self.close(code=NOT_FOUND)
            return
        await self.accept(self.scope.get("subprotocol"))
        # Two that read side by side would send the older update last.
        self._turn = asyncio.Lock()
        await self._send(update)
        self._ticking = asyncio.get_running_loop().create_task(self._tick())

    async def disconnect(self, code: int) -> None:
        if self._ticking is not None:
            self._ticking.cancel()
        for group in (ALL_JOBS, group_of(getattr(self, "job_id", 0))):
            await self.channel_layer.group_discard(group, self.channel_name)

    async def job_changed(self, event: dict[str, Any]) -> None:
        """Something changed: sends what is true now, if it is not what was sent last."""
        async with self._turn:
            update = await self._read()
            if update is not None and update != self._sent:
                await self._send(update)

    async def _tick(self) -> None:
        """While a run goes on, nobody is notified of each unit: looks how far it is. Until the token ends, if any."""
        ends_at = self.scope.get("ends_at")
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if ends_at is not None and time.time() >= ends_at:
                await self.close(code=ENDED)
                return
            if self._sent["status"].get("overall") != Overall.RUNNING:
                continue
            try:
                await self.job_changed({})
            except DatabaseError as error:
                logger.warning("how far job %s is could not be read: %s", self.job_id, error)

    async def _read(self) -> dict[str, Any] | None:
        update: dict[str, Any] | None = await database_sync_to_async(self._update)()
        return update

    def _update(self) -> dict[str, Any] | None:
        # What the address says is not believed twice.
        with scope_of(self.scope["user"]):
            return job_update(self.tenant_id, self.job_id)

    async def _send(self, update: dict[str, Any]) -> None:
        self._sent = update
        with suppress(Disconnected):  # the viewer left while we wrote
            await self.send_json(update)


class NoSuchSocket(AsyncJsonWebsocketConsumer):  # type: ignore[misc]  # channels has no types
    """Refuses what has no other address."""

    async def connect(self) -> None:
        await self.close(code=NOT_FOUND)
