"""A site that gives scripted answers, for shapes and refusals of which the sandbox has no example."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from integrations.provider import Connection
from integrations.providers.jira.client import JiraClient, client_for
from integrations.sandbox.http import ApiError, HttpServer, Request, Response

CLOUD = {"deploymentType": "Cloud", "version": "1001.0.0", "baseUrl": "https://acme.example", "serverTitle": "Acme"}
SERVER = {"deploymentType": "Server", "version": "10.3.2", "baseUrl": "https://jira.example", "serverTitle": "Jira"}
SERVER_INFO = "GET /rest/api/2/serverInfo"

Scripted = Any
"""What a call gets: an object to send as JSON, a Response, an ApiError, or what a function makes of the request."""


@dataclass
class ScriptedSite:
    """Answers by "METHOD /path" (without ``prefix``, the path that the site lives under), 404 to all else."""

    answers: dict[str, Scripted]
    prefix: str = ""
    calls: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    url: str = ""

    def answer(self, request: Request) -> Response:
        call = f"{request.method} {request.path.removeprefix(self.prefix)}"
        self.calls.append(call)
        self.requests.append(request)
        found = self.answers.get(call) if request.path.startswith(self.prefix) else None
        if callable(found):
            found = found(request)
        if found is None:
            raise ApiError(404, "dead link")
        if isinstance(found, ApiError):
            raise found
        return found if isinstance(found, Response) else Response.json(found)

    def connection(self, **settings: str) -> Connection:
        """To the site, with an account unless ``email`` is given as empty."""
        given = {"base_url": self.url, "email": "ada@acme.example", **settings}
        return Connection(1, "Scripted", given, {"api_token": "s3cret"})

    def client(self, **settings: str) -> JiraClient:
        return client_for(self.connection(**settings))

    @property
    def last(self) -> Request:
        return self.requests[-1]


@contextmanager
def scripted(info: Scripted, answers: Mapping[str, Scripted] | None = None, prefix: str = "") -> Iterator[ScriptedSite]:
    """A running site that says ``info`` of itself."""
    site = ScriptedSite({SERVER_INFO: info, **(answers or {})}, prefix)
    server = HttpServer(site.answer, 0, lambda: 1_790_000_000)
    server.start()
    site.url = server.url + prefix
    try:
        yield site
    finally:
        server.stop()
