"""Whom Pulse lets in, and what they reach then."""

import pytest

from etl.sql import fetch
from pulse.tenancy.access import scope_of
from pulse.tenancy.models import Tenant, User

OPEN, SHUT = Tenant(pk=1, name="Open"), Tenant(pk=2, name="Shut", active=False)
MEMBER, SUPERUSER = User(tenant=OPEN), User(is_superuser=True)
OF_SHUT = [User(tenant=SHUT), User(tenant=SHUT, is_staff=True)]
SWITCHED_OFF = [User(tenant=OPEN, is_active=False), User(is_superuser=True, is_active=False)]


def reached(user: User) -> tuple[str, str]:
    """The role and the tenant that the session has for that user."""
    with scope_of(user):
        role, tenant = fetch("SELECT current_user::text, current_setting('pulse.tenant', true)", [])[0]
    return role, tenant


@pytest.mark.parametrize("user", [*OF_SHUT, *SWITCHED_OFF])
@pytest.mark.django_db
def test_who_is_switched_off_or_of_an_inactive_tenant_reaches_and_sees_nothing(user: User) -> None:
    assert not user.may_enter
    assert not user.may_see(1)
    assert not user.may_see(2)
    assert reached(user) == reached(User())


@pytest.mark.django_db
def test_superusers_reach_an_inactive_tenant_and_members_their_own() -> None:
    owned = User(tenant=SHUT, is_superuser=True)

    assert (owned.may_see(2), SUPERUSER.may_see(2), MEMBER.may_see(1), MEMBER.may_see(2)) == (True, True, True, False)
    assert reached(owned) == reached(SUPERUSER) != reached(MEMBER)
    assert reached(MEMBER)[1] == "1"
