"""GitHub Apps: their keys, the tokens that they sign, and those that the site mints for them."""

import json
import logging
import time
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from django.db.models import F

from integrations.errors import Permanent, RateLimited, StageError, Transient
from integrations.models import Integration, IntegrationToken
from integrations.provider import Connection
from integrations.providers.github import app
from integrations.providers.github.client import GitHubClient, client_for
from integrations.sandbox.github import GitHubFaults, GitHubServer, GitHubSite, GitHubSpec
from integrations.sandbox.github.callers import signing_key
from integrations.sandbox.github.refusals import Denied
from integrations.sandbox.github.webtokens import check
from integrations.sandbox.http import Request, Response
from integrations.tokens import EARLY_SECONDS, YOUNG_SECONDS
from pulse.tenancy.models import Tenant

from .scripted import CLOCK, ScriptedSite, refusal, scripted

MINT = "POST /api/v3/app/installations/61/access_tokens"
VIEWER = "query who { viewer { login } }"


def key(form: PrivateFormat, password: bytes = b"") -> str:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return signing_key().private_bytes(Encoding.PEM, form, encryption).decode()


PEM, PKCS8 = key(PrivateFormat.TraditionalOpenSSL), key(PrivateFormat.PKCS8)
# By name: each process makes another key, and tests are told apart by their parameters.
WRITTEN = {
    "PKCS#1": PEM,
    "PKCS#8": PKCS8,
    "escaped": PEM.replace("\n", "\\n"),
    "CRLF": PEM.replace("\n", "\r\n"),
    "escaped CRLF": PKCS8.replace("\n", "\\r\\n"),
    "escaped twice": PEM.replace("\n", "\\\\n"),
    # What a field of one line makes of it.
    "with spaces": PEM.replace("\n", " "),
    "without line ends": PKCS8.replace("\n", ""),
    "quoted": f'"{PEM}"',
    "with a word before": f"Here it is:\n{PEM}",
}


@pytest.mark.parametrize("form", WRITTEN)
def test_a_key_is_read_whatever_became_of_its_line_ends(form: str) -> None:
    assert app.private_key(WRITTEN[form]).private_numbers() == signing_key().private_numbers()


def other_keys() -> dict[str, tuple[str, str]]:
    elliptic = ec.generate_private_key(ec.SECP256R1())
    public = signing_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    none, unreadable = "holds no private key", "holds a private key that cannot be read"
    return {
        "nothing": ("", none),
        "its fingerprint": ("SHA256:x0GmzJPGsU3cretx0GmzJPGsU3cret=", none),
        "public": (public.decode(), none),
        "cut": (PEM[:400], none),
        "incomplete": (PEM.replace(PEM[200:240], ""), unreadable),
        "no base64": ("-----BEGIN PRIVATE KEY-----!s3cr_t!-----END PRIVATE KEY-----", unreadable),
        "elliptic": (
            elliptic.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
            "holds a private key that is not one of RSA",
        ),
        "encrypted": (key(PrivateFormat.PKCS8, b"x"), "is encrypted"),
        "encrypted as of old": (key(PrivateFormat.TraditionalOpenSSL, b"x"), "is encrypted"),
    }


OTHERS = other_keys()


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_key_is_an_error_that_names_the_setting_and_does_not_show_it(name: str) -> None:
    text, said = OTHERS[name]
    with pytest.raises(Permanent) as caught:
        app.private_key(text)
    assert str(caught.value) == (
        f"setting app_private_key {said}: give the whole .pem file that GitHub made for the App, "
        'from "-----BEGIN RSA PRIVATE KEY-----" to the end'
    )


def test_a_web_token_is_dated_back_and_ends_before_the_ten_minutes_that_are_allowed() -> None:
    head, claims, _ = app.web_token("7", signing_key(), 1_800_000_000.9).split(".")
    found, said = (json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in (head, claims))
    assert found == {"alg": "RS256", "typ": "JWT"}
    assert said == {"iss": "7", "iat": 1_800_000_000 - 60, "exp": 1_800_000_000 + 540}


@pytest.mark.parametrize("drift", [-59, 0, 59])
def test_a_web_token_is_good_for_a_site_whose_clock_differs_a_little(drift: int) -> None:
    now = 1_800_000_000
    check(app.web_token("7", signing_key(), now + 0.9), signing_key().public_key(), ["7"], now + drift)


