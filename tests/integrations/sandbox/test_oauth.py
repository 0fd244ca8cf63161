"""The sandbox's OAuth app: tokens that expire, refresh tokens that are good once."""

from typing import Any

import httpx
import pytest

from integrations.sandbox import SandboxServer, Site
from integrations.sandbox.oauth import SITES_PATH, OAuthApp
from integrations.sandbox.server import CLOUD_ID

MYSELF = "/rest/api/3/myself"


def ask(server: SandboxServer, refresh_token: str | None = None, **more: str) -> httpx.Response:
    app = server.oauth
    question = {"grant_type": "refresh_token", "client_id": app.client_id, "client_secret": app.client_secret, **more}
    return httpx.post(server.token_url, json={"refresh_token": refresh_token or app.refresh_token, **question})


def given(server: SandboxServer, refresh_token: str | None = None) -> dict[str, Any]:
    response = ask(server, refresh_token)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def taken(server: SandboxServer, token: str) -> bool:
    return httpx.get(server.gateway_url + MYSELF, headers={"Authorization": f"Bearer {token}"}).status_code == 200


def later(site: Site, seconds: float) -> None:
    now = site.clock()
    site.clock = lambda: now + seconds


def test_a_refresh_token_gives_an_access_token_and_the_next_refresh_token(server: SandboxServer) -> None:
    first = given(server)
    assert (first["expires_in"], first["token_type"]) == (3600, "Bearer")
    assert taken(server, first["access_token"])
    second = given(server, first["refresh_token"])
    assert second["refresh_token"] not in (first["refresh_token"], server.oauth.refresh_token)
    assert taken(server, second["access_token"])


def test_an_access_token_expires(server: SandboxServer, site: Site) -> None:
    token = given(server)["access_token"]
    later(site, 3601)
    assert not taken(server, token)


def test_access_tokens_can_be_expired_at_any_time(server: SandboxServer) -> None:
    first = given(server)
    server.oauth.expire()
    assert not taken(server, first["access_token"])
    assert taken(server, given(server, first["refresh_token"])["access_token"])


def test_a_refresh_token_that_was_used_long_ago_is_refused_with_all_that_came_of_it(
    server: SandboxServer, site: Site
) -> None:
    first = given(server)
    later(site, 601)
    refusal = ask(server)
    assert (refusal.status_code, refusal.json()["error"]) == (403, "invalid_grant")
    assert ask(server, first["refresh_token"]).status_code == 403


def test_a_refresh_token_whose_answer_was_lost_may_be_used_again(server: SandboxServer) -> None:
    first, again = given(server), given(server)
    assert first["refresh_token"] != again["refresh_token"]
    assert taken(server, given(server, again["refresh_token"])["access_token"])


def test_without_rotation_one_refresh_token_is_good_for_ever(site: Site) -> None:
    with SandboxServer(site, oauth=OAuthApp(rotating=False, reuse_seconds=0)) as server:
        assert "refresh_token" not in given(server)
        assert taken(server, given(server)["access_token"])


@pytest.mark.parametrize(
    ("wrong", "status", "error"),
    [
        ({"client_secret": "x"}, 401, "access_denied"),
        ({"client_id": "x"}, 401, "access_denied"),
        ({"refresh_token": "x"}, 403, "invalid_grant"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
def test_what_is_wrong_is_refused(server: SandboxServer, wrong: dict[str, str], status: int, error: str) -> None:
    refusal = ask(server, **wrong)
    assert (refusal.status_code, refusal.json()["error"]) == (status, error)


def test_an_account_can_take_its_permission_back(server: SandboxServer) -> None:
    first = given(server)
    server.oauth.revoke()
    assert not taken(server, first["access_token"])
    assert ask(server, first["refresh_token"]).json()["error"] == "invalid_grant"


def test_a_token_says_which_sites_it_reaches(server: SandboxServer) -> None:
    headers = {"Authorization": f"Bearer {given(server)['access_token']}"}
    (reached,) = httpx.get(server.url + SITES_PATH, headers=headers).json()
    assert reached["id"] == CLOUD_ID
    assert httpx.get(server.url + SITES_PATH).status_code == 401


def test_an_access_token_is_taken_at_the_gateway_alone(server: SandboxServer) -> None:
    headers = {"Authorization": f"Bearer {given(server)['access_token']}"}
    assert httpx.get(server.url + MYSELF, headers=headers).status_code == 401


def test_data_center_mints_nothing(site: Site) -> None:
    with SandboxServer(site, deployment="Server") as server:
        assert ask(server).status_code == 401
