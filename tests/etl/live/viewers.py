"""Viewers of the sockets, with a session cookie as a browser has it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.test import Client
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from etl.models import EtlJob
from pulse.tenancy.models import User

WAIT_SECONDS = 15


@dataclass(frozen=True)
class Web:
    """A web process on this loopback port."""

    port: int

    def path(self, job: EtlJob, stage: str = "extraction") -> str:
        return f"/ws/job/{stage}/{job.tenant_id}/{job.pk}"

    def view(self, path: str, user: User | None, *, origin: str | None = None) -> ClientConnection:
        """Opens a socket. Raises InvalidStatus where it is refused."""
        return connect(
            f"ws://127.0.0.1:{self.port}{path}",
            origin=Origin(origin or f"http://127.0.0.1:{self.port}"),
            additional_headers={"Cookie": _cookie(user)} if user else {},
            open_timeout=WAIT_SECONDS,
            proxy=None,
        )

    def view_with(self, path: str, *offered: str, origin: str | None = None) -> ClientConnection:
        """The same as a program that offers these subprotocols: without a session, and on no page but what is named."""
        return connect(
            f"ws://127.0.0.1:{self.port}{path}",
            origin=Origin(origin) if origin else None,
            subprotocols=[Subprotocol(one) for one in offered],
            open_timeout=WAIT_SECONDS,
            proxy=None,
        )


def _cookie(user: User) -> str:
    browser = Client()
    browser.force_login(user)
    return f"{settings.SESSION_COOKIE_NAME}={browser.cookies[settings.SESSION_COOKIE_NAME].value}"


def receive(viewer: ClientConnection) -> dict[str, Any]:
    """The next message."""
    message: dict[str, Any] = json.loads(viewer.recv(WAIT_SECONDS))
    return message


def receive_until(viewer: ClientConnection, wanted: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """All messages up to the first that is wanted. Raises TimeoutError where none comes."""
    messages = [receive(viewer)]
    while not wanted(messages[-1]):
        messages.append(receive(viewer))
    return messages
