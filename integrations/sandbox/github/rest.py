"""The few calls of REST that go with GraphQL: who we are, what an app sees, and the tokens that it mints.

https://docs.github.com/en/rest/apps/apps and https://docs.github.com/en/rest/apps/installations
"""

from typing import Any

from integrations.sandbox.github.api import GitHubApi, with_headers
from integrations.sandbox.github.budgets import CORE, GRAPHQL
from integrations.sandbox.github.callers import CLASSIC, INSTALLATION, PERMISSIONS, Caller, Installation
from integrations.sandbox.github.payloads import account, repository_of
from integrations.sandbox.github.refusals import Denied
from integrations.sandbox.github.repositories import Repository
from integrations.sandbox.github.timestamps import stamp
from integrations.sandbox.http import Request, Response, Router

router: Router[GitHubApi] = Router()
SCOPES = "read:org, read:user, repo"
ENTERPRISE_VERSION = "3.19.0"
PAGE, MOST_A_PAGE = 30, 100


def _caller(api: GitHubApi, request: Request) -> tuple[Caller, Response | None]:
    """Who calls, and the refusal where nothing is left of the hour."""
    found = api.callers.caller(request.headers, api.site.clock())
    charge = api.spend(found, CORE, 1)
    return found, charge if isinstance(charge, Response) else None


def _answer(api: GitHubApi, caller: Caller, value: Any, headers: dict[str, str] | None = None) -> Response:
    shown = Response.json(value)
    told = {"x-oauth-scopes": SCOPES} if caller.kind == CLASSIC else {}
    response = Response(shown.status, shown.body, headers=told | (headers or {}))
    return with_headers(response, api.standing(caller, CORE))


@router.on("GET", "/user")
def user(api: GitHubApi, request: Request) -> Response:
    caller, refused = _caller(api, request)
    if caller.kind == INSTALLATION:
        raise Denied(403, "Resource not accessible by integration")
    return refused or _answer(api, caller, account(caller.account) | {"name": caller.account.name})


@router.on("GET", "/rate_limit")
def rate_limit(api: GitHubApi, request: Request) -> Response:
    """Costs nothing; 404 where there is no limit, as on Enterprise Server."""
    caller = api.callers.caller(request.headers, api.site.clock())
    standings = {resource: api.standing(caller, resource) for resource in (CORE, GRAPHQL)}
    shown = {
        resource: {"limit": one.limit, "used": one.used, "remaining": one.remaining, "reset": one.reset_at}
        for resource, one in standings.items()
        if one
    }
    if not shown:
        raise Denied(404, "Rate limiting is not enabled.")
    return _answer(api, caller, {"resources": shown, "rate": shown[CORE]})


@router.on("GET", "/meta")
def meta(api: GitHubApi, request: Request) -> Response:
    """For everybody; only Enterprise Server says which version it is."""
    shown: dict[str, Any] = {"verifiable_password_authentication": False}
    return Response.json(shown | ({"installed_version": ENTERPRISE_VERSION} if api.is_enterprise else {}))


@router.on("GET", "/app")
def app(api: GitHubApi, request: Request) -> Response:
    api.callers.app_caller(request.headers, api.site.clock())
    known = api.callers.app
    shown = {"id": known.id, "client_id": known.client_id, "slug": known.slug, "name": known.slug}
    return Response.json(shown | {"permissions": _permissions(api), "installations_count": len(known.installations)})


@router.on("GET", "/app/installations")
def installations(api: GitHubApi, request: Request) -> Response:
    api.callers.app_caller(request.headers, api.site.clock())
    return Response.json([_installation(api, one.number, one.account) for one in api.callers.app.installations])


@router.on("GET", "/app/installations/{id}")
def installation(api: GitHubApi, request: Request) -> Response:
    api.callers.app_caller(request.headers, api.site.clock())
    found = _installed(api, request.params["id"])
    return Response.json(_installation(api, found.number, found.account))


def _installed(api: GitHubApi, number: str) -> Installation:
    found = next((one for one in api.callers.app.installations if str(one.number) == number), None)
    if found is None:
        raise Denied(404, "Not Found")
    return found


def _installation(api: GitHubApi, number: int, owner: str) -> dict[str, Any]:
    known = api.callers.app
    shown = {"id": number, "account": account(api.site.accounts[owner]), "app_id": known.id, "app_slug": known.slug}
    shown |= {"repository_selection": "all", "permissions": _permissions(api), "suspended_at": None}
    return shown | {"target_type": "Organization", "events": ["pull_request", "push"]}


