"""Access tokens that are minted, kept and renewed, with an issuer that a test holds in its hands."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from django.db import connection as database
from django.db import transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from integrations.errors import Permanent, RateLimited, StageError, Transient
from integrations.http import HttpClient, throttled
from integrations.http import Response as Answer
from integrations.models import Integration, IntegrationToken
from integrations.provider import Connection
from integrations.sandbox.http import HttpServer, Request, Response
from integrations.tokens import EARLY_SECONDS, YOUNG_SECONDS, Minted, RenewedToken
from pulse.postgres.scope import in_same_scope
from pulse.tenancy.models import Tenant

KEY = "api_token"
NAMES = (KEY, "base_url")
GIVEN = "given-key"


@dataclass
class Issuer:
    """Mints tokens that are numbered, with keys that are good once. ``site`` takes only those in ``good``."""

    lifetime: timedelta = timedelta(hours=1)
    used: list[str] = field(default_factory=list)
    good: set[str] = field(default_factory=set)
    error: StageError | None = None
    token: str = "token-{}"
    rotating: bool = True
    is_taken: bool = True

    def mint(self, connection: Connection) -> Minted:
        if self.error:
            raise self.error
        self.used.append(connection.setting(KEY))
        token = self.token.format(len(self.used))
        if self.is_taken:
            self.good.add(token)
        replaced = {KEY: f"key-{len(self.used)}"} if self.rotating else {}
        return Minted(token, datetime.now(UTC) + self.lifetime, replaced)

    def site(self, request: Request) -> Response:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        return Response.json({"token": token}, 200 if token in self.good else 401)


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def integration(db: None) -> Integration:
    return made()


def made() -> Integration:
    tenant = Tenant.objects.create(name="Acme")
    settings = {"base_url": "https://acme.example", "email": "ada@acme.example"}
    return Integration.objects.create(
        tenant=tenant, provider="jira", name="Jira", settings=settings, secrets={KEY: GIVEN, "webhook_secret": "other"}
    )


def worker(integration: Integration, issuer: Issuer) -> RenewedToken:
    """As another process has it: it knows nothing but the row."""
    return RenewedToken(Integration.objects.get(pk=integration.pk).connection(), NAMES, issuer.mint)


def age(integration: Integration, seconds: float) -> None:
    """Lets the kept token grow older by that."""
    row, older = IntegrationToken.objects.get(pk=integration.pk), timedelta(seconds=seconds)
    IntegrationToken.objects.filter(pk=integration.pk).update(
        minted_at=row.minted_at - older, expires_at=row.expires_at - older
    )


def test_a_token_is_minted_once_for_all_workers(integration: Integration, issuer: Issuer) -> None:
    first = worker(integration, issuer)
    assert [first.token(), first.token(), worker(integration, issuer).token()] == ["token-1"] * 3
    assert issuer.used == [GIVEN]


def test_a_token_that_lasts_is_asked_for_without_the_database(
    integration: Integration, issuer: Issuer, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    one = worker(integration, issuer)
    one.token()
    with django_assert_num_queries(0):
        assert one.token() == "token-1"


def test_a_token_is_renewed_before_it_expires_with_the_key_that_replaced_the_given_one(
    integration: Integration, issuer: Issuer
) -> None:
    worker(integration, issuer).token()
    age(integration, 3600 - EARLY_SECONDS - 60)
    assert worker(integration, issuer).token() == "token-1"
    age(integration, 60)
    assert worker(integration, issuer).token() == "token-2"
    age(integration, 3600)
    assert worker(integration, issuer).token() == "token-3"
    assert issuer.used == [GIVEN, "key-1", "key-2"]


def test_a_worker_that_holds_a_token_renews_it_in_time(integration: Integration, issuer: Issuer) -> None:
    issuer.lifetime = timedelta(0)
    one = worker(integration, issuer)
    assert [one.token(), one.token()] == ["token-1", "token-2"]


def test_a_key_that_is_good_for_ever_is_used_again(integration: Integration, issuer: Issuer) -> None:
    issuer.rotating = False
    worker(integration, issuer).token()
    age(integration, 3600)
    worker(integration, issuer).token()
    assert issuer.used == [GIVEN, GIVEN]


def test_a_key_that_somebody_gives_anew_goes_before_what_was_kept(integration: Integration, issuer: Issuer) -> None:
    stale = worker(integration, issuer)
    stale.token()
    integration.secrets = {**integration.secrets, KEY: "new-key"}
    integration.save()
    assert worker(integration, issuer).token() == "token-2"
    # A worker that read the old key before does not bring it back.
    age(integration, 3600)
    assert stale.token(refused="token-1") == "token-3"
    assert issuer.used == [GIVEN, "new-key", "key-2"]


def test_a_setting_that_the_token_depends_on_makes_a_new_one_with_the_key_as_it_is(
    integration: Integration, issuer: Issuer
) -> None:
    worker(integration, issuer).token()
    integration.settings = {**integration.settings, "email": "other@acme.example"}
    integration.save()
    assert worker(integration, issuer).token() == "token-1"
    integration.settings = {**integration.settings, "base_url": "https://moved.example"}
    integration.save()
    assert worker(integration, issuer).token() == "token-2"
    assert issuer.used == [GIVEN, "key-1"]


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_use_no_key_twice(issuer: Issuer) -> None:
    integration, begin = made(), threading.Barrier(4)
    worker(integration, issuer).token()
    age(integration, 3600)

    def ask(number: int) -> str:
        one = worker(integration, issuer)
        begin.wait(20)
        try:
            return one.token()
        finally:
            database.close()

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(in_same_scope(ask), range(4))) == {"token-2"}
    assert issuer.used == [GIVEN, "key-1"]


def test_what_replaced_a_key_is_kept_whatever_its_caller_rolls_back(integration: Integration, issuer: Issuer) -> None:
    # The test's own transaction does not count; one around the renewal does.
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        worker(integration, issuer).token()
    assert issuer.used == []


def test_nothing_that_is_kept_can_be_read_in_the_database(integration: Integration, issuer: Issuer) -> None:
    worker(integration, issuer).token()
    with database.cursor() as cursor:
        cursor.execute("SELECT t::text FROM integration_tokens t")
        ((row,),) = cursor.fetchall()
    assert "token-1" not in row
    assert "key-1" not in row
    assert "key-1" not in repr(issuer.mint(integration.connection()))


@pytest.fixture
def site(issuer: Issuer) -> Iterator[HttpServer]:
    server = HttpServer(issuer.site, 0, lambda: 1_700_000_000.0)
    server.start()
    yield server
    server.stop()


def call(site: HttpServer, auth: httpx.Auth) -> str:
    told: dict[str, str] = HttpClient(site.url, auth=auth).request("GET", "/thing").json()
    return told["token"]


@pytest.mark.parametrize("seconds", [0, YOUNG_SECONDS])
def test_a_refused_token_is_renewed_once_and_the_call_made_again(
    integration: Integration, issuer: Issuer, site: HttpServer, seconds: int
) -> None:
    one = worker(integration, issuer)
    assert call(site, one) == "token-1"
    issuer.good.clear()
    age(integration, seconds)
    assert call(site, one) == "token-2"
    assert len(site.requests) == 3


def test_a_refused_token_that_another_worker_renewed_is_not_renewed_again(
    integration: Integration, issuer: Issuer, site: HttpServer
) -> None:
    one, other = worker(integration, issuer), worker(integration, issuer)
    assert [call(site, one), call(site, other)] == ["token-1", "token-1"]
    issuer.good.clear()
    age(integration, YOUNG_SECONDS)
    assert [call(site, one), call(site, other)] == ["token-2", "token-2"]


def test_tokens_that_are_revoked_again_and_again_are_renewed_each_time(
    integration: Integration, issuer: Issuer, site: HttpServer
) -> None:
    one = worker(integration, issuer)
    for number in (1, 2, 3, 4):
        assert call(site, one) == f"token-{number}"
        issuer.good.clear()


def test_calls_that_are_refused_with_young_tokens_too_do_not_mint_one_each(
    integration: Integration, issuer: Issuer, site: HttpServer
) -> None:
    issuer.is_taken = False
    one = worker(integration, issuer)
    for calls in (2, 3, 4):
        with pytest.raises(Permanent) as caught:
            call(site, one)
        assert caught.value.status == 401
        assert (len(issuer.used), len(site.requests)) == (2, calls)


def test_a_call_that_is_refused_with_every_token_ends(
    integration: Integration, issuer: Issuer, site: HttpServer
) -> None:
    one = worker(integration, issuer)
    one.token()
    age(integration, YOUNG_SECONDS)
    issuer.good.clear()
    issuer.is_taken = False
    with pytest.raises(Permanent, match="answered 401"):
        call(site, one)
    assert (len(issuer.used), len(site.requests)) == (2, 2)


@pytest.mark.parametrize("error", [Transient("down"), RateLimited("wait", None)])
def test_where_the_issuer_does_not_answer_a_token_is_used_until_it_expires(
    integration: Integration, issuer: Issuer, error: StageError
) -> None:
    worker(integration, issuer).token()
    age(integration, 3600 - EARLY_SECONDS)
    issuer.error = error
    one = worker(integration, issuer)
    assert one.token() == "token-1"
    # Not one refused mint a call.
    issuer.error = None
    assert (one.token(), issuer.used) == ("token-1", [GIVEN])
    issuer.error = error
    age(integration, EARLY_SECONDS)
    with pytest.raises(type(error)):
        worker(integration, issuer).token()


def test_a_refusal_to_mint_is_an_error_at_once(integration: Integration, issuer: Issuer) -> None:
    worker(integration, issuer).token()
    age(integration, 3600 - EARLY_SECONDS)
    issuer.error = Permanent("give a new key")
    with pytest.raises(Permanent, match="give a new key"):
        worker(integration, issuer).token()


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "tök"])
def test_a_token_that_no_header_takes_is_refused_and_not_shown(
    integration: Integration, issuer: Issuer, token: str
) -> None:
    issuer.token = token
    with pytest.raises(Permanent, match="holds characters that no header takes") as caught:
        worker(integration, issuer).token()
    assert not token or token not in str(caught.value)


class Ceiling:
    """The site's own calls may not be made now."""

    def call(self, question: str, make: Callable[[], Answer]) -> Answer:
        raise RateLimited("no call now", None)


def test_minting_waits_for_no_slot_of_the_sites_ceiling(
    integration: Integration, issuer: Issuer, site: HttpServer
) -> None:
    def mint(connection: Connection) -> Minted:
        HttpClient(site.url).request("POST", "/token", accept=(401,))
        return issuer.mint(connection)

    one = RenewedToken(integration.connection(), NAMES, mint)
    with throttled(Ceiling()):
        assert one.token() == "token-1"


def test_the_row_says_when_the_token_was_minted_and_how_long_it_lasts(integration: Integration, issuer: Issuer) -> None:
    worker(integration, issuer).token()
    row = IntegrationToken.objects.get()
    assert row.tenant_id == integration.tenant_id
    assert timedelta(minutes=59) < row.expires_at - row.minted_at < timedelta(minutes=61)
    assert row.minted_at <= timezone.now()
