"""What every route of the sandbox Jira has at hand, and the reading of parameters and bodies."""

import base64
import binascii
from typing import Any

import orjson

from integrations.sandbox.faults import Faults
from integrations.sandbox.http import ApiError, Request, Response, Router
from integrations.sandbox.jira.catalog import Project
from integrations.sandbox.jira.data_center import as_data_center
from integrations.sandbox.jira.entries import Entry
from integrations.sandbox.jira.jql import Account
from integrations.sandbox.jira.orders import Orders
from integrations.sandbox.jira.rendering import Renderer
from integrations.sandbox.jira.site import Site
from integrations.sandbox.jira.timestamps import zone_of

ADMINISTRATION = ("ADMINISTER", "ADMINISTER_PROJECTS")


class JiraApi:
    """One site as the routes see it. `faults` may be replaced while the server runs.

    `inline_histories`: what an embedded changelog of Cloud holds. `page_cap`: the most issues a page of Data Center.
    """

    def __init__(
        self, site: Site, faults: Faults, inline_histories: int, page_cap: int = 100, *, is_data_center: bool = False
    ) -> None:
        self.site, self.faults = site, faults
        self.page_cap, self.is_data_center = page_cap, is_data_center
        # Part of every page token: a new era refuses the tokens of the one before.
        self.token_era = 0
        self.renderer = Renderer(site, inline_histories, is_data_center=is_data_center)
        self.orders = Orders(site)

    def json(self, value: Any) -> Response:
        """An answer in the shapes of the site's deployment; `value` is in those of Cloud."""
        return Response.json(as_data_center(value) if self.is_data_center else value)

    def account(self, *, strict: bool = True) -> Account:
        """How the caller's JQL is read. `strict` is Data Center's `validateQuery`; Cloud has none."""
        site = self.site
        return Account(
            projects=site.projects,
            zone=zone_of(site.zone),
            statuses=site.statuses(),
            status_of=site.status_of,
            find=site.find,
            epochs=not self.is_data_center,
            strict_projects=strict,
            strict_issues=strict and self.is_data_center,
        )

    def may(self, permission: str, project: str | None = None) -> bool:
        """Whether the account has a permission, on one project where that is named."""
        if permission in ADMINISTRATION or permission in self.faults.lacking:
            return False
        return project is None or not self.faults.forbids(project)

    def require_project(self, key: str) -> None:
        """Raises ApiError 403 for a project that the faults forbid."""
        if self.faults.forbids(key):
            raise ApiError(403, f"You do not have permission to browse the project {key}.")

    def project(self, id_or_key: str) -> Project:
        """Raises ApiError 404 for an unknown project."""
        project = self.site.project(id_or_key)
        if project is None:
            raise ApiError(404, f"No project could be found with key '{id_or_key}'.")
        return project

    def entry(self, id_or_key: str) -> Entry:
        """Raises ApiError 404 for an unknown issue, 403 for one of a forbidden project."""
        entry = self.site.find(id_or_key)
        if entry is None:
            raise ApiError(404, "Issue does not exist or you do not have permission to see it.")
        self.require_project(entry.project.key)
        return entry


# Importing a module of routes adds them to the router of each deployment that has them.
cloud: Router[JiraApi] = Router()
data_center: Router[JiraApi] = Router()


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
