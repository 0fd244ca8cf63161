"""What all tests share: the services of the run, and a tenant with an integration to a sandbox."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.services import rabbitmq
from tests.settings import HOME_VARIABLE
from tests.support.sites import Connected, connect, small_site

pytest_plugins: list[str] = []


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


@pytest.fixture
def connected(db: None) -> Iterator[Connected]:
    """A tenant's integration with a running sandbox of 30 issues."""
    with small_site() as server:
        yield connect(server)
