"""Commands of one profile refuse the other's settings, in one line."""

import socket

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from tests.support.processes import free_port

NOBODY = "amqp://guest:guest@127.0.0.1:{port}/%2F"


@pytest.mark.parametrize("command", ["run_worker", "run_scheduler"])
def test_processes_of_the_distributed_profile_refuse_to_run_without_rabbitmq(command: str) -> None:
    with pytest.raises(CommandError, match="RABBITMQ_URL is not set"):
        call_command(command)


def test_an_unknown_worker_is_named_with_those_that_are_known() -> None:
    with pytest.raises(
        CommandError, match="worker 'transfrom' is unknown; known are: custom_fields, dead_letters, embedding"
    ):
        call_command("run_worker", "extraction", "transfrom")


@pytest.mark.parametrize("name", ["RABBITMQ_URL", "QDRANT_URL"])
def test_the_demo_refuses_services(settings: Settings, name: str) -> None:
    setattr(settings, name, "http://127.0.0.1:1")
    with pytest.raises(CommandError, match="unset RABBITMQ_URL and QDRANT_URL"):
        call_command("demo", "--no-serve")


def test_serve_refuses_rabbitmq(settings: Settings) -> None:
    settings.RABBITMQ_URL = NOBODY.format(port=1)
    with pytest.raises(CommandError, match="run daphne, run_worker and run_scheduler instead"):
        call_command("serve")


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_taken_port_is_named_before_any_work(command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=rf"cannot listen on 127\.0\.0\.1:{port}: Address already in use"):
            call_command(command, port=port)


def test_a_broker_that_is_not_there_is_named(settings: Settings) -> None:
    port = free_port()
    settings.RABBITMQ_URL = NOBODY.format(port=port)
    from etl.queue import reset_broker

    reset_broker()
    try:
        with pytest.raises(CommandError, match=rf"RabbitMQ at 127\.0\.0\.1:{port}"):
            call_command("run_worker", "extraction")
    finally:
        reset_broker()
