"""Jira Cloud through an OAuth 2.0 app: tokens are renewed with a refresh token, against the sandbox over HTTP."""

import logging
from collections.abc import Iterator

import pytest

from integrations.errors import Permanent, RateLimited, Transient
from integrations.models import IntegrationToken
from integrations.provider import Connection
from integrations.providers.jira import oauth
from integrations.providers.jira.client import JiraClient, client_for
from integrations.providers.jira.provider import JiraProvider
from integrations.sandbox import Faults, SandboxServer
from integrations.sandbox.http import HttpServer, Request, Response
from integrations.sandbox.jira.people import BASE_URL
from integrations.sandbox.oauth import OAuthApp
from tests.support.sites import Connected, connect_by_oauth, expire_access_token, small_site

SECRETS = ("sandbox-app-secret", "sandbox-refresh-token", "sandbox-access")


@pytest.fixture
def server() -> Iterator[SandboxServer]:
    with small_site(3) as running:
        yield running


@pytest.fixture
def connected(db: None, server: SandboxServer) -> Connected:
    return connect_by_oauth(server)


def client(connected: Connected) -> JiraClient:
    connected.integration.refresh_from_db()
    return client_for(connected.integration.connection())


def problems(connected: Connected) -> list[str]:
    return list(JiraProvider().check_connection(connected.integration.connection()).problems)


def test_the_site_is_read_with_a_token_that_was_minted(connected: Connected) -> None:
    assert problems(connected) == []
    assert connected.server.oauth.minted == 1
    calls = [request for request in connected.server.requests if not request.path.endswith("/token")]
    assert {request.headers["authorization"] for request in calls} == {"Bearer sandbox-access-1"}


def test_where_the_id_of_the_site_is_wrong_the_check_says_which_sites_the_app_reaches(connected: Connected) -> None:
    connected.integration.settings["base_url"] = f"{connected.server.url}/ex/jira/another-site"
    connected.integration.save()
    (problem,) = problems(connected)
    assert problem.startswith("the credentials are refused: GET /rest/api/2/serverInfo answered 401")
    assert problem.endswith(f"authorised for {BASE_URL} (base_url {connected.server.gateway_url})")


def test_a_refused_renewal_is_the_checks_only_problem(connected: Connected) -> None:
    connected.server.oauth.revoke()
    (problem,) = problems(connected)
    assert problem.startswith("the OAuth access token cannot be renewed: POST /oauth/token answered 403 invalid_grant")


def test_a_token_that_the_site_refuses_is_renewed_in_the_middle(connected: Connected) -> None:
    for number in (1, 2, 3):
        client(connected).statuses()
        assert connected.server.oauth.minted == number
        expire_access_token(connected)


def test_the_form_may_be_saved_with_what_was_read_before_the_refresh_token_was_replaced(connected: Connected) -> None:
    client(connected).statuses()
    connected.integration.save()
    expire_access_token(connected)
    client(connected).statuses()
    assert connected.server.oauth.minted == 2


def refusal(connected: Connected, caplog: pytest.LogCaptureFixture) -> str:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(Permanent) as caught:
        client(connected).statuses()
    for secret in SECRETS:
        assert secret not in f"{caught.value} {caplog.text}"
    return str(caught.value)


def test_a_refused_renewal_says_which_secret_to_give_anew(
    connected: Connected, caplog: pytest.LogCaptureFixture
) -> None:
    connected.server.oauth.revoke()
    said = refusal(connected, caplog)
    assert "POST /oauth/token answered 403 invalid_grant" in said
    assert said.endswith("give its new refresh token as oauth_refresh_token)")
    assert not IntegrationToken.objects.exists()
    # A person does, and it goes on.
    connected.server.oauth = OAuthApp(refresh_token="another-one")
    connected.integration.secrets["oauth_refresh_token"] = "another-one"
    connected.integration.save()
    client(connected).statuses()


def test_a_wrong_secret_of_the_app_is_named(connected: Connected, caplog: pytest.LogCaptureFixture) -> None:
    connected.server.oauth.client_secret = "changed"
    said = refusal(connected, caplog)
    assert "answered 401 access_denied (check settings oauth_client_id and oauth_client_secret" in said


def test_a_refresh_token_that_somebody_else_used_is_refused(
    connected: Connected, caplog: pytest.LogCaptureFixture
) -> None:
    client(connected).statuses()
    expire_access_token(connected)
    now = connected.site.clock()
    connected.site.clock = lambda: now + 700
    with pytest.raises(Permanent, match="invalid_grant"):
        oauth.mint(connected.integration.connection())
    assert "invalid_grant" in refusal(connected, caplog)


@pytest.mark.parametrize(("faults", "error"), [({"fail_first": 9}, Transient), ({"throttle_first": 9}, RateLimited)])
def test_a_token_host_in_trouble_is_waited_for(
    connected: Connected, faults: dict[str, int], error: type[Exception]
) -> None:
    connected.server.faults = Faults(**faults, only_under="/oauth/token")  # type: ignore[arg-type]
    with pytest.raises(error):
        client(connected).statuses()
    connected.server.faults = Faults()
    client(connected).statuses()


