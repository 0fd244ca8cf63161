import base64
from typing import Any

import httpx
import orjson
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from integrations.sandbox.github import GitHubFaults, GitHubServer, GitHubSite
from integrations.sandbox.github.callers import GitHubApp

from .conftest import Clock

VIEWER = {"query": "{ viewer { login } }"}
PRIVATE = {"query": '{ repository(owner: "acme-labs", name: "prototype") { name } }'}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def web_token(app: GitHubApp, now: float, key: rsa.RSAPrivateKey | None = None, **claims: Any) -> str:
    """A token that the app signs, with what is different about it."""
    header = {"alg": claims.pop("alg", "RS256"), "typ": "JWT"}
    body = {"iss": str(app.id), "iat": int(now) - 60, "exp": int(now) + 540} | claims
    head = ".".join(base64.urlsafe_b64encode(orjson.dumps(part)).decode().rstrip("=") for part in (header, body))
    signed = (key or app.key).sign(head.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{head}.{base64.urlsafe_b64encode(signed).decode().rstrip('=')}"


def minted(server: GitHubServer, place: int = 0, **body: Any) -> httpx.Response:
    number = server.app.installations[place].number
    url = f"{server.url}/app/installations/{number}/access_tokens"
    return httpx.post(url, json=body or None, headers=bearer(web_token(server.app, server.site.clock())))


@pytest.mark.parametrize("header", [None, "Basic eDp5", "Bearer", "Bearer ghp_wrong", "token ghs_ünknown"])
def test_a_missing_or_wrong_token_is_a_401(server: GitHubServer, header: str | None) -> None:
    headers = {b"Authorization": header.encode()} if header else {}
    answer = httpx.post(f"{server.url}/graphql", json=VIEWER, headers=headers)
    assert answer.status_code == 401
    assert answer.json()["message"] in ("Bad credentials", "Requires authentication")
    assert httpx.get(f"{server.url}/user", headers=headers).status_code == 401


def test_a_call_says_which_program_it_is(server: GitHubServer) -> None:
    with httpx.Client(headers=bearer(server.token)) as client:
        del client.headers["user-agent"]
        assert client.get(f"{server.url}/user").status_code == 403


def test_a_personal_token_reads_all_and_tells_its_scopes(server: GitHubServer) -> None:
    for scheme in ("bearer", "Bearer", "token"):
        headers = {"Authorization": f"{scheme} {server.token}"}
        answer = httpx.get(f"{server.url}/user", headers=headers)
        assert answer.json()["login"] == "pulse-reader"
        assert "repo" in answer.headers["x-oauth-scopes"]
    data = httpx.post(f"{server.url}/graphql", json=PRIVATE, headers=bearer(server.token)).json()["data"]
    assert data["repository"] == {"name": "prototype"}


def test_a_fine_grained_token_reads_one_organisation(server: GitHubServer) -> None:
    headers = bearer(server.fine_grained_token)
    assert "x-oauth-scopes" not in httpx.get(f"{server.url}/user", headers=headers).headers
    text = """{ viewer { organizations(first: 9) { nodes { login } } }
      own: repository(owner: "acme", name: "console") { isPrivate }
      public: repository(owner: "acme-labs", name: "spikes") { isPrivate }
      other: repository(owner: "acme-labs", name: "prototype") { isPrivate } }"""
    body = httpx.post(f"{server.url}/graphql", json={"query": text}, headers=headers).json()
    assert body["data"] == {
        "viewer": {"organizations": {"nodes": [{"login": "acme"}]}},
        "own": {"isPrivate": True},
        "public": {"isPrivate": False},
        "other": None,
    }
    assert body["errors"][0]["type"] == "NOT_FOUND"


def test_an_app_says_who_it_is_and_where_it_is_installed(server: GitHubServer, clock: Clock) -> None:
    headers = bearer(web_token(server.app, clock.at, iss=server.app.client_id))
    assert httpx.get(f"{server.url}/app", headers=headers).json()["id"] == server.app.id
    found = httpx.get(f"{server.url}/app/installations", headers=headers).json()
    assert [one["account"]["login"] for one in found] == ["acme", "acme-labs"]
    assert all(one["id"] > 2**31 and one["app_id"] == server.app.id for one in found)
    for one in found:
        assert httpx.get(f"{server.url}/app/installations/{one['id']}", headers=headers).json() == one
    assert httpx.get(f"{server.url}/app/installations/17", headers=headers).status_code == 404


def test_an_installation_has_a_token_until_it_expires(server: GitHubServer, clock: Clock) -> None:
    server.app.token_seconds = 120
    clock.at += 0.7
    answer = minted(server)
    assert answer.status_code == 201
    assert answer.json()["expires_at"] == "2027-01-15T08:02:00Z"
    assert answer.json()["permissions"] == {"metadata": "read", "contents": "read", "pull_requests": "read"}
    headers = bearer(answer.json()["token"])
    viewer = httpx.post(f"{server.url}/graphql", json=VIEWER, headers=headers)
    assert viewer.json()["data"] == {"viewer": {"login": "pulse-sandbox[bot]"}}
    assert httpx.get(f"{server.url}/user", headers=headers).status_code == 403
    clock.at += 119.3
    assert httpx.post(f"{server.url}/graphql", json=VIEWER, headers=headers).status_code == 401


def test_tokens_can_be_refused_in_the_middle_of_a_run(server: GitHubServer) -> None:
    headers = bearer(minted(server).json()["token"])
    assert httpx.post(f"{server.url}/graphql", json=VIEWER, headers=headers).status_code == 200
    server.app.expire_tokens()
    assert httpx.post(f"{server.url}/graphql", json=VIEWER, headers=headers).status_code == 401


def test_an_installation_lists_what_it_may_read_in_pages(server: GitHubServer, site: GitHubSite) -> None:
    headers = bearer(minted(server).json()["token"])
    first = httpx.get(f"{server.url}/installation/repositories?per_page=4", headers=headers)
    own = [one.name_with_owner for one in site.repositories if one.owner.login == "acme"]
    assert first.json()["total_count"] == len(own)
    seen = [one["full_name"] for one in first.json()["repositories"]]
    following: Any = first.links.get("next")
    while following:
        page = httpx.get(following["url"], headers=headers)
        seen += [one["full_name"] for one in page.json()["repositories"]]
        following = page.links.get("next")
    assert seen == own
    personal = httpx.get(f"{server.url}/installation/repositories", headers=bearer(server.token))
    assert personal.status_code == 403


def test_a_token_may_be_for_some_repositories_only(server: GitHubServer) -> None:
    answer = minted(server, repositories=["identity"]).json()
    assert answer["repository_selection"] == "selected"
    headers = bearer(answer["token"])
    listed = httpx.get(f"{server.url}/installation/repositories", headers=headers).json()["repositories"]
    assert [one["name"] for one in listed] == ["identity"]
    body = httpx.post(f"{server.url}/graphql", json=PRIVATE, headers=headers).json()
    assert body["data"] == {"repository": None}
    assert minted(server, repositories=["nope"]).status_code == 422


def refused(server: GitHubServer, token: str) -> str:
    answer = httpx.get(f"{server.url}/app", headers=bearer(token))
    assert answer.status_code == 401
    message: str = answer.json()["message"]
    return message


def test_a_web_token_that_the_app_did_not_sign_is_refused(server: GitHubServer, clock: Clock) -> None:
    app, other = server.app, rsa.generate_private_key(65_537, 2_048)
    assert "could not be decoded" in refused(server, web_token(app, clock.at, other))
    assert "could not be decoded" in refused(server, web_token(app, clock.at, alg="HS256"))
    good = web_token(app, clock.at)
    head, body, signature = good.split(".")
    for bad in ("x", "a.b.c", f"{head}.{body}", f"{head}.{head}.{signature}", f"{head}.{body}.%%%", server.token):
        assert "could not be decoded" in refused(server, bad)
    assert httpx.get(f"{server.url}/app", headers=bearer(good)).status_code == 200


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ({"iss": "1"}, "'iss'"),
        ({"iat": 1_800_000_061}, "'iat'"),
        ({"iat": "now"}, "'iat'"),
        ({"exp": 1_800_000_000}, "'exp') must be a numeric value in the future"),
        ({"exp": None}, "'exp'"),
        ({"exp": 1_800_000_601}, "'exp') is too far in the future"),
    ],
)
def test_the_claims_of_a_web_token_are_checked(
    server: GitHubServer, clock: Clock, claims: dict[str, Any], told: str
) -> None:
    assert told in refused(server, web_token(server.app, clock.at, **claims))


