"""What every route of the sandbox Jira has at hand, and the reading of parameters and bodies."""

import base64
import binascii
from typing import Any

import orjson

from integrations.sandbox.faults import Faults
from integrations.sandbox.http import ApiError, Request, Router
from integrations.sandbox.jira.entries import Entry
from integrations.sandbox.jira.orders import Orders
from integrations.sandbox.jira.rendering import Renderer
from integrations.sandbox.jira.site import Site


class JiraApi:
    """One site as the routes see it. `faults` may be replaced while the server runs."""

    def __init__(self, site: Site, faults: Faults, inline_histories: int) -> None:
        self.site, self.faults = site, faults
        self.renderer = Renderer(site, inline_histories)
        self.orders = Orders(site)

    def require_project(self, key: str) -> None:
        """Raises ApiError 403 for the project that the faults forbid."""
        if key == self.faults.forbidden_project:
            raise ApiError(403, f"You do not have permission to browse the project {key}.")

    def entry(self, id_or_key: str) -> Entry:
        """Raises ApiError 404 for an unknown issue, 403 for one of the forbidden project."""
        entry = self.site.find(id_or_key)
        if entry is None:
            raise ApiError(404, "Issue does not exist or you do not have permission to see it.")
        self.require_project(entry.project.key)
        return entry


# One for all modules of routes; importing a module adds its routes.
router: Router[JiraApi] = Router()


def number(request: Request, name: str, default: int) -> int:
    text = request.text(name, str(default))
    if not text.isdecimal():
        raise ApiError(400, f"The parameter {name} must be a number, not '{text}'.")
    return int(text)


def read_body(request: Request, allowed: dict[str, type]) -> dict[str, Any]:
    """The JSON object of the body. Raises ApiError 400 for an unknown key or a value of the wrong type, naming it."""
    body = request.json()
    if not isinstance(body, dict):
        raise ApiError(400, "The request body must be a JSON object.")
    for name, value in body.items():
        if name not in allowed:
            raise ApiError(400, f'Invalid request payload: unrecognized field "{name}".')
        if not isinstance(value, allowed[name]) or (isinstance(value, bool) and allowed[name] is int):
            raise ApiError(400, f'Invalid request payload: the field "{name}" has the wrong type.')
    return body


def strings(body: dict[str, Any], name: str, most: int) -> list[str]:
    """A list of at most `most` strings (numbers are taken as such)."""
    values = body.get(name, [])
    if len(values) > most:
        raise ApiError(400, f"The field {name} must not have more than {most} entries.")
    return [str(value) for value in values]


def make_token(*parts: Any) -> str:
    """An opaque page token."""
    return base64.urlsafe_b64encode(orjson.dumps(parts)).decode()


def read_token(token: str, asked: str) -> list[Any]:
    """What make_token was given after `asked`. Raises ApiError 400 for a token of another question or none at all."""
    try:
        parts = orjson.loads(base64.urlsafe_b64decode(token))
    except (binascii.Error, orjson.JSONDecodeError, ValueError):
        parts = None
    if not isinstance(parts, list) or len(parts) < 2 or parts[0] != asked:
        raise ApiError(400, "The nextPageToken is invalid or expired.")
    return parts[1:]
