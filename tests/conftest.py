"""What all tests share: the services of the run, and a tenant with an integration to a sandbox."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.test import TransactionTestCase
from pytest_django import DjangoDbBlocker

from pulse.postgres.scope import platform_scope
from tests.services import rabbitmq
from tests.settings import HOME_VARIABLE
from tests.support import databases
from tests.support.sites import Connected, connect, small_site

pytest_plugins: list[str] = []


@pytest.fixture(scope="session", autouse=True)
def _all_tenants() -> Iterator[None]:
    """A test sees what is in the database, as the installation's own commands do; what it tests says whose it is."""
    with platform_scope():
        yield


def pytest_configure(config: pytest.Config) -> None:
    rabbitmq.pytest_configure(config)


def pytest_unconfigure(config: pytest.Config) -> None:
    """The process that started the run ends its services and removes its folder."""
    rabbitmq.pytest_unconfigure(config)
    if not hasattr(config, "workerinput"):
        _stop_database()
        shutil.rmtree(os.environ[HOME_VARIABLE], ignore_errors=True)


def _stop_database() -> None:
    from pathlib import Path

    from pulse.embedded import server_for

    server_for(Path(os.environ[HOME_VARIABLE])).stop()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Parallel workers take file by file: the slow and the large ones first, so that none is waited for at the end."""
    if hasattr(config, "workerinput"):
        sizes = Counter(item.path for item in items)
        items.sort(key=lambda item: (item.get_closest_marker("slow") is None, -sizes[item.path]))


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None, django_db_blocker: DjangoDbBlocker) -> None:
    """The test database of each worker is a copy of the run's migrated one."""
    databases.wait_for_no_disk()
    with django_db_blocker.unblock():
        settings.DATABASES["default"]["TEST"]["TEMPLATE"] = databases.template()


@pytest.fixture(scope="session", autouse=True)
def _emptied_by_deleting() -> Iterator[None]:
    """After a test whose transactions are real: Django's way empties all tables and fills some again."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(TransactionTestCase, "_fixture_teardown", lambda case: databases.make_empty())
        yield


@pytest.fixture
def connected(db: None) -> Iterator[Connected]:
    """A tenant's integration with a running sandbox of 30 issues."""
    with small_site() as server:
        yield connect(server)