def test_the_private_key_is_given_as_github_gives_it(server: GitHubServer, clock: Clock) -> None:
    assert server.app.private_key.startswith("-----BEGIN RSA PRIVATE KEY-----\n")
    key = serialization.load_pem_private_key(server.app.private_key.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    answer = httpx.get(f"{server.url}/app", headers=bearer(web_token(server.app, clock.at, key)))
    assert answer.status_code == 200


def test_an_unknown_installation_is_a_404(server: GitHubServer, clock: Clock) -> None:
    headers = bearer(web_token(server.app, clock.at))
    for number in ("17", "x"):
        url = f"{server.url}/app/installations/{number}/access_tokens"
        assert httpx.post(url, headers=headers).status_code == 404


def test_a_permission_may_be_lacking(server: GitHubServer) -> None:
    server.faults = GitHubFaults(lacking=("pull_requests",))
    token = minted(server).json()
    assert "pull_requests" not in token["permissions"]
    query = {"query": '{ repository(owner: "acme", name: "identity") { name pullRequest(number: 1) { id } } }'}

    def told(credential: str) -> dict[str, Any]:
        body: dict[str, Any] = httpx.post(f"{server.url}/graphql", json=query, headers=bearer(credential)).json()
        assert body["data"] == {"repository": {"name": "identity", "pullRequest": None}}
        error: dict[str, Any] = body["errors"][0]
        return error

    assert told(token["token"])["message"] == "Resource not accessible by integration"
    assert told(server.fine_grained_token)["message"] == "Resource not accessible by personal access token"
    assert told(token["token"])["type"] == "FORBIDDEN"
    # A classic token has scopes and not permissions.
    body = httpx.post(f"{server.url}/graphql", json=query, headers=bearer(server.token)).json()
    assert body["data"]["repository"]["pullRequest"]


def test_single_sign_on_stands_before_an_organisation(server: GitHubServer) -> None:
    server.faults = GitHubFaults(saml=("acme",))
    text = """{ viewer { login } organization(login: "acme") { login }
      private: repository(owner: "acme", name: "console") { name }
      public: repository(owner: "acme", name: "identity") { name } }"""
    body = httpx.post(f"{server.url}/graphql", json={"query": text}, headers=bearer(server.token)).json()
    assert body["data"] == {
        "viewer": {"login": "pulse-reader"},
        "organization": None,
        "private": None,
        "public": {"name": "identity"},
    }
    assert {(error["type"], error["extensions"]["saml_failure"]) for error in body["errors"]} == {("FORBIDDEN", True)}
    assert httpx.get(f"{server.url}/orgs/acme", headers=bearer(server.token)).status_code == 403
    # Apps are let through.
    own = httpx.post(f"{server.url}/graphql", json={"query": text}, headers=bearer(minted(server).json()["token"]))
    assert "errors" not in own.json()


def test_a_renamed_repository_is_redirected_to_by_its_number(server: GitHubServer, site: GitHubSite) -> None:
    headers = bearer(server.token)
    answer = httpx.get(f"{server.url}/repos/acme/admin-console", headers=headers)
    number = next(one.number for one in site.repositories if one.name == "console")
    assert (answer.status_code, answer.headers["location"]) == (301, f"{server.url}/repositories/{number}")
    moved = httpx.get(answer.headers["location"], headers=headers)
    assert moved.json()["full_name"] == "acme/console"
    assert httpx.get(f"{server.url}/repos/acme/nope", headers=headers).status_code == 404
    assert httpx.get(f"{server.url}/nowhere", headers=headers).json()["status"] == "404"
