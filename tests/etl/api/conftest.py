"""Two tenants with rows of their own, and the people who ask for them."""

import pytest

from pulse.tenancy.models import Role, Tenant, User
from tests.etl.admin.rows import Rows
from tests.etl.api.callers import Caller, member


@pytest.fixture
def acme(db: None) -> Rows:
    return Rows(Tenant.objects.create(name="Acme"))


@pytest.fixture
def rival(db: None) -> Rows:
    return Rows(Tenant.objects.create(name="Rival"))


@pytest.fixture
def owner(acme: Rows) -> Caller:
    """An operator of Acme."""
    return Caller(member("otto", acme.tenant))


@pytest.fixture
def administrator(acme: Rows) -> Caller:
    return Caller(member("ada", acme.tenant, Role.ADMINISTRATOR))


@pytest.fixture
def viewer(acme: Rows) -> Caller:
    return Caller(member("vera", acme.tenant, Role.VIEWER))


@pytest.fixture
def stranger(rival: Rows) -> Caller:
    """An administrator of Rival."""
    return Caller(member("rita", rival.tenant, Role.ADMINISTRATOR))


@pytest.fixture
def stray(db: None) -> Caller:
    """A person without a tenant."""
    return Caller(member("stan", None, Role.ADMINISTRATOR))


@pytest.fixture
def anonymous(db: None) -> Caller:
    return Caller()


@pytest.fixture
def superuser(db: None) -> Caller:
    return Caller(User.objects.create_superuser("root", password="right horse"))
