"""Tokens: how they are got, and what ends them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from pulse.tenancy.models import Tenant, User
from pulse.tenancy.tokens import new_tokens
from tests.etl.admin.rows import Rows
from tests.etl.api.callers import Caller, member


@pytest.fixture
def user(acme: Rows) -> User:
    return member("tom", acme.tenant)


def with_token(token: Any) -> Caller:
    return Caller(None, authorization=f"Bearer {token}")


def login(password: str = "right horse", username: str = "tom") -> Any:
    return Caller().post("auth/token", {"username": username, "password": password})


def test_a_name_and_a_password_become_an_access_and_a_refresh_token(user: User) -> None:
    answer = login()

    assert answer.status_code == 200
    assert with_token(answer.json()["access"]).get("projects").status_code == 200
    user.refresh_from_db()
    assert user.last_login is not None


def test_the_tenant_stands_in_the_token(user: User) -> None:
    claims = jwt.decode(login().json()["access"], options={"verify_signature": False})

    assert (claims["tenant_id"], claims["user_id"], claims["token_type"]) == (user.tenant_id, str(user.pk), "access")
    assert user.password not in str(claims)


def test_a_refresh_token_becomes_another_access_token(user: User) -> None:
    answer = Caller().post("auth/refresh", {"refresh": login().json()["refresh"]})

    assert list(answer.json()) == ["access"]
    assert with_token(answer.json()["access"]).get("projects").status_code == 200


@pytest.mark.parametrize(("username", "password"), [("tom", "wrong horse"), ("nobody", "right horse")])
def test_who_gives_a_wrong_name_or_password_is_told_no_more(user: User, username: str, password: str) -> None:
    answer = login(password, username)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.json() == {
        "type": "authentication_failed",
        "title": "Unauthorized",
        "detail": "the name or the password is wrong, or the user or tenant is inactive",
        "errors": {},
    }


def test_an_inactive_user_gets_no_token(user: User) -> None:
    User.objects.update(is_active=False)

    assert login().status_code == 401


def test_a_user_of_an_inactive_tenant_gets_no_token_and_a_superuser_does(user: User) -> None:
    Tenant.objects.update(active=False)
    assert login().status_code == 401

    User.objects.update(is_superuser=True)
    assert login().status_code == 200


def test_a_token_rests_while_its_tenant_is_inactive(user: User) -> None:
    tokens = login().json()
    Tenant.objects.update(active=False)

    assert with_token(tokens["access"]).get("projects").status_code == 401
    assert Caller().post("auth/refresh", {"refresh": tokens["refresh"]}).status_code == 401

    Tenant.objects.update(active=True)
    assert with_token(tokens["access"]).get("projects").status_code == 200


def test_a_wrong_body_is_told_without_the_password(db: None) -> None:
    answer = Caller().post("auth/token", {"username": "t" * 151, "password": "hush" * 400})

    assert answer.status_code == 400
    assert sorted(answer.json()["errors"]) == ["password", "username"]
    assert "hush" not in answer.content.decode()


def changed_password(user: User) -> None:
    user.set_password("new horse")
    user.save()


def switched_off(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def moved(user: User) -> None:
    User.objects.filter(pk=user.pk).update(tenant=Tenant.objects.create(name="Elsewhere"))


def erased(user: User) -> None:
    user.delete()


@pytest.mark.parametrize("end", [changed_password, switched_off, moved, erased])
def test_tokens_end_with_what_they_were_given_for(user: User, end: Callable[[User], None]) -> None:
    tokens = login().json()
    end(user)

    assert with_token(tokens["access"]).get("projects").status_code == 401
    assert Caller().post("auth/refresh", {"refresh": tokens["refresh"]}).status_code == 401


def test_an_expired_token_does_not_hold(user: User) -> None:
    access, refresh = new_tokens(user).access_token, new_tokens(user)
    for token in (access, refresh):
        token.set_exp(lifetime=timedelta(seconds=-1))

    answers = [with_token(access).get("projects"), Caller().post("auth/refresh", {"refresh": str(refresh)})]

    assert [answer.status_code for answer in answers] == [401, 401]
    assert [answer.json()["detail"] for answer in answers] == [
        "the access token does not hold: Token is expired",
        "the refresh token does not hold: Token is expired",
    ]


def test_a_refresh_token_opens_nothing_and_an_access_token_refreshes_nothing(user: User) -> None:
    tokens = login().json()

    assert with_token(tokens["refresh"]).get("projects").status_code == 401
    assert Caller().post("auth/refresh", {"refresh": tokens["access"]}).status_code == 401


@pytest.mark.parametrize("kind", [AccessToken, RefreshToken])
def test_a_token_that_names_no_password_and_no_tenant_does_not_hold(user: User, kind: Any) -> None:
    token = kind.for_user(user)

    answers = [with_token(token).get("projects"), Caller().post("auth/refresh", {"refresh": str(token)})]

    assert [answer.status_code for answer in answers] == [401, 401]


@pytest.mark.parametrize("text", ["", "x", "x.y.z", "é.é.é", "null", "a b", "a" * 10_000])
def test_what_is_no_token_is_refused(user: User, text: str) -> None:
    answer = with_token(text).get("projects")

    assert answer.status_code == 401
    assert (answer.json()["type"], answer.json()["errors"]) == ("authentication_failed", {})


def test_a_token_needs_no_csrf_token_and_a_session_does(user: User, acme: Rows) -> None:
    session = Caller(user)
    session.client.handler.enforce_csrf_checks = True
    token = with_token(login().json()["access"])
    token.client.handler.enforce_csrf_checks = True

    assert session.post("custom-fields/sync", {"integration_id": 1}).json()["type"] == "permission_denied"
    assert token.post("custom-fields/sync", {"integration_id": 1}).json()["type"] == "not_found"
