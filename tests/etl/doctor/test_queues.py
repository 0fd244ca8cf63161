"""What is said of a real RabbitMQ: its queues, their arguments, and who takes from them."""

import socket
from collections.abc import Callable, Iterator

import pytest
from pytest_django import Settings

from etl.doctor import queues
from etl.doctor.results import State
from etl.queue import rabbit_connection
from etl.queue.broker import Delivery, Done, Outcome
from etl.queue.inspection import inspect
from etl.queue.rabbit import RabbitBroker
from etl.queue.topology import ALL_QUEUES, QueueSpec
from pulse.tenancy.models import Tenant
from tests.services.rabbitmq import own_vhost
from tests.services.waiting import wait_until

Start = Callable[..., RabbitBroker]


@pytest.fixture
def url(settings: Settings) -> Iterator[str]:
    """That of an empty vhost."""
    with own_vhost() as found:
        settings.RABBITMQ_URL = found
        yield found


@pytest.fixture
def started(url: str) -> Iterator[Start]:
    """Brokers that have declared their queues."""
    brokers: list[RabbitBroker] = []

    def start(**options: object) -> RabbitBroker:
        broker = RabbitBroker(url, **options)  # type: ignore[arg-type]
        brokers.append(broker)
        broker.declare()
        return broker

    yield start
    for broker in brokers:
        broker.close()


def taken(delivery: Delivery) -> Outcome:
    return Done()


def test_queues_that_are_not_there_are_told_and_not_made(url: str, caplog: pytest.LogCaptureFixture) -> None:
    assert queues.broker().state is State.OK
    found = queues.topology()
    assert found.state is State.FAILED
    assert set(ALL_QUEUES) < set(found.figures["missing"])
    assert inspect(url).counts == {}
    assert caplog.messages == []


def test_queues_as_they_should_be_are_well(started: Start) -> None:
    started()
    found = queues.topology()
    assert (found.state, found.said) == (State.OK, "19 queues, 0 messages wait")


def test_queues_with_other_arguments_are_told_and_so_is_what_to_do(started: Start) -> None:
    started(queues={**ALL_QUEUES, "etl.jobs": QueueSpec("etl.jobs", 7, 3)})
    found = queues.topology()
    assert (found.state, found.figures["differing"]) == (State.FAILED, ["etl.jobs"])
    assert "x-message-ttl" in found.said
    assert "rabbitmqctl delete_queue" in found.advice


@pytest.mark.django_db
def test_queues_of_tiers_with_tenants_need_consumers(started: Start) -> None:
    Tenant.objects.create(name="Acme", tier="premium")
    Tenant.objects.create(name="Gone", tier="basic", active=False)
    broker = started()
    others = ["etl.jobs", "etl.custom_fields", "etl.failed", "transform_queue_premium", "embedding_queue_premium"]
    broker.consume(others, taken, threads=1, prefetch=1)
    assert wait_until(lambda: queues.consumers().figures.get("queues") == ["extraction_queue_premium"])
    assert queues.consumers().advice == "start `manage.py run_worker extraction --tier premium`"
    broker.consume(["extraction_queue_premium"], taken, threads=1, prefetch=1)
    assert wait_until(lambda: queues.consumers().state is State.OK)


@pytest.mark.django_db
def test_workers_that_are_missing_are_named_with_one_command_for_each_tier(started: Start) -> None:
    Tenant.objects.create(name="Acme", tier="premium")
    started()
    assert queues.consumers().advice == (
        "start `manage.py run_worker jobs custom_fields dead_letters`,"
        " `manage.py run_worker extraction transform embedding --tier premium`"
    )


def test_a_server_that_takes_the_connection_and_says_nothing_is_away(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rabbit_connection, "CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        settings.RABBITMQ_URL = f"amqp://127.0.0.1:{listening.getsockname()[1]}/"
        found = queues.broker()
    assert (found.state, found.said.split(":")[0]) == (State.FAILED, "RabbitMQ at 127.0.0.1")
    assert found.advice.startswith("start RabbitMQ, or correct RABBITMQ_URL")


@pytest.mark.parametrize("url", ["garbage", "amqp://etl_user:pa55/word@127.0.0.1/pulse_etl"])
def test_what_is_no_address_is_told_without_its_password(settings: Settings, url: str) -> None:
    settings.RABBITMQ_URL = url
    found = queues.broker()
    assert (found.state, found.said) == (State.FAILED, "RABBITMQ_URL is no address")
    assert "amqp://USER:PASSWORD@HOST:PORT/VHOST" in found.advice


def test_in_the_embedded_profile_there_is_nothing_to_reach(settings: Settings) -> None:
    settings.RABBITMQ_URL = ""
    assert [queues.broker().state, queues.topology().state, queues.consumers().state] == ["ok", "ok", "skipped"]
