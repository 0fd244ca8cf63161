"""How GitHub says no: REST's errors, and the errors in an answer of GraphQL."""

from typing import Any

from integrations.sandbox.http import Response

DOCUMENTATION = "https://docs.github.com/rest"


class Refusal(Exception):
    """An error that GraphQL tells in the answer's `errors`; `type` is one of GitHub's, such as NOT_FOUND."""

    def __init__(self, type: str, message: str, **extensions: Any) -> None:
        super().__init__(message)
        self.type, self.message, self.extensions = type, message, extensions


class Denied(Exception):
    """A call that is refused whole, with a status and REST's error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status, self.message = status, message

    def response(self) -> Response:
        return error(self.status, self.message)


def error(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    body = {"message": message, "documentation_url": DOCUMENTATION, "status": str(status)}
    return Response(status, Response.json(body).body, headers=headers or {})


def not_found(kind: str, what: str) -> Refusal:
    """`kind` with its article; `what` says how it was asked for."""
    return Refusal("NOT_FOUND", f"Could not resolve to {kind} with the {what}.")
