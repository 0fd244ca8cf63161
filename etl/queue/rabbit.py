"""The broker that carries messages between processes: RabbitMQ."""

from collections.abc import Mapping, Sequence
from functools import partial

from pika.adapters.blocking_connection import BlockingChannel

from etl.queue.broker import (
    Broker,
    Dead,
    Delivery,
    Handler,
    Outgoing,
    PublishFailed,
    QueueCounts,
    RetryIn,
    Subscription,
)
from etl.queue.rabbit_connection import RabbitConfig
from etl.queue.rabbit_consumer import RabbitSubscription
from etl.queue.rabbit_control import RabbitControl
from etl.queue.rabbit_publisher import RabbitPublisher
from etl.queue.rabbit_window import Publication
from etl.queue.topology import (
    ALL_QUEUES,
    DEAD_EXCHANGE,
    DEAD_ROUTING_KEY,
    EXCHANGE,
    RETRY_DELAYS_SECONDS,
    QueueSpec,
    nearest_delay,
    retry_queue,
    spec_of,
)
from etl.queue.wire import properties_of

CLOSE_SECONDS = 5


class RabbitBroker(Broker):
    """Nothing connects before it is used. ``url`` is amqp://user:password@host:port/vhost."""

    def __init__(
        self,
        url: str,
        *,
        queues: Mapping[str, QueueSpec] = ALL_QUEUES,
        delays_seconds: Sequence[float] = RETRY_DELAYS_SECONDS,
        heartbeat_seconds: int = 30,
    ) -> None:
        self._config = RabbitConfig(url, queues, delays_seconds, heartbeat_seconds)
        self._publisher = RabbitPublisher(self._config)
        self._control = RabbitControl(self._config)
        self._subscriptions: list[RabbitSubscription] = []

    @property
    def delivers_here(self) -> bool:
        return True

    def publish(self, messages: Sequence[Outgoing]) -> None:
        self._publish(messages, [_publication(message) for message in messages])

    def consume(self, queues: Sequence[str], handler: Handler, *, threads: int, prefetch: int) -> Subscription:
        subscription = RabbitSubscription(self._config, queues, handler, self._forward, threads, prefetch)
        self._subscriptions = [one for one in self._subscriptions if one.alive] + [subscription]
        return subscription

    def counts(self, queue: str) -> QueueCounts:
        spec_of(queue, self._config.queues)
        return self._control.call(partial(_counts, queue))

    def declare(self) -> None:
        self._control.close()
        self._control.call(lambda channel: None)  # connecting declares

    def purge(self, queue: str) -> int:
        spec_of(queue, self._config.queues)
        return self._control.call(partial(_purge, queue))

    def close(self) -> None:
        for subscription in self._subscriptions:
            subscription.stop(CLOSE_SECONDS)
        self._publisher.close()
        self._control.close()

    def _forward(self, delivery: Delivery, outcome: RetryIn | Dead) -> None:
        message = Outgoing(delivery.queue, delivery.body, delivery.priority)
        self._publish([message], [_forwarded(delivery, outcome, self._config.delays_seconds)])

    def _publish(self, messages: Sequence[Outgoing], publications: Sequence[Publication]) -> None:
        failures = self._publisher.publish(publications)
        if failures:
            raise PublishFailed([(messages[index], why) for index, why in sorted(failures.items())], len(messages))


def _publication(message: Outgoing) -> Publication:
    return Publication(EXCHANGE, message.queue, message.body, properties_of(message.priority))


def _forwarded(delivery: Delivery, outcome: RetryIn | Dead, delays_seconds: Sequence[float]) -> Publication:
    """Where a message goes that was not dealt with: to a retry queue's fanout exchange, or to the dead letters."""
    if isinstance(outcome, Dead):
        properties = properties_of(
            delivery.priority, delivery.attempt, delivery.message_id, outcome.reason, delivery.queue
        )
        return Publication(DEAD_EXCHANGE, DEAD_ROUTING_KEY, delivery.body, properties)
    properties = properties_of(
        delivery.priority, delivery.attempt + 1, delivery.message_id, delivery.error, delivery.origin
    )
    exchange = retry_queue(nearest_delay(outcome.seconds, delays_seconds))
    return Publication(exchange, delivery.queue, delivery.body, properties)


def _counts(queue: str, channel: BlockingChannel) -> QueueCounts:
    answer = channel.queue_declare(queue, passive=True).method
    return QueueCounts(answer.message_count, answer.consumer_count)


def _purge(queue: str, channel: BlockingChannel) -> int:
    return int(channel.queue_purge(queue).method.message_count)
