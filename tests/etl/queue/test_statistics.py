"""What the queues hold and how fast they move: from RabbitMQ's own counters, and in process."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from etl.queue.broker import Broker, Delivery, Done, Outcome, Outgoing, QueueStatistics
from etl.queue.memory import MemoryBroker
from etl.queue.memory_figures import SECONDS, Figures, Rate
from etl.queue.rabbit import RabbitBroker
from etl.queue.rabbit_management import ManagementAway, RabbitManagement
from etl.queue.topology import ALL_QUEUES, Stage, Tier, queue_for
from tests.etl.queue.conftest import QUEUES
from tests.etl.queue.recorder import BOUND_SECONDS, Recorder, consuming
from tests.services.waiting import wait_until
from tests.support.processes import free_port
from tests.support.serving import Serving

pytestmark = pytest.mark.xdist_group("rabbitmq")
WORK = queue_for(Stage.TRANSFORM, Tier.BASIC)


@pytest.fixture(params=["memory", "rabbitmq"])
def told(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """Each broker; RabbitMQ with its management API."""
    if request.param == "memory":
        broker: Broker = MemoryBroker()
    else:
        url, management = request.getfixturevalue("rabbitmq_url"), request.getfixturevalue("management_url")
        broker = RabbitBroker(url, management_url=management, queues=QUEUES)
        broker.declare()
        for name in ALL_QUEUES:
            broker.purge(name)
    yield broker
    broker.close()


def of(broker: Broker, queue: str = WORK) -> QueueStatistics:
    (found,) = (one for one in broker.statistics() if one.name == queue)
    return found


def test_what_waits_what_is_in_hand_and_who_consumes_is_counted(told: Broker) -> None:
    release = threading.Event()

    def hold(_delivery: Delivery) -> Outcome:
        assert release.wait(BOUND_SECONDS)
        return Done()

    def held() -> bool:
        found = of(told)
        return (found.message_count, found.unacknowledged, found.consumer_count) == (3, 1, 1)

    told.publish([Outgoing(WORK, b"%d" % number) for number in range(4)])
    with consuming(told, WORK, Recorder(hold)):
        try:
            assert wait_until(held, BOUND_SECONDS)
        finally:
            release.set()
        assert wait_until(lambda: (of(told).message_count, of(told).unacknowledged) == (0, 0), BOUND_SECONDS)


def test_the_rates_say_that_messages_come_and_go(told: Broker) -> None:
    def moving() -> bool:
        told.publish([Outgoing(WORK, b"{}")])
        found = of(told)
        return bool(found.publish_rate and found.deliver_rate and found.ack_rate)

    with consuming(told, WORK, Recorder()):
        # RabbitMQ tells a rate after two samples; an ordinary node takes one in five seconds
        assert wait_until(moving, 4 * BOUND_SECONDS)
    assert not of(told, queue_for(Stage.TRANSFORM, Tier.ENTERPRISE)).deliver_rate


def test_every_queue_of_the_topology_is_told(told: Broker) -> None:
    assert set(ALL_QUEUES) <= {one.name for one in told.statistics()}


def test_without_the_management_api_the_counts_are_there_and_it_is_logged_once(
    rabbit: RabbitBroker, rabbitmq_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    broker = RabbitBroker(rabbitmq_url, management_url=f"http://127.0.0.1:{free_port()}")
    rabbit.publish([Outgoing(WORK, b"{}"), Outgoing(WORK, b"{}")])
    try:
        first, second = of(broker), of(broker)
    finally:
        broker.close()

    assert first == second == QueueStatistics(WORK, message_count=2, consumer_count=0)
    assert caplog.text.count("no rates of the queues") == 1


class _Odd(BaseHTTPRequestHandler):
    """Answers like something else than RabbitMQ."""

    answer = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.mark.parametrize("answer", [b"<html>", b'{"error": "no"}', b"[1]", b'[{"messages_ready": 1}]'])
def test_an_odd_answer_is_the_same_as_none_and_no_password_is_shown(answer: bytes) -> None:
    handler = type("Handler", (_Odd,), {"answer": answer})
    with Serving(HTTPServer(("127.0.0.1", 0), handler)) as server:
        management = RabbitManagement("amqp://u:s@h/v", f"http://user:secret@127.0.0.1:{server.port}/")
        with pytest.raises(ManagementAway, match=rf"127.0.0.1:{server.port}/api/queues/v: ") as raised:
            management.queues()
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "management", "asked"),
    [
        ("amqp://a:b@host:5673/pulse_etl", "", "http://host:15672/api/queues/pulse_etl"),
        ("amqps://a:b@host/a%2Fb", "", "https://host:15671/api/queues/a%2Fb"),
        ("amqp://host", "", "http://host:15672/api/queues/%2F"),
        ("amqp://host/", "http://u:p@other:8080/rabbit/", "http://other:8080/rabbit/api/queues/%2F"),
    ],
)
def test_the_management_api_is_looked_for_beside_the_broker(url: str, management: str, asked: str) -> None:
    assert RabbitManagement(url, management)._url == asked


def test_a_rate_is_the_mean_of_the_last_whole_seconds() -> None:
    rate = Rate()
    for at in (10.0, 10.5, 11.0, 14.9, 15.1):
        rate.count(at)

    assert rate.a_second(15.5) == 4 / SECONDS
    assert rate.a_second(16.0) == 3 / SECONDS
    assert rate.a_second(21.0) == 0


def test_what_is_settled_is_in_hand_no_more() -> None:
    figures = Figures()
    figures.take(1.0)
    figures.take(1.0)
    figures.settle(1.5)

    assert (figures.in_hand, figures.delivered.a_second(2.0), figures.acknowledged.a_second(2.0)) == (1, 0.4, 0.2)
