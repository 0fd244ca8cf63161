"""An installation that a module's tests share: each makes a tenant of its own in it."""

from collections.abc import Iterator

import pytest
from pytest_django import DjangoDbBlocker

from tests.support.installations import Installation, installation


@pytest.fixture(scope="module")
def shared(django_db_blocker: DjangoDbBlocker) -> Iterator[Installation]:
    with installation(django_db_blocker) as made:
        yield made


@pytest.fixture
def pulse(shared: Installation, django_db_blocker: DjangoDbBlocker) -> Iterator[Installation]:
    """The module's installation; the test's own queries go to its database."""
    with shared.entered(django_db_blocker):
        yield shared
