"""What only RabbitMQ can do to us: long work, lost connections, messages of other tools."""

import socket
import threading
from collections.abc import Iterator

import pika
import pytest

from etl.queue.broker import BrokerUnavailable, Delivery, Done, Outcome, Outgoing, PublishFailed
from etl.queue.rabbit import RabbitBroker
from etl.queue.topology import EXCHANGE, Stage, Tier, queue_for
from tests.etl.queue.recorder import BOUND_SECONDS, Recorder, consuming, waits_for_counts
from tests.services.rabbitmq_management import close_connections
from tests.services.waiting import wait_until

pytestmark = pytest.mark.xdist_group("rabbitmq")
WORK = queue_for(Stage.EXTRACTION, Tier.FREE)
WORK_SECONDS = 3.5  # the broker of these tests has heartbeats of 1 s; the server gives up after two


def outgoing(count: int) -> list[Outgoing]:
    return [Outgoing(WORK, b"%d" % number) for number in range(count)]


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that refuses connections while the test runs."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_work_longer_than_two_heartbeats_is_done_once(rabbit: RabbitBroker) -> None:
    def work(_delivery: Delivery) -> Outcome:
        threading.Event().wait(WORK_SECONDS)
        return Done()

    recorder = Recorder(work)
    rabbit.publish(outgoing(1))
    with consuming(rabbit, WORK, recorder):
        recorder.wait_for(1)
    assert waits_for_counts(rabbit, WORK, 0, 0)
    assert len(recorder.deliveries) == 1


def test_messages_survive_connections_that_the_server_closes(
    rabbit: RabbitBroker, management_url: str, rabbitmq_url: str
) -> None:
    killed = threading.Event()

    def work(delivery: Delivery) -> Outcome:
        if int(delivery.body) >= 20:
            assert killed.wait(BOUND_SECONDS)
        return Done()

    recorder = Recorder(work)
    rabbit.publish(outgoing(200))
    with consuming(rabbit, WORK, recorder, threads=2, prefetch=10):
        recorder.wait_for(21)
        assert wait_until(lambda: close_connections(management_url, rabbitmq_url, "pulse consumer") > 0)
        killed.set()
        assert wait_until(lambda: len(set(recorder.bodies)) == 200, BOUND_SECONDS)
        assert waits_for_counts(rabbit, WORK, 0, 1)
    assert any(one.redelivered for one in recorder.deliveries)


def test_publishing_goes_on_after_the_server_closed_the_connection(
    rabbit: RabbitBroker, management_url: str, rabbitmq_url: str
) -> None:
    rabbit.publish(outgoing(1))
    assert wait_until(lambda: close_connections(management_url, rabbitmq_url, "pulse publisher") > 0)
    assert wait_until(lambda: publishes(rabbit), BOUND_SECONDS)
    assert rabbit.counts(WORK).message_count >= 1


def publishes(rabbit: RabbitBroker) -> bool:
    """Whether it does; a connection that was lost while it published is reported, not hidden."""
    try:
        rabbit.publish(outgoing(1))
    except PublishFailed:
        return False
    return True


def test_a_server_that_is_not_there_is_said_to_be_so_without_the_password(closed_port: int) -> None:
    broker = RabbitBroker(f"amqp://user:secret@127.0.0.1:{closed_port}/v")
    with pytest.raises(PublishFailed, match=f"127.0.0.1:{closed_port}") as failure:
        broker.publish(outgoing(2))
    assert "secret" not in str(failure.value)
    assert failure.value.messages == tuple(outgoing(2))
    with pytest.raises(BrokerUnavailable, match=f"127.0.0.1:{closed_port}"):
        broker.declare()
    broker.close()


def test_a_subscription_waits_for_a_server_that_is_not_there_and_can_be_stopped(closed_port: int) -> None:
    broker = RabbitBroker(f"amqp://guest:guest@127.0.0.1:{closed_port}/v")
    subscription = broker.consume([WORK], Recorder(), threads=1, prefetch=1)
    assert subscription.alive
    assert subscription.stop(BOUND_SECONDS)


def test_a_closed_broker_publishes_no_more(rabbit: RabbitBroker) -> None:
    rabbit.publish(outgoing(1))
    rabbit.close()
    with pytest.raises(PublishFailed, match="closed"):
        rabbit.publish(outgoing(1))


def test_the_message_of_another_tool_is_taken_as_it_is(rabbit: RabbitBroker, rabbitmq_url: str) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(rabbitmq_url))
    connection.channel().basic_publish(EXCHANGE, WORK, b"{}", pika.BasicProperties(headers={"x-pulse-attempt": "many"}))
    connection.close()
    recorder = Recorder()
    with consuming(rabbit, WORK, recorder):
        assert recorder.wait_for(1)[0] == Delivery(WORK, b"{}", priority=10)
