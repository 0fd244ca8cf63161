"""The socket of one job: its status on connect, and whenever a stage begins or ends; how far it is, once a second."""

from typing import Any

from channels.generic.websocket import AsyncJsonWebsocketConsumer

from etl.live.channel import group_of
from etl.live.snapshot import job_update
from etl.live.viewing import NOT_FOUND, Viewing
from etl.models import Overall
from pulse.tenancy.models import User


class JobStatusConsumer(Viewing):
    """`/ws/job/{stage}/{tenant_id}/{job_id}`: for users who may see that tenant; strangers are refused."""

    _sent: dict[str, Any] | None = None

    async def connect(self) -> None:
        route = self.scope["url_route"]["kwargs"]
        self._tenant_id, self._job_id = int(route["tenant_id"]), int(route["job_id"])
        await super().connect()

    def may_see(self, user: User) -> bool:
        return user.may_see(self._tenant_id)

    def groups_of_changes(self) -> tuple[str, ...]:
        return (group_of(self._job_id),)

    @property
    def is_moving(self) -> bool:
        return self._sent is not None and self._sent["status"].get("overall") == Overall.RUNNING

    def first(self) -> dict[str, Any] | None:
        self._sent = job_update(self._tenant_id, self._job_id)
        return self._sent

    def next_message(self) -> dict[str, Any] | None:
        """What is true now, if it is not what was sent last."""
        update = job_update(self._tenant_id, self._job_id)
        if update is None or update == self._sent:
            return None
        self._sent = update
        return update


class NoSuchSocket(AsyncJsonWebsocketConsumer):  # type: ignore[misc]  # channels has no types
    """Refuses what has no other address."""

    async def connect(self) -> None:
        await self.close(code=NOT_FOUND)
