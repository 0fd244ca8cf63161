"""One broker a process."""

import multiprocessing
from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from etl.queue import get_broker, reset_broker
from etl.queue.memory import MemoryBroker
from etl.queue.rabbit import RabbitBroker


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    reset_broker()
    yield
    reset_broker()


def test_without_a_url_the_broker_is_in_process_and_always_the_same(settings: Settings) -> None:
    settings.RABBITMQ_URL = ""
    assert isinstance(get_broker(), MemoryBroker)
    assert get_broker() is get_broker()


def test_with_a_url_the_broker_is_rabbitmq(settings: Settings) -> None:
    settings.RABBITMQ_URL = "amqp://guest:guest@127.0.0.1/v"
    assert isinstance(get_broker(), RabbitBroker)
    assert get_broker().delivers_here


def test_a_reset_broker_is_made_anew(settings: Settings) -> None:
    settings.RABBITMQ_URL = ""
    first = get_broker()
    reset_broker()
    assert get_broker() is not first


def _tell_broker(pipe: "multiprocessing.connection.Connection", parents: int) -> None:
    pipe.send(id(get_broker()) != parents)


def test_a_forked_child_has_a_broker_of_its_own(settings: Settings) -> None:
    settings.RABBITMQ_URL = ""
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=_tell_broker, args=(theirs, id(get_broker())))
    child.start()
    assert ours.poll(10)
    assert ours.recv()
    child.join(10)
