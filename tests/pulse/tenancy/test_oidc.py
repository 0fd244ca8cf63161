"""Single sign-on, with a provider of its own."""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from pytest_django import Settings

from pulse.tenancy.models import Role, Tenant, User
from tests.pulse.tenancy import oidc_urls
from tests.pulse.tenancy.providers import CLIENT, SECRET, Provider, provider

pytestmark = pytest.mark.django_db


@pytest.fixture
def site(settings: Settings) -> Iterator[Provider]:
    with provider() as found:
        settings.ROOT_URLCONF = oidc_urls.__name__
        settings.AUTHENTICATION_BACKENDS = [*settings.AUTHENTICATION_BACKENDS, "pulse.tenancy.oidc.OidcBackend"]
        settings.OIDC_RP_CLIENT_ID, settings.OIDC_RP_CLIENT_SECRET = CLIENT, SECRET
        settings.OIDC_ISSUER = found.address
        settings.OIDC_OP_AUTHORIZATION_ENDPOINT = f"{found.address}/authorize"
        settings.OIDC_OP_TOKEN_ENDPOINT = f"{found.address}/token"
        settings.OIDC_OP_USER_ENDPOINT = f"{found.address}/userinfo"
        settings.OIDC_OP_JWKS_ENDPOINT = f"{found.address}/jwks"
        found.claims = {"tenant": "Acme", "role": "operator"}
        yield found


@pytest.fixture
def acme(db: None) -> Tenant:
    return Tenant.objects.create(name="Acme")


class Browser:
    """A browser that is sent to the provider, and back with a code."""

    def __init__(self) -> None:
        self.client = Client()

    def login(self, site: Provider, following: str = "/admin/") -> Any:
        sent = self.client.get("/oidc/authenticate/", {"next": following})
        self.asked = {name: values[0] for name, values in parse_qs(urlsplit(sent["Location"]).query).items()}
        site.claims.setdefault("nonce", self.asked["nonce"])
        return self.client.get("/oidc/callback/", {"code": "a code", "state": self.asked["state"]})


@pytest.fixture
def browser() -> Browser:
    return Browser()


def test_who_comes_for_the_first_time_is_a_user_of_the_tenant_that_is_named(
    site: Provider, acme: Tenant, browser: Browser
) -> None:
    site.info = {"email": "ann@acme.test", "given_name": "Ann", "family_name": "Ace"}

    back = browser.login(site, "/admin/tenancy/user/")

    assert back["Location"] == "/admin/tenancy/user/"
    user = User.objects.get()
    assert (user.username, user.tenant, user.role) == ("sub-1", acme, Role.OPERATOR)
    assert (user.email, user.first_name, user.last_name) == ("ann@acme.test", "Ann", "Ace")
    assert not user.has_usable_password()
    assert user.last_login is not None
    assert browser.client.get("/admin/").status_code == 200
    assert browser.client.get("/app/etl/projects").status_code == 200


def test_the_code_is_bound_to_the_browser_that_asked(site: Provider, acme: Tenant, browser: Browser) -> None:
    browser.login(site)

    (asked,) = site.asked
    digest = hashlib.sha256(asked["code_verifier"].encode()).digest()
    assert browser.asked["code_challenge"] == urlsafe_b64encode(digest).decode().rstrip("=")
    assert (asked["client_id"], asked["client_secret"], asked["code"]) == (CLIENT, SECRET, "a code")
    stolen = Client().get("/oidc/callback/", {"code": "a code", "state": browser.asked["state"]})
    assert stolen["Location"] == "/admin/login/"


def test_role_and_name_are_those_of_the_last_login(site: Provider, acme: Tenant) -> None:
    Browser().login(site)
    site.claims = {"tenant": "Acme", "role": ["everybody", "viewer", "administrator"]}
    site.info = {"given_name": "Anna"}

    Browser().login(site)

    user = User.objects.get()
    assert (user.role, user.first_name) == (Role.ADMINISTRATOR, "Anna")


def test_without_a_role_somebody_is_a_viewer(site: Provider, acme: Tenant, browser: Browser) -> None:
    site.claims = {"tenant": "Acme"}
    browser.login(site)

    assert User.objects.get().role == Role.VIEWER


def refused(browser: Browser, site: Provider) -> bool:
    """Whether a login ends at the login page with the reason, and changes nothing."""
    before = list(User.objects.order_by("pk").values())
    back = browser.login(site)
    told = "You were not let in" in browser.client.get(back["Location"]).content.decode()
    unchanged = list(User.objects.order_by("pk").values()) == before
    return told and unchanged and "_auth_user_id" not in browser.client.session


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"tenant": None}, "names no active tenant"),
        ({"tenant": "Nobody"}, "names no active tenant: 'Nobody'"),
        ({"tenant": ["Acme"]}, "names no active tenant"),
        ({"tenant": "Closed"}, "names no active tenant: 'Closed'"),
        ({"role": "superuser"}, "names no role: 'superuser'"),
        ({"role": {"x": 1}}, "names no role"),
        ({"aud": "another"}, "it is for 'another'"),
        ({"iss": "https://elsewhere.test"}, "it is from 'https://elsewhere.test'"),
        ({"exp": 1}, "expired"),
        ({"exp": None}, "it has no end"),
        ({"nonce": "another"}, "Nonce verification failed"),
        ({"sub": "sub-2"}, "tells of another user"),
    ],
)
def test_a_token_that_says_what_it_must_not_lets_nobody_in(
    site: Provider, acme: Tenant, browser: Browser, caplog: pytest.LogCaptureFixture, claims: Any, reason: str
) -> None:
    Tenant.objects.create(name="Closed", active=False)
    site.claims |= claims

    assert refused(browser, site)
    assert reason in caplog.text


def test_a_token_of_another_signer_lets_nobody_in(site: Provider, acme: Tenant, browser: Browser) -> None:
    site.signed_by = "somebody else"

    assert refused(browser, site)


def test_a_provider_that_fails_lets_nobody_in_and_its_answer_is_not_logged(
    site: Provider, acme: Tenant, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    site.fails = True

    assert refused(browser, site)
    assert "gave no good answer" in caplog.text
    assert "an access token" not in caplog.text


def superuser(acme: Tenant) -> User:
    return User.objects.create_superuser("sub-1")


def of_another_tenant(acme: Tenant) -> User:
    return User.objects.create_user("sub-1", tenant=Tenant.objects.create(name="Rival"))


def switched_off(acme: Tenant) -> User:
    return User.objects.create_user("sub-1", tenant=acme, is_active=False, role=Role.OPERATOR)


@pytest.mark.parametrize("make", [superuser, of_another_tenant, switched_off])
def test_the_provider_opens_no_account_that_is_not_the_tenants(
    site: Provider, acme: Tenant, browser: Browser, make: Any
) -> None:
    make(acme)

    assert refused(browser, site)


def test_the_login_page_leads_there_only_where_there_is_a_provider(
    acme: Tenant, settings: Settings, request: pytest.FixtureRequest
) -> None:
    assert "single sign-on" not in Client().get("/admin/login/").content.decode()
    assert Client().get("/oidc/authenticate/").status_code == 404

    request.getfixturevalue("site")

    shown = Client().get("/admin/login/?next=/admin/etl/etljob/").content.decode()
    assert 'href="/oidc/authenticate/?next=/admin/etl/etljob/"' in shown