def test_an_answer_that_was_lost_is_asked_for_again(connected: Connected) -> None:
    connected.server.faults = Faults(cut_under="/oauth/token")
    with pytest.raises(Transient):
        client(connected).statuses()
    connected.server.faults = Faults()
    client(connected).statuses()
    assert connected.server.oauth.minted > 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Response.json([]), "the OAuth access token cannot be renewed: POST /token answered 200"),
        (Response.json({"access_token": 5, "expires_in": 3600}), "answered no access_token with expires_in"),
        (Response.json({"access_token": "x"}), "answered no access_token with expires_in"),
        (Response.json({"access_token": "x", "expires_in": "soon"}), "answered no access_token with expires_in"),
        (Response.json({"access_token": "x", "expires_in": -1}), "answered no access_token with expires_in"),
        (Response.json({"access_token": "x\ny", "expires_in": 60}), "holds characters that no header takes"),
        (Response.json({"error": {"s3cret": 1}}, 400), "answered 400 (check settings oauth_client_id,"),
        (Response(403, b"<html>", "text/html"), "instead of JSON"),
        (Response(302, b"", headers={"Location": "https://elsewhere.example/"}), "is not the site of token_url"),
        (Response.json({}, 404), "POST /token answered 404"),
    ],
)
def test_an_answer_that_is_no_token_is_an_error_without_its_content(
    connected: Connected, answer: Response, said: str
) -> None:
    server = HttpServer(lambda request: answer, 0, lambda: 1_790_000_000)
    server.start()
    connected.integration.settings["token_url"] = f"{server.url}/token"
    connected.integration.save()
    with pytest.raises(Permanent) as caught:
        client(connected).statuses()
    server.stop()
    assert said in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_life_that_is_absurdly_long_is_a_day(connected: Connected) -> None:
    connected.server.oauth.lifetime_seconds = 1e18
    client(connected).statuses()
    row = IntegrationToken.objects.get()
    assert (row.expires_at - row.minted_at).days <= 1


def test_a_token_host_that_cannot_be_reached_is_named(connected: Connected) -> None:
    connected.integration.settings["token_url"] = "http://127.0.0.1:9/oauth/token"
    connected.integration.save()
    with pytest.raises(Transient, match=r"the host of token_url http://127\.0\.0\.1:9 could not be reached"):
        client(connected).statuses()


GIVEN = {"oauth_client_id": "app", "oauth_client_secret": "s1", "oauth_refresh_token": "r1"}
GATEWAY = "https://api.atlassian.com/ex/jira/11-22"


@pytest.mark.parametrize(
    ("settings", "secrets", "said"),
    [
        ({}, {"oauth_refresh_token": ""}, "setting oauth_refresh_token is empty, but oauth_client_id is given"),
        ({}, {"oauth_client_secret": " "}, "setting oauth_client_secret is empty, but oauth_client_id is given"),
        ({}, {"oauth_client_id": ""}, "setting oauth_client_id is empty, but oauth_client_secret is given"),
        ({"token_url": "ftp://x"}, {}, "setting token_url is 'ftp://x': expected an address like https://auth"),
        ({"base_url": "https://acme.atlassian.net/"}, {}, "https://acme.atlassian.net/_edge/tenant_info shows"),
        ({"email": "ada@acme.example"}, {}, "for OAuth leave email and username empty"),
    ],
)
def test_settings_that_do_not_go_together_are_named(
    settings: dict[str, str], secrets: dict[str, str], said: str
) -> None:
    connection = Connection(1, "Acme", {"base_url": GATEWAY, **settings}, {**GIVEN, **secrets})
    with pytest.raises(Permanent) as caught:
        JiraProvider().check(connection)
    assert said in str(caught.value)


def test_an_access_token_alone_or_an_account_with_its_token_go_on_without_oauth() -> None:
    JiraProvider().check(Connection(1, "Acme", {"base_url": GATEWAY}, {"api_token": "t"}))
    JiraProvider().check(
        Connection(1, "Acme", {"base_url": GATEWAY, "email": "ada@acme.example"}, {**GIVEN, "api_token": "t"})
    )


def test_what_a_mint_asks_is_what_atlassian_documents() -> None:
    asked: list[Request] = []

    def answer(request: Request) -> Response:
        asked.append(request)
        return Response.json({"access_token": "a", "expires_in": 3600, "refresh_token": "r2"})

    server = HttpServer(answer, 0, lambda: 1_790_000_000)
    server.start()
    minted = oauth.mint(Connection(1, "Acme", {"token_url": f"{server.url}/oauth/token"}, GIVEN))
    server.stop()
    assert (asked[0].method, asked[0].path) == ("POST", "/oauth/token")
    assert asked[0].json() == {
        "grant_type": "refresh_token",
        "client_id": "app",
        "client_secret": "s1",
        "refresh_token": "r1",
    }
    assert (minted.token, minted.replaced) == ("a", {"oauth_refresh_token": "r2"})
    assert "r2" not in repr(minted)
