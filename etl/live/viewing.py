"""The base of the sockets: a viewer is told what changed, a few times a second at most, while they may see it."""

import asyncio
import logging
import time
from abc import abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from autobahn.exception import Disconnected
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import PermissionDenied
from django.db import Error as DatabaseError

from etl.live.channel import ALL_JOBS
from etl.live.listener import listener
from etl.live.snapshot import LOOK_SECONDS
from pulse.tenancy.access import as_now, scope_of

logger = logging.getLogger(__name__)

ENDED = 4401
FORBIDDEN = 4403
NOT_FOUND = 4404
# While nothing happens: whether the viewer may still see what they see, and what changed without a word.
REST_SECONDS = 15.0
# Changes that come closer together are told as one.
SEND_SECONDS = 0.25


class Viewing(AsyncJsonWebsocketConsumer):  # type: ignore[misc]  # channels has no types
    """A subclass says who `may_see`, reads in `first` and `next_message`, and takes note of changes in `note`.

    Who came with a token is sent away when it ends, with the code 4401; who may see it no more, before the next message
    or within `REST_SECONDS`, with 4403. What is not there is refused, with 4404.
    """

    groups_joined: tuple[str, ...] = ()
    _watching: asyncio.Task[None] | None = None

    @abstractmethod
    def may_see(self, user: Any) -> bool: ...

    @abstractmethod
    def groups_of_changes(self) -> tuple[str, ...]:
        """Whose changes are told."""

    @abstractmethod
    def first(self) -> dict[str, Any] | None:
        """The snapshot; None where there is nothing of that address."""

    @abstractmethod
    def next_message(self) -> dict[str, Any] | None:
        """What is to be told now; None: nothing."""

    @property
    @abstractmethod
    def is_moving(self) -> bool:
        """Whether there is news that nobody is notified of, such as how far a run is."""

    def note(self, event: dict[str, Any]) -> None:
        """Something changed, and `next_message` will be asked."""

    # From connect to disconnect

    async def connect(self) -> None:
        """Joins the groups before it reads the snapshot, so that no change falls between the two."""
        self._awake = asyncio.Event()
        user = self.scope.get("user")
        if user is None or not user.is_authenticated or not self.may_see(user):
            await self.close(code=FORBIDDEN)
            return
        listener.ensure_started()
        self.groups_joined = (ALL_JOBS, *self.groups_of_changes())
        for group in self.groups_joined:
            await self.channel_layer.group_add(group, self.channel_name)
        message = await database_sync_to_async(self._within)(self.first)
        if message is None:
            await self.close(code=NOT_FOUND)
            return
        await self.accept(self.scope.get("subprotocol"))
        await self.tell(message)
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    async def disconnect(self, code: int) -> None:
        if self._watching is not None:
            self._watching.cancel()
        for group in self.groups_joined:
            await self.channel_layer.group_discard(group, self.channel_name)

    async def job_changed(self, event: dict[str, Any]) -> None:
        self.note(event)
        self.wake()

    def wake(self) -> None:
        """There is something to tell."""
        self._awake.set()

    async def _watch(self) -> None:
        """Looks where something changed, else from time to time. Until the viewer leaves, or is sent away."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._awake.wait(), self._patience())
            self._awake.clear()
            if self._seconds_left() <= 0:
                await self.close(code=ENDED)
                return
            try:
                await self._look()
            except PermissionDenied:
                await self.close(code=FORBIDDEN)
                return
            await asyncio.sleep(SEND_SECONDS)

    def _patience(self) -> float:
        """How long to wait for it, in seconds. While a run goes on, nobody is notified of each unit."""
        return max(0.0, min(LOOK_SECONDS if self.is_moving else REST_SECONDS, self._seconds_left()))

    def _seconds_left(self) -> float:
        """Until the viewer's token ends; who came with a session has time."""
        ends_at = self.scope.get("ends_at")
        return float("inf") if ends_at is None else float(ends_at) - time.time()

    async def _look(self) -> None:
        """Raises PermissionDenied where the viewer may see this no more."""
        try:
            message = await database_sync_to_async(self._checked)()
        except DatabaseError as error:
            logger.warning("what a viewer of %s sees could not be read: %s", self.scope.get("path"), error)
            await asyncio.sleep(LOOK_SECONDS)
            self.wake()
            return
        if message is not None:
            await self.tell(message)

    def _checked(self) -> dict[str, Any] | None:
        """Raises PermissionDenied where the viewer, as they are now, may not see this."""
        user = as_now(self.scope["user"])
        if user is None or self._is_logged_out() or not self.may_see(user):
            raise PermissionDenied
        self.scope["user"] = user
        return self._within(self.next_message)

    def _is_logged_out(self) -> bool:
        """Whether the session that the viewer came with has ended. A token ends by itself."""
        session = self.scope.get("session")
        return session is not None and SESSION_KEY not in SessionStore(session.session_key)

    def _within(self, read: Callable[[], dict[str, Any] | None]) -> dict[str, Any] | None:
        # What the address says is not believed twice.
        with scope_of(self.scope["user"]):
            return read()

    async def tell(self, message: dict[str, Any]) -> None:
        with suppress(Disconnected):  # the viewer left while we wrote
            await self.send_json(message)
