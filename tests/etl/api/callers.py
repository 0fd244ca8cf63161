"""People that call the API."""

from collections.abc import Mapping
from typing import Any

import orjson
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
        return self.client.generic(method, f"/app/etl/{path}", text, "application/json", query_params=dict(query or {}))

    def ask(self, asked: Asked) -> Any:
        return self.send(asked.method, asked.path, asked.query, asked.body or None)

    def get(self, path: str, **query: Any) -> Any:
        return self.send("GET", path, query)

    def post(self, path: str, body: Any = None, **query: Any) -> Any:
        return self.send("POST", path, query, body)

    def put(self, path: str, body: Any = None, **query: Any) -> Any:
        return self.send("PUT", path, query, body)

    def delete(self, path: str, **query: Any) -> Any:
        return self.send("DELETE", path, query)


def member(name: str, tenant: Tenant | None, role: Role = Role.OPERATOR, **more: Any) -> User:
    """A person of the tenant, who may not come into the admin."""
    return User.objects.create_user(name, password="right horse", tenant=tenant, role=role, **more)
