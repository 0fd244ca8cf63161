import pytest

from tests.support.loading import Loading, offline_integration
from tests.support.records import STATUSES, statuses


@pytest.fixture
def loading(db: None) -> Loading:
    """An integration without a site, and a run whose answers a test makes up."""
    return Loading.of(offline_integration())


@pytest.fixture
def listed(loading: Loading) -> Loading:
    """The same, where the site's statuses are listed already."""
    loading.load(statuses(*STATUSES.values()))
    return loading


@pytest.fixture
def code(listed: Loading) -> Loading:
    """An integration of the same tenant that brings pull requests."""
    return Loading.of(offline_integration(listed.integration.tenant.name, "Code"))
