"""What RabbitMQ has of the topology, looked at without changing anything: for whoever asks what is wrong."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pika
from pika.exceptions import ChannelClosedByBroker

from etl.queue.broker import QueueCounts
from etl.queue.rabbit_connection import RabbitConfig, arguments_of, parameters_of, retry_arguments_of, server_errors
from etl.queue.rabbit_management import RabbitManagement
from etl.queue.topology import ALL_QUEUES, RETRY_DELAYS_SECONDS, QueueSpec, retry_queue

NOT_FOUND = 404


@dataclass(frozen=True)
class Inspected:
    """``counts`` of the queues that are there, ``differing`` with what the server says of their arguments."""

    counts: Mapping[str, QueueCounts]
    missing: Sequence[str]
    differing: Mapping[str, str]


def reach(url: str) -> None:
    """Opens a connection, and closes it. Raises BrokerUnavailable."""
    with _connected(url):
        pass


def inspect(
    url: str,
    queues: Mapping[str, QueueSpec] = ALL_QUEUES,
    delays_seconds: Sequence[float] = RETRY_DELAYS_SECONDS,
) -> Inspected:
    """Raises BrokerUnavailable."""
    wanted = {name: arguments_of(spec) for name, spec in queues.items()}
    wanted |= {retry_queue(delay): retry_arguments_of(delay) for delay in delays_seconds}
    counts: dict[str, QueueCounts] = {}
    differing: dict[str, str] = {}
    with _connected(url) as connection:
        for name, arguments in wanted.items():
            found = _counts(connection, name)
            if found is not None:
                counts[name] = found
                if refusal := _refusal(connection, name, arguments):
                    differing[name] = refusal
    return Inspected(counts, [name for name in wanted if name not in counts], differing)


def management_address(url: str, management_url: str) -> str:
    """Where the management API of that server is."""
    return RabbitManagement(url, management_url).address


@contextmanager
def _connected(url: str) -> Iterator[pika.BlockingConnection]:
    config = RabbitConfig(url, {}, (), heartbeat_seconds=30)
    with server_errors(config), pika.BlockingConnection(parameters_of(config, "inspection")) as connection:
        yield connection


def _counts(connection: pika.BlockingConnection, name: str) -> QueueCounts | None:
    """None where there is no such queue. The server closes the channel that asks for one."""
    channel = connection.channel()
    try:
        answer = channel.queue_declare(name, passive=True).method
    except ChannelClosedByBroker as error:
        if error.reply_code != NOT_FOUND:
            raise
        return None
    channel.close()
    return QueueCounts(answer.message_count, answer.consumer_count)


def _refusal(connection: pika.BlockingConnection, name: str, arguments: Mapping[str, object]) -> str:
    """What the server says against our arguments; empty where they are its own.

    Declaring a queue that is there only compares.
    """
    channel = connection.channel()
    try:
        channel.queue_declare(name, durable=True, arguments=arguments)
    except ChannelClosedByBroker as error:
        return str(error.reply_text)
    channel.close()
    return ""
