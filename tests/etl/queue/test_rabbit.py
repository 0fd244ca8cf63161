"""What only RabbitMQ can do to us: long work, lost connections, messages of other tools."""

import socket
import threading
from collections.abc import Iterator

import pika
import pytest

from etl.queue import rabbit_connection
from etl.queue.broker import BrokerUnavailable, Delivery, Done, Outcome, Outgoing, PublishFailed
from etl.queue.rabbit import RabbitBroker
from etl.queue.topology import EXCHANGE, Stage, Tier, queue_for
from tests.etl.queue.recorder import BOUND_SECONDS, Recorder, consuming, waits_for_counts
from tests.services.rabbitmq_management import close_connections
from tests.services.waiting import wait_until

pytestmark = pytest.mark.xdist_group("rabbitmq")
WORK, OTHER = queue_for(Stage.EXTRACTION, Tier.FREE), queue_for(Stage.TRANSFORM, Tier.FREE)
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


def delete_queue(url: str, name: str) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(url))
    connection.channel().queue_delete(name)
    connection.close()


def test_a_queue_that_is_gone_is_declared_again_by_who_publishes_to_it(rabbit: RabbitBroker, rabbitmq_url: str) -> None:
    rabbit.publish(outgoing(1))
    delete_queue(rabbitmq_url, WORK)

    rabbit.publish([Outgoing(OTHER, b"x"), *outgoing(2)])

    assert waits_for_counts(rabbit, WORK, 2, 0)
    assert waits_for_counts(rabbit, OTHER, 1, 0)


def test_who_consumes_from_a_queue_that_is_gone_goes_on_with_the_new_one(
    rabbit: RabbitBroker, rabbitmq_url: str
) -> None:
    recorder = Recorder()
    with consuming(rabbit, WORK, recorder):
        rabbit.publish(outgoing(1))
        recorder.wait_for(1)
        delete_queue(rabbitmq_url, WORK)
        assert wait_until(lambda: publishes(rabbit), BOUND_SECONDS)
        recorder.wait_for(2)


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


def test_a_server_that_accepts_and_says_nothing_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rabbit_connection, "CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        broker = RabbitBroker(f"amqp://guest:guest@127.0.0.1:{silent.getsockname()[1]}/v")
        with pytest.raises(BrokerUnavailable, match="Timeout"):
            broker.declare()
        with pytest.raises(PublishFailed, match="Timeout"):
            broker.publish(outgoing(1))
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


def test_a_queue_that_is_deleted_under_its_consumer_is_made_again_and_consumed(
    rabbit: RabbitBroker, rabbitmq_url: str
) -> None:
    recorder = Recorder()
    with consuming(rabbit, WORK, recorder):
        assert waits_for_counts(rabbit, WORK, 0, 1)
        connection = pika.BlockingConnection(pika.URLParameters(rabbitmq_url))
        connection.channel().queue_delete(WORK)
        connection.close()

        assert wait_until(lambda: publishes(rabbit), BOUND_SECONDS)

        assert recorder.wait_for(1)[0].body == b"0"


def test_acknowledgements_of_many_threads_all_arrive(rabbit: RabbitBroker) -> None:
    recorder = Recorder()
    rabbit.publish(outgoing(2000))
    with consuming(rabbit, WORK, recorder, threads=8, prefetch=8):
        recorder.wait_for(2000)
        assert waits_for_counts(rabbit, WORK, 0, 1)
    # the server has given none of them back
    assert waits_for_counts(rabbit, WORK, 0, 0)
    assert len(recorder.deliveries) == 2000


def test_what_one_thread_acknowledges_leaves_while_another_waits_for_a_message(rabbit: RabbitBroker) -> None:
    def ask_the_server(_delivery: Delivery) -> Outcome:
        rabbit.counts(WORK)
        return Done()

    recorder = Recorder(ask_the_server)
    rabbit.publish(outgoing(10))
    with consuming(rabbit, WORK, recorder, threads=2, prefetch=1):
        recorder.wait_for(10)


def test_what_is_acknowledged_leaves_while_the_next_one_in_hand_takes_long(rabbit: RabbitBroker) -> None:
    released = threading.Event()

    def work(delivery: Delivery) -> Outcome:
        assert delivery.body == b"0" or released.wait(BOUND_SECONDS)
        return Done()

    rabbit.publish(outgoing(5))
    with consuming(rabbit, WORK, work, prefetch=4):
        # the fifth is given out when the first is acknowledged
        assert waits_for_counts(rabbit, WORK, 0, 1)
        released.set()


def test_the_message_of_another_tool_is_taken_as_it_is(rabbit: RabbitBroker, rabbitmq_url: str) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(rabbitmq_url))
    connection.channel().basic_publish(EXCHANGE, WORK, b"{}", pika.BasicProperties(headers={"x-pulse-attempt": "many"}))
    connection.close()
    recorder = Recorder()
    with consuming(rabbit, WORK, recorder):
        assert recorder.wait_for(1)[0] == Delivery(WORK, b"{}", priority=10)