def _permissions(api: GitHubApi) -> dict[str, str]:
    return {name: value for name, value in PERMISSIONS.items() if name not in api.faults.lacking}


@router.on("POST", "/app/installations/{id}/access_tokens")
def access_token(api: GitHubApi, request: Request) -> Response:
    """The body may name `repositories` (without owner): the token then reads no others."""
    now = api.site.clock()
    api.callers.app_caller(request.headers, now)
    body = request.json() if request.body else {}
    installed = _installed(api, request.params["id"])
    wanted = None
    if isinstance(body, dict) and "repositories" in body:
        wanted = frozenset(f"{installed.account}/{name}".lower() for name in body["repositories"])
        if any(api.site.repository(name) is None for name in wanted):
            raise Denied(422, "There is at least one repository that does not exist or is not accessible.")
    token, minted = api.callers.app.mint(installed.number, wanted, now)
    shown = {"token": token, "expires_at": stamp(int(minted.expires_at)), "permissions": _permissions(api)}
    shown["repository_selection"] = "selected" if wanted else "all"
    return Response.json(shown, 201)


@router.on("GET", "/installation/repositories")
def installation_repositories(api: GitHubApi, request: Request) -> Response:
    caller, refused = _caller(api, request)
    if caller.kind != INSTALLATION:
        raise Denied(403, "You must authenticate with an installation access token in order to list repositories.")
    found = [one for one in api.site.repositories if caller.grants(one)]
    shown, links = _page(request, found)
    value = {"total_count": len(found), "repository_selection": "all" if caller.repositories is None else "selected"}
    return refused or _answer(api, caller, value | {"repositories": [repository_of(one) for one in shown]}, links)


@router.on("GET", "/orgs/{org}")
def organization(api: GitHubApi, request: Request) -> Response:
    caller, refused = _caller(api, request)
    found = api.site.account(request.params["org"])
    if found is None or found.typename != "Organization":
        raise Denied(404, "Not Found")
    if found.login in api.faults.saml and caller.kind != INSTALLATION:
        raise Denied(403, "Resource protected by organization SAML enforcement.")
    return refused or _answer(api, caller, account(found) | {"name": found.name})


@router.on("GET", "/repos/{owner}/{name}")
def repository(api: GitHubApi, request: Request) -> Response:
    """A name that it had before leads on by its number."""
    caller, refused = _caller(api, request)
    asked = f"{request.params['owner']}/{request.params['name']}"
    found = api.site.repository(asked)
    if found is None or not caller.may_read(found):
        raise Denied(404, "Not Found")
    if found.name_with_owner.lower() != asked.lower():
        return refused or _moved(api, request, found)
    return refused or _answer(api, caller, repository_of(found))


@router.on("GET", "/repositories/{id}")
def repository_by_number(api: GitHubApi, request: Request) -> Response:
    caller, refused = _caller(api, request)
    number = request.params["id"]
    found = api.site.repository_by_number(int(number)) if number.isdecimal() else None
    if found is None or not caller.may_read(found):
        raise Denied(404, "Not Found")
    return refused or _answer(api, caller, repository_of(found))


def _moved(api: GitHubApi, request: Request, found: Repository) -> Response:
    place = f"http://{request.headers.get('host', '')}{_prefix(api)}/repositories/{found.number}"
    body = Response.json({"message": "Moved Permanently", "url": place})
    return Response(301, body.body, headers={"Location": place})


def _prefix(api: GitHubApi) -> str:
    return "/api/v3" if api.is_enterprise else ""


def _page(request: Request, found: list[Repository]) -> tuple[list[Repository], dict[str, str]]:
    """A page, and the header that leads to the next one; `page` counts from 1."""
    size, at = (_number(request, name, default) for name, default in (("per_page", PAGE), ("page", 1)))
    size = min(size, MOST_A_PAGE)
    if at * size >= len(found):
        return found[(at - 1) * size :], {}
    place = f"http://{request.headers.get('host', '')}{request.path}?per_page={size}&page={at + 1}"
    return found[(at - 1) * size : at * size], {"Link": f'<{place}>; rel="next"'}


def _number(request: Request, name: str, default: int) -> int:
    text = request.text(name, str(default))
    return int(text) if text.isdecimal() and int(text) else default
