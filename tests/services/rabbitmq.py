"""One RabbitMQ for a whole test run: the given one, a private node of Debian's server, or a container.

Hook it into ``tests/conftest.py`` with
``from tests.services.rabbitmq import pytest_configure, pytest_unconfigure``.
"""

import atexit
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.services import debian, rabbitmq_docker, rabbitmq_management, rabbitmq_node

URL_VARIABLE = "PULSE_TEST_RABBITMQ_URL"
MANAGEMENT_VARIABLE = "PULSE_TEST_RABBITMQ_MANAGEMENT_URL"
WHAT_TO_INSTALL = "RabbitMQ is needed: apt-get install rabbitmq-server, or start docker, or set RABBITMQ_URL"


@dataclass(frozen=True)
class RunningRabbit:
    """A broker that answers. ``url`` is amqp://…/vhost, ``management_url`` http://user:password@host:port."""

    url: str
    management_url: str
    stop: Callable[[], None]


_KEY = pytest.StashKey[RunningRabbit]()


def ensure_rabbitmq() -> RunningRabbit:
    """Start or find a RabbitMQ; raises RuntimeError with one line that says what to install."""
    given = os.environ.get("RABBITMQ_URL", "")
    if given:
        return _given(given)
    if not rabbitmq_node.installed():
        debian.install("rabbitmq-server")
    if rabbitmq_node.installed():
        return RunningRabbit(*rabbitmq_node.start())
    if rabbitmq_docker.available():
        return RunningRabbit(*rabbitmq_docker.start())
    raise RuntimeError(WHAT_TO_INSTALL)


def _given(url: str) -> RunningRabbit:
    management = os.environ.get("RABBITMQ_MANAGEMENT_URL") or rabbitmq_management.management_url_of(url)
    return RunningRabbit(url, management, lambda: None)


def pytest_configure(config: pytest.Config) -> None:
    """Start the broker in the one process that workers are started from, and tell them where it is.

    A run without workers starts it when the first test needs it (see `_found`): many need none.
    """
    if getattr(config.option, "numprocesses", None) and not config.option.collectonly:
        config.stash[_KEY] = _told(ensure_rabbitmq())


def _told(rabbit: RunningRabbit) -> RunningRabbit:
    os.environ[URL_VARIABLE], os.environ[MANAGEMENT_VARIABLE] = rabbit.url, rabbit.management_url
    return rabbit


def _found(variable: str) -> str:
    if variable not in os.environ:
        atexit.register(_told(ensure_rabbitmq()).stop)
    return os.environ[variable]


def management_url() -> str:
    """Where the management API of the run's broker is."""
    return _found(MANAGEMENT_VARIABLE)


@contextmanager
def own_vhost() -> Iterator[str]:
    """The url of a vhost of this process's own, for as long as it is needed.

    The tests purge queues and close connections: they must meet neither those of a parallel worker nor real ones.
    """
    url, management = _found(URL_VARIABLE), management_url()
    vhost = f"pulse_test_{os.getpid()}_{secrets.token_hex(4)}"
    rabbitmq_management.create_vhost(management, vhost)
    try:
        yield rabbitmq_management.with_vhost(url, vhost)
    finally:
        rabbitmq_management.delete_vhost(management, vhost)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what this process started."""
    rabbit = config.stash.get(_KEY, None)
    if rabbit is not None:
        del config.stash[_KEY]
        rabbit.stop()
