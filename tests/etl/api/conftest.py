"""The people who ask for the rows of two tenants, or of one with an integration."""

import pytest

from integrations.models import Integration
from pulse.tenancy.models import Role, User
from tests.etl.admin.rows import Rows
from tests.etl.api.callers import Caller, member
from tests.support.brokers import RecordingBroker
from tests.support.making import an_integration


@pytest.fixture
def integration(db: None, recording: RecordingBroker) -> Integration:
    return an_integration()


@pytest.fixture
def caller(integration: Integration) -> Caller:
    """An operator of the integration's tenant."""
    return Caller(member("otto", integration.tenant))


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
