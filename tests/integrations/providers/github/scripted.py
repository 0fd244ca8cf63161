"""A GitHub that gives scripted answers, for shapes and refusals of which the sandbox has no example."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from integrations.provider import Connection
from integrations.providers.github.client import GitHubClient, client_for
from integrations.sandbox.http import HttpServer, Request, Response

GRAPHQL = "POST /api/graphql"
CLOCK = 1_790_000_000
TOKEN = "ghp_s3cret"

Scripted = Any
"""What a call gets: an object to send as JSON, a Response, or what a function makes of the request."""


@dataclass
class ScriptedSite:
    """Answers by "METHOD /path", 404 to all else; each may be replaced at any time."""

    answers: dict[str, Scripted]
    requests: list[Request] = field(default_factory=list)
    url: str = ""

    def answer(self, request: Request) -> Response:
        self.requests.append(request)
        found = self.answers.get(f"{request.method} {request.path}")
        if callable(found):
            found = found(request)
        if found is None:
            return refusal(404, "Not Found")
        return found if isinstance(found, Response) else Response.json(found)

    @property
    def calls(self) -> list[str]:
        return [f"{request.method} {request.path}" for request in self.requests]

    def connection(self, **settings: str) -> Connection:
        given = {"base_url": self.url, "organization": "acme", **settings}
        return Connection(1, "Scripted", given, {"token": TOKEN})

    def client(self) -> GitHubClient:
        return client_for(self.connection())


def refusal(status: int, message: str, **headers: str) -> Response:
    """In REST's words. Names of headers are written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, Response.json({"message": message}).body, headers=named)


@contextmanager
def scripted(answers: Mapping[str, Scripted]) -> Iterator[ScriptedSite]:
    site = ScriptedSite(dict(answers))
    server = HttpServer(site.answer, 0, lambda: CLOCK)
    server.start()
    site.url = server.url
    try:
        yield site
    finally:
        server.stop()
