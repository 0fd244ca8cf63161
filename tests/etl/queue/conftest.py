"""Both brokers, as one fixture: every contract test runs on RabbitMQ and in process."""

from collections.abc import Iterator, Mapping

import pytest

from etl.queue.broker import Broker
from etl.queue.memory import MemoryBroker
from etl.queue.rabbit import RabbitBroker
from etl.queue.topology import ALL_QUEUES, QueueSpec
from tests.etl.queue.recorder import DELAYS_SECONDS, SHORT_LIVED
from tests.services import rabbitmq
from tests.services.rabbitmq import own_vhost

QUEUES: Mapping[str, QueueSpec] = {**ALL_QUEUES, SHORT_LIVED: QueueSpec(SHORT_LIVED, 0.2, 3)}


@pytest.fixture(scope="session")
def rabbitmq_url() -> Iterator[str]:
    with own_vhost() as url:
        yield url


@pytest.fixture
def management_url() -> str:
    return rabbitmq.management_url()


@pytest.fixture
def rabbit(rabbitmq_url: str) -> Iterator[RabbitBroker]:
    """A RabbitMQ broker with short delays, on empty queues."""
    broker = _rabbit(rabbitmq_url)
    yield broker
    broker.close()


@pytest.fixture(params=["memory", "rabbitmq"])
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    if request.param == "memory":
        in_process = MemoryBroker(queues=QUEUES, delays_seconds=DELAYS_SECONDS)
        yield in_process
        in_process.close()
    else:
        yield request.getfixturevalue("rabbit")


def _rabbit(url: str) -> RabbitBroker:
    broker = RabbitBroker(url, queues=QUEUES, delays_seconds=DELAYS_SECONDS, heartbeat_seconds=1)
    broker.declare()
    for name in QUEUES:
        broker.purge(name)
    return broker
