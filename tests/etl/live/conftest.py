"""A web process of its own, and viewers of its sockets."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from pytest_django import DjangoDbBlocker

from tests.etl.live.viewers import Web
from tests.services.waiting import wait_until
from tests.support.installations import Installation, installation
from tests.support.processes import answers, free_port


@dataclass(frozen=True)
class Served:
    """An installation with a web process."""

    installation: Installation
    web: Web


@pytest.fixture(scope="module")
def served(django_db_blocker: DjangoDbBlocker) -> Iterator[Served]:
    with installation(django_db_blocker) as made:
        port = free_port()
        process = made.start_python("-m", "daphne", "-b", "127.0.0.1", "-p", port, "pulse.asgi:application")
        assert wait_until(lambda: answers(port), 60), process.errors
        yield Served(made, Web(port))
        assert "Traceback" not in process.errors, process.errors


@pytest.fixture
def web(served: Served, django_db_blocker: DjangoDbBlocker) -> Iterator[Web]:
    """The module's web process; the test's own queries go to its database."""
    with served.installation.entered(django_db_blocker):
        yield served.web
