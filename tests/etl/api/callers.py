"""People that call the API."""

from collections.abc import Mapping
from typing import Any

import orjson
from asgiref.sync import async_to_sync
from django.http import HttpResponse
from django.test import Client

from pulse.tenancy.models import Role, Tenant, User
from tests.etl.api.endpoints import Asked


class Caller:
    """Sends requests to /app/etl/ as a user, in a session; without one as nobody."""

    def __init__(self, user: User | None = None, **headers: str) -> None:
        self.user = user
        self.client = Client(headers=headers)
        if user is not None:
            self.client.force_login(user)

    def send(self, method: str, path: str, query: Mapping[str, Any] | None = None, body: Any = None) -> Any:
        """The response; its JSON is in ``.json()``."""
        text = b"" if body is None else body if isinstance(body, bytes) else orjson.dumps(body)
        return self.upload(method, path, text, "application/json", query)

    def upload(
        self, method: str, path: str, content: bytes, content_type: str, query: Mapping[str, Any] | None = None
    ) -> Any:
        """The response to a body of any type; one that comes in pieces whole."""
        asked = self.client.generic(method, f"/app/etl/{path}", content, content_type, query_params=dict(query or {}))
        return whole(asked) if asked.streaming else asked

    def ask(self, asked: Asked) -> Any:
        if asked.sent:
            return self.upload(asked.method, asked.path, *asked.sent, asked.query)
        return self.send(asked.method, asked.path, asked.query, asked.body or None)

    def get(self, path: str, **query: Any) -> Any:
        return self.send("GET", path, query)

    def post(self, path: str, body: Any = None, **query: Any) -> Any:
        return self.send("POST", path, query, body)

    def put(self, path: str, body: Any = None, **query: Any) -> Any:
        return self.send("PUT", path, query, body)

    def delete(self, path: str, **query: Any) -> Any:
        return self.send("DELETE", path, query)


def whole(answer: Any) -> HttpResponse:
    """An answer that comes in pieces, as an async server sends it, in one."""

    async def read() -> bytes:
        return b"".join([piece async for piece in answer.streaming_content])

    return HttpResponse(async_to_sync(read)(), status=answer.status_code, headers=answer.headers)


def member(name: str, tenant: Tenant | None, role: Role = Role.OPERATOR, **more: Any) -> User:
    """A person of the tenant, who may not come into the admin."""
    return User.objects.create_user(name, password="right horse", tenant=tenant, role=role, **more)
