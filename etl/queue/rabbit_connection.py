"""Connections to RabbitMQ, and the declaration of the topology on them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pika
from pika.adapters.utils.connection_workflow import AMQPConnectorException
from pika.channel import Channel
from pika.exceptions import AMQPError

from etl.queue.broker import BrokerUnavailable
from etl.queue.topology import (
    DEAD_EXCHANGE,
    DEAD_ROUTING_KEY,
    EXCHANGE,
    FAILED_QUEUE,
    HIGHEST_AMQP_PRIORITY,
    QueueSpec,
    retry_queue,
)

CONNECT_SECONDS = 10
BLOCKED_SECONDS = 60  # a server short of memory or disk stops reading; give up on it after this
TCP_OPTIONS = {"TCP_USER_TIMEOUT": 30_000, "TCP_KEEPIDLE": 30}


@dataclass(frozen=True)
class RabbitConfig:
    """Where the server is and what it is to have. A queue cannot change its arguments under its name."""

    url: str
    queues: Mapping[str, QueueSpec]
    delays_seconds: Sequence[float]
    heartbeat_seconds: int


def parameters_of(config: RabbitConfig, purpose: str) -> pika.URLParameters:
    """How to connect, with bounds on everything that is waited for. The purpose names the connection at the server."""
    parameters = pika.URLParameters(config.url)
    parameters.heartbeat = config.heartbeat_seconds
    parameters.socket_timeout = parameters.stack_timeout = CONNECT_SECONDS
    # without it a publisher would wait for a confirm for ever
    parameters.blocked_connection_timeout = BLOCKED_SECONDS
    parameters.tcp_options = TCP_OPTIONS
    parameters.client_properties = {"connection_name": f"pulse {purpose}"}
    return parameters


@contextmanager
def server_errors(config: RabbitConfig) -> Iterator[None]:
    """Turn pika's errors into ours, without the password that the url may hold."""
    try:
        yield
    except (AMQPError, AMQPConnectorException, OSError) as error:  # the second is none of the first
        raise BrokerUnavailable(describe(config, error)) from error


def describe(config: RabbitConfig, error: BaseException) -> str:
    """What went wrong with which server, in one line."""
    parameters = pika.URLParameters(config.url)
    return f"RabbitMQ at {parameters.host}:{parameters.port}: {error!r}"


def declare(channel: Channel, config: RabbitConfig) -> None:
    """Make the exchanges and queues that are not there. The server closes the channel over those that differ."""
    for exchange in (EXCHANGE, DEAD_EXCHANGE):
        channel.exchange_declare(exchange, "direct", durable=True)
    for spec in config.queues.values():
        channel.queue_declare(spec.name, durable=True, arguments=arguments_of(spec))
        channel.queue_bind(spec.name, EXCHANGE, spec.name)
    channel.queue_bind(FAILED_QUEUE, DEAD_EXCHANGE, DEAD_ROUTING_KEY)
    for delay in config.delays_seconds:
        _declare_retry(channel, delay)


def arguments_of(spec: QueueSpec) -> dict[str, object]:
    """What a queue is declared with: the server refuses others under its name."""
    # classic queues: quorum queues refuse x-max-priority
    arguments: dict[str, object] = {"x-message-ttl": round(spec.ttl_seconds * 1000)}
    if spec.max_length is not None:
        arguments["x-max-length"] = spec.max_length
    if spec.is_work:
        arguments["x-max-priority"] = HIGHEST_AMQP_PRIORITY
        arguments["x-dead-letter-exchange"] = DEAD_EXCHANGE
        arguments["x-dead-letter-routing-key"] = DEAD_ROUTING_KEY
    return arguments


def _declare_retry(channel: Channel, delay_seconds: float) -> None:
    """A queue that gives everything back after its delay.

    Its own fanout exchange feeds it, so that a message keeps its origin queue as routing key and finds its way
    back through the direct exchange. Published by queue name it would carry the wrong key and vanish.
    """
    name = retry_queue(delay_seconds)
    channel.exchange_declare(name, "fanout", durable=True)
    channel.queue_declare(name, durable=True, arguments=retry_arguments_of(delay_seconds))
    channel.queue_bind(name, name)


def retry_arguments_of(delay_seconds: float) -> dict[str, object]:
    """What a delay's queue is declared with."""
    return {"x-message-ttl": round(delay_seconds * 1000), "x-dead-letter-exchange": EXCHANGE}