@dataclass(frozen=True)
class Installed:
    """A sandbox, and an integration with an installation of its App."""

    server: GitHubServer
    integration: Integration

    @property
    def connection(self) -> Connection:
        self.integration.refresh_from_db()
        return self.integration.connection()

    @property
    def client(self) -> GitHubClient:
        return client_for(self.connection)

    def viewer(self) -> str:
        login: str = self.client.query(VIEWER, {}, "who").data["viewer"]["login"]
        return login

    def minted(self) -> int:
        return sum(count for path, count in self.server.counts.items() if path.endswith("/access_tokens"))

    def age(self, seconds: float) -> None:
        """Lets the kept token grow older by that."""
        older = timedelta(seconds=seconds)
        IntegrationToken.objects.update(minted_at=F("minted_at") - older, expires_at=F("expires_at") - older)


@pytest.fixture
def installed(db: None) -> Iterator[Installed]:
    with GitHubServer(GitHubSite(GitHubSpec(3))) as server:
        number = server.app.installations[0].number
        integration = Integration.objects.create(
            tenant=Tenant.objects.create(name="Acme"),
            provider="github",
            name="GitHub",
            settings={"base_url": server.url, "app_id": str(server.app.id), "installation_id": str(number)},
            secrets={"app_private_key": server.app.private_key},
        )
        yield Installed(server, integration)


def test_an_installation_is_read_with_a_token_that_is_minted_once(installed: Installed) -> None:
    assert [installed.viewer(), installed.viewer()] == ["pulse-sandbox[bot]"] * 2
    assert installed.minted() == 1
    row = IntegrationToken.objects.get()
    assert timedelta(minutes=59) < row.expires_at - row.minted_at < timedelta(minutes=61)


def fresh(installed: Installed) -> None:
    """As another process, which knows only the row."""
    installed.integration.name += "!"
    installed.integration.save()


def test_a_token_is_renewed_before_it_expires(installed: Installed) -> None:
    installed.viewer()
    installed.age(3600 - EARLY_SECONDS - 60)
    fresh(installed)
    installed.viewer()
    assert installed.minted() == 1
    installed.age(60)
    fresh(installed)
    installed.viewer()
    assert installed.minted() == 2


def test_a_token_that_was_revoked_as_soon_as_it_was_minted_is_renewed(installed: Installed) -> None:
    client = installed.client
    client.query(VIEWER, {}, "who")
    installed.server.app.expire_tokens()
    assert client.query(VIEWER, {}, "who").data["viewer"]["login"] == "pulse-sandbox[bot]"
    assert installed.minted() == 2


def test_a_new_token_that_the_site_does_not_know_yet_may_be_known_soon(installed: Installed) -> None:
    app, minted = installed.server.app, installed.server.app.mint
    app.mint = lambda *wanted: (minted(*wanted), app.expire_tokens())[0]  # type: ignore[method-assign, func-returns-value]
    for _ in range(2):
        with pytest.raises(Transient, match="answered 401: Bad credentials") as caught:
            installed.viewer()
        assert "check that the installation" in str(caught.value)
    assert installed.minted() == 2


def test_a_token_that_is_refused_in_the_middle_is_renewed_once(installed: Installed) -> None:
    client = installed.client
    for number in (1, 2, 3):
        assert client.query(VIEWER, {}, "who").data["viewer"]["login"] == "pulse-sandbox[bot]"
        assert installed.minted() == number
        installed.server.app.expire_tokens()
        installed.age(YOUNG_SECONDS)


def test_the_time_a_token_lasts_is_told_by_the_clock_of_the_site() -> None:
    answer = Response.json({"token": "ghs_1", "expires_at": datetime.fromtimestamp(CLOCK + 600, UTC).isoformat()}, 201)
    with scripted({MINT: answer}) as site:
        minted = app.mint(given(site))
    assert abs(minted.expires_at - datetime.now(UTC) - timedelta(seconds=600)) < timedelta(seconds=30)
    assert minted.replaced == {}
    assert "ghs_1" not in repr(minted)


def given(site: ScriptedSite) -> Connection:
    settings = {"base_url": site.url, "app_id": "7", "installation_id": "61"}
    return Connection(1, "GitHub", settings, {"app_private_key": PEM})


