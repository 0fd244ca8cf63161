"""How often one may ask and log in."""

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from pulse.tenancy import keys, throttling
from pulse.tenancy.models import ApiKey, Role, Tenant, User
from pulse.tenancy.throttling import Allowances
from tests.etl.admin.rows import Rows, staff
from tests.etl.api.callers import Caller, member


class Clock:
    """A clock that a test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of all allowances, which are full now."""
    clock = Clock()
    for name in ("requests", "logins"):
        monkeypatch.setattr(throttling, name, Allowances(clock))
    return clock


@pytest.fixture
def acme(db: None) -> Rows:
    return Rows(Tenant.objects.create(name="Acme"))


# What is left


def test_an_allowance_is_spent_at_once_and_fills_again_evenly(clock: Clock) -> None:
    allowances = Allowances(clock)

    assert [allowances.spend("a", 3, 60) for _ in range(5)] == [0, 0, 0, 20, 20]
    clock.now += 20
    assert [allowances.spend("a", 3, 60) for _ in range(2)] == [0, 20]
    clock.now += 60
    assert [allowances.spend("a", 3, 60) for _ in range(4)] == [0, 0, 0, 20]


def test_each_has_an_allowance_of_its_own(clock: Clock) -> None:
    allowances = Allowances(clock)
    allowances.spend("a", 1, 60)

    assert (allowances.spend("a", 1, 60), allowances.spend("b", 1, 60)) == (60, 0)


def test_what_is_given_back_can_be_spent(clock: Clock) -> None:
    allowances = Allowances(clock)
    allowances.spend("a", 1, 60)
    allowances.give_back("a", 1, 60)

    assert allowances.spend("a", 1, 60) == 0


def test_of_too_many_those_are_kept_that_have_spent_most(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttling, "MOST_KEPT", 10)
    allowances = Allowances(clock)
    allowances.spend("spent", 2, 60), allowances.spend("spent", 2, 60)

    for number in range(1000):
        allowances.spend(str(number), 2, 60)

    assert allowances.spend("spent", 2, 60) > 0
    assert len(allowances._full_at) <= 10


# Requests


def test_a_tenant_that_asks_too_often_waits_and_others_do_not(clock: Clock, settings: Settings, acme: Rows) -> None:
    settings.API_REQUESTS_PER_MINUTE = 2
    ann, bob = Caller(member("ann", acme.tenant)), Caller(member("bob", acme.tenant))
    other = Caller(member("rita", Tenant.objects.create(name="Rival")))

    assert [caller.get("projects").status_code for caller in (ann, bob, ann, other)] == [200, 200, 429, 200]
    refused = bob.get("projects")
    assert (refused.json()["type"], refused.headers["Retry-After"]) == ("throttled", "30")
    clock.now += 30
    assert bob.get("projects").status_code == 200


def test_a_key_that_asks_too_often_leaves_something_for_the_others(
    clock: Clock, settings: Settings, acme: Rows
) -> None:
    settings.API_REQUESTS_PER_KEY_PER_MINUTE = 1
    ada = member("ada", acme.tenant, Role.ADMINISTRATOR)
    wild, calm = (keys.create_key(ApiKey(tenant=acme.tenant), {"name": name}, by=ada) for name in ("wild", "calm"))
    callers = [Caller(None, authorization=f"Api-Key {text}") for text in (wild, wild, calm)]

    assert [caller.get("projects").status_code for caller in callers] == [200, 429, 200]
    assert [Caller(ada).get("projects").status_code for _ in range(3)] == [200, 200, 200]


def test_superusers_have_an_allowance_each(clock: Clock, settings: Settings, acme: Rows) -> None:
    settings.API_REQUESTS_PER_MINUTE = 1
    callers = [Caller(User.objects.create_superuser(name)) for name in ("root", "toor")]
    answers = [caller.get("projects", tenant_id=acme.tenant.pk) for caller in (*callers, callers[0])]

    assert [answer.status_code for answer in answers] == [200, 200, 429]


# Logins


@pytest.fixture
def person(clock: Clock, settings: Settings, acme: Rows) -> User:
    settings.LOGIN_TRIES, settings.LOGIN_MINUTES = 3, 15
    return staff("Ada", acme.tenant)


def token(username: str = "Ada", password: str = "wrong", **where: Any) -> Any:
    return Client().post(
        "/app/etl/auth/token", {"username": username, "password": password}, "application/json", **where
    )


def admin(username: str = "Ada", password: str = "wrong", **where: Any) -> Any:
    return Client().post("/admin/login/", {"username": username, "password": password}, **where)


def test_after_too_many_wrong_passwords_the_right_one_waits_too(person: User, clock: Clock) -> None:
    assert [token().status_code for _ in range(4)] == [401, 401, 401, 429]

    refused = token(password="right horse")
    assert refused.headers["Retry-After"] == "300"
    assert (refused.json()["type"], refused.json()["detail"]) == (
        "throttled",
        "there were too many tries to log in: try again in 5 minutes",
    )
    clock.now += 300
    assert token(password="right horse").status_code == 200


def test_the_admin_and_the_tokens_count_together(person: User, clock: Clock) -> None:
    for _ in range(3):
        assert "too many" not in admin().content.decode()

    assert "too many tries to log in: try again in 5 minutes" in admin(password="right horse").content.decode()
    assert token(password="right horse").status_code == 429
    clock.now += 300
    assert admin(password="right horse").status_code == 302


def test_logins_that_succeed_cost_nothing(person: User) -> None:
    assert {token(password="right horse").status_code for _ in range(10)} == {200}


@pytest.mark.parametrize("name", ["ada", "ADA"])
def test_a_name_is_one_in_whatever_letters(person: User, name: str) -> None:
    assert [token(name).status_code for _ in range(3)] == [401, 401, 401]
    assert token().status_code == 429


def test_who_fails_elsewhere_keeps_nobody_out(person: User) -> None:
    for _ in range(4):
        token(REMOTE_ADDR="192.0.2.1")

    assert token(password="right horse", REMOTE_ADDR="192.0.2.2").status_code == 200


def test_who_tries_many_names_is_stopped_and_so_are_many_who_try_one(person: User) -> None:
    many_names = [token(f"name {number}", REMOTE_ADDR="192.0.2.1").status_code for number in range(31)]
    many_places = [token(REMOTE_ADDR=f"192.0.2.{number + 10}").status_code for number in range(31)]

    assert many_names == many_places == [401] * 30 + [429]


def test_a_network_of_ipv6_is_one_address(person: User) -> None:
    tried = [token(REMOTE_ADDR=f"2001:db8:0:1::{number}").status_code for number in range(4)]

    assert tried == [401, 401, 401, 429]
    assert token(REMOTE_ADDR="2001:db8:0:2::1").status_code == 401


@pytest.mark.parametrize(("proxies", "status"), [(0, 429), (1, 401)])
def test_behind_a_proxy_each_caller_has_an_address(person: User, settings: Settings, proxies: int, status: int) -> None:
    settings.TRUSTED_PROXIES = proxies
    for _ in range(3):
        token(REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="192.0.2.7, 192.0.2.1")

    assert token(REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="192.0.2.7, 192.0.2.2").status_code == status


def test_who_makes_up_an_address_before_the_proxys_gains_nothing(person: User, settings: Settings) -> None:
    settings.TRUSTED_PROXIES = 1
    made_up = [f"192.0.2.{number}, 192.0.2.99" for number in range(4)]
    tried = [token(REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=one).status_code for one in made_up]

    assert tried == [401, 401, 401, 429]
