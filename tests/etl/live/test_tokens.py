"""Programs that open a socket with an access token."""

import secrets
from datetime import timedelta

import pytest
from rest_framework_simplejwt.tokens import AccessToken
from websockets.exceptions import ConnectionClosed, InvalidStatus

from etl.live.viewing import ENDED
from etl.models import EtlJob
from pulse.tenancy.models import Tenant, User
from pulse.tenancy.tokens import new_tokens
from tests.etl.live.viewers import Web, receive
from tests.support.making import an_integration, job_of


@pytest.fixture
def job(web: Web) -> EtlJob:
    """A job of a tenant of the test's own."""
    return job_of(an_integration(tenant=f"Tenant {secrets.token_hex(4)}"))


def token_of(tenant: Tenant) -> AccessToken:
    user = User.objects.create_user(f"user-{secrets.token_hex(4)}", tenant=tenant, password="right horse")
    return new_tokens(user).access_token


def refused(web: Web, path: str, *offered: str) -> int:
    with pytest.raises(InvalidStatus) as refusal, web.view_with(path, *offered):
        pass
    return refusal.value.response.status_code


@pytest.mark.parametrize("origin", [None, "http://elsewhere.example"])
def test_a_token_opens_a_socket_from_wherever(web: Web, job: EtlJob, origin: str | None) -> None:
    with web.view_with(web.path(job), "bearer", str(token_of(job.tenant)), origin=origin) as socket:
        assert socket.subprotocol == "bearer"
        assert receive(socket)["job_id"] == job.pk


def test_a_token_of_another_tenant_opens_nothing(web: Web, job: EtlJob) -> None:
    stranger = Tenant.objects.create(name=f"Stranger {secrets.token_hex(4)}")

    assert refused(web, web.path(job), "bearer", str(token_of(stranger))) == 403


def test_what_is_no_access_token_that_holds_opens_nothing(web: Web, job: EtlJob) -> None:
    token = token_of(job.tenant)
    user = User.objects.get(pk=token["user_id"])
    over = new_tokens(user).access_token
    over.set_exp(lifetime=timedelta(seconds=-1))
    wrong = [("bearer",), ("bearer", "x"), ("bearer", str(new_tokens(user))), ("bearer", str(over)), (str(token),)]

    assert [refused(web, web.path(job), *offered) for offered in wrong] == [403] * len(wrong)
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert refused(web, web.path(job), "bearer", str(token)) == 403


def test_a_socket_ends_with_its_token(web: Web, job: EtlJob) -> None:
    token = token_of(job.tenant)
    token.set_exp(lifetime=timedelta(seconds=5))

    with web.view_with(web.path(job), "bearer", str(token)) as socket:
        receive(socket)
        with pytest.raises(ConnectionClosed) as closed:
            receive(socket)

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == ENDED
