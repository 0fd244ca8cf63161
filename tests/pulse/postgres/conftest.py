import pytest

from pulse.tenancy.models import Tenant
from tests.etl.admin.rows import Rows


@pytest.fixture
def acme(db: None) -> Rows:
    return Rows(Tenant.objects.create(name="Acme"))


@pytest.fixture
def rival(db: None) -> Rows:
    return Rows(Tenant.objects.create(name="Rival"))
