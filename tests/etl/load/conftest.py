import pytest

from tests.support.loading import Loading, offline_integration


@pytest.fixture
def loading(db: None) -> Loading:
    """An integration without a site, and a run whose answers a test makes up."""
    return Loading.of(offline_integration())