def test_a_site_with_another_clock_is_given_a_web_token_by_its_own(caplog: pytest.LogCaptureFixture) -> None:
    def answer(request: Request) -> Response:
        token = request.headers["authorization"].removeprefix("Bearer ")
        try:
            check(token, signing_key().public_key(), ["7"], CLOCK)
        except Denied as denied:
            return denied.response()
        expires_at = datetime.fromtimestamp(CLOCK + 600, UTC).isoformat()
        return Response.json({"token": "ghs_1", "expires_at": expires_at}, 201)

    with scripted({MINT: answer}) as site:
        assert app.mint(given(site)).token == "ghs_1"
        assert len(site.requests) == 2
    assert f"its clock says {datetime.fromtimestamp(CLOCK, UTC):%H:%M:%S}" in caplog.text


def test_a_key_of_another_app_is_tried_once_with_each_clock() -> None:
    with scripted({MINT: refusal(401, "A JSON web token could not be decoded")}) as site:
        with pytest.raises(Permanent, match="answered 401: A JSON web token could not be decoded") as caught:
            app.mint(given(site))
        assert (caught.value.status, len(site.requests)) == (401, 2)


def test_a_life_that_is_absurdly_long_is_a_day() -> None:
    with scripted({MINT: {"token": "ghs_1", "expires_at": "9999-12-31T23:59:59Z"}}) as site:
        assert app.mint(given(site)).expires_at < datetime.now(UTC) + timedelta(days=1, minutes=1)


def test_a_mint_brings_a_web_token_of_the_app_and_asks_for_nothing_less_than_all() -> None:
    with scripted({MINT: {"token": "ghs_1", "expires_at": "2026-01-01T00:00:00Z"}}) as site:
        app.mint(given(site))
        (request,) = site.requests
    scheme, _, token = request.headers["authorization"].partition(" ")
    check(token, signing_key().public_key(), ["7"], time.time())
    assert (scheme, request.body) == ("Bearer", b"")


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"token": "ghs_1"},
        {"token": 7, "expires_at": "2026-01-01T00:00:00Z"},
        {"token": "ghs_1", "expires_at": "soon"},
        {"token": "ghs_1", "expires_at": None},
    ],
)
def test_an_answer_that_is_no_token_is_an_error_without_its_content(answer: dict[str, Any]) -> None:
    with (
        scripted({MINT: answer}) as site,
        pytest.raises(Permanent, match="answered no token with expires_at") as caught,
    ):
        app.mint(given(site))
    assert "ghs_1" not in str(caught.value)


def refused(installed: Installed, caplog: pytest.LogCaptureFixture) -> str:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(Permanent) as caught:
        installed.viewer()
    assert "PRIVATE KEY" not in f"{caught.value} {caplog.text}"
    assert "eyJ" not in f"{caught.value} {caplog.text}"
    return str(caught.value)


def test_a_refused_mint_names_the_setting_that_is_wrong(installed: Installed, caplog: pytest.LogCaptureFixture) -> None:
    installed.integration.settings["app_id"] = "12"
    installed.integration.save()
    said = refused(installed, caplog)
    assert "access_tokens answered 401: 'Issuer' claim" in said
    assert said.endswith("check that app_private_key is a key of the App app_id 12, and the clock of this machine")
    installed.integration.settings |= {"app_id": str(installed.server.app.id), "installation_id": "99"}
    installed.integration.save()
    said = refused(installed, caplog)
    assert f"check installation_id: the App {installed.server.app.id} has no installation 99" in said


def test_a_suspended_installation_is_told() -> None:
    with scripted({MINT: Response.json({"message": "This installation has been suspended"}, 403)}) as site:
        with pytest.raises(Permanent, match="answered 403: This installation has been suspended") as caught:
            app.mint(given(site))
        assert str(caught.value).endswith("check that the installation 61 of the App 7 is not suspended")


@pytest.mark.parametrize(("faults", "error"), [({"fail_first": 9}, Transient), ({"throttle_first": 9}, RateLimited)])
def test_a_mint_in_trouble_is_waited_for(installed: Installed, faults: dict[str, int], error: type[StageError]) -> None:
    installed.server.faults = GitHubFaults(**faults, only_under="/api/v3/app")  # type: ignore[arg-type]
    with pytest.raises(error):
        installed.viewer()
    installed.server.faults = GitHubFaults()
    assert installed.viewer() == "pulse-sandbox[bot]"


def test_the_installation_and_those_beside_it_are_told(installed: Installed) -> None:
    found = app.installation(installed.connection)
    assert (found["account"]["login"], found["app_slug"]) == ("acme", "pulse-sandbox")
    assert app.installations(installed.connection) == {"6100000001": "acme", "6100000002": "acme-labs"}
