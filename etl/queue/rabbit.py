"""The broker that carries messages between processes: RabbitMQ."""

import logging
from collections.abc import Mapping, Sequence

from etl.queue.broker import (
    Broker,
    BrokerUnavailable,
    Dead,
    Delivery,
    Handler,
    Outgoing,
    PublishFailed,
    QueueCounts,
    QueueStatistics,
    RetryIn,
    Subscription,
)
from etl.queue.rabbit_connection import RabbitConfig
from etl.queue.rabbit_consumer import RabbitSubscription
from etl.queue.rabbit_control import RabbitControl
from etl.queue.rabbit_management import ManagementAway, RabbitManagement
from etl.queue.rabbit_publisher import RabbitPublisher
from etl.queue.rabbit_window import NO_ROUTE, Publication
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
logger = logging.getLogger(__name__)


class RabbitBroker(Broker):
    """Nothing connects before it is used. ``url`` is amqp://user:password@host:port/vhost.

    ``management_url`` is http://host:port of the same server's management API, where it is not on its usual port.
    """

    def __init__(
        self,
        url: str,
        *,
        management_url: str = "",
        queues: Mapping[str, QueueSpec] = ALL_QUEUES,
        delays_seconds: Sequence[float] = RETRY_DELAYS_SECONDS,
        heartbeat_seconds: int = 30,
    ) -> None:
        self._config = RabbitConfig(url, queues, delays_seconds, heartbeat_seconds)
        self._publisher = RabbitPublisher(self._config)
        self._control = RabbitControl(self._config)
        self._management = RabbitManagement(url, management_url)
        self._management_away = False
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
        answer = self._control.ask(lambda channel, tell: channel.queue_declare(queue, passive=True, callback=tell))
        return QueueCounts(answer.method.message_count, answer.method.consumer_count)

    def statistics(self) -> list[QueueStatistics]:
        told = self._told()
        if told is None:
            return [self._counted(name) for name in self._config.queues]
        return [told.get(name, QueueStatistics(name, 0, 0, 0, 0.0, 0.0, 0.0)) for name in self._config.queues]

    def declare(self) -> None:
        self._control.declare()

    def purge(self, queue: str) -> int:
        spec_of(queue, self._config.queues)
        answer = self._control.ask(lambda channel, tell: channel.queue_purge(queue, callback=tell))
        return int(answer.method.message_count)

    def close(self) -> None:
        for subscription in self._subscriptions:
            subscription.stop(CLOSE_SECONDS)
        self._publisher.close()
        self._control.close()

    def _told(self) -> Mapping[str, QueueStatistics] | None:
        """What the management API says; None where it is away, which is logged once for as long as it lasts."""
        try:
            told = self._management.queues()
        except ManagementAway as error:
            if not self._management_away:
                logger.warning("no rates of the queues: %s", error)
            self._management_away = True
            return None
        self._management_away = False
        return told

    def _counted(self, queue: str) -> QueueStatistics:
        found = self.counts(queue)
        return QueueStatistics(queue, found.message_count, found.consumer_count)

    def _forward(self, delivery: Delivery, outcome: RetryIn | Dead) -> None:
        message = Outgoing(delivery.queue, delivery.body, delivery.priority)
        self._publish([message], [_forwarded(delivery, outcome, self._config.delays_seconds)])

    def _publish(self, messages: Sequence[Outgoing], publications: Sequence[Publication]) -> None:
        failures = dict(self._publisher.publish(publications))
        if homeless := [index for index, why in failures.items() if why.startswith(NO_ROUTE)]:
            self._declare_again()
            again = self._publisher.publish([publications[index] for index in homeless])
            failures = {index: why for index, why in failures.items() if index not in homeless}
            failures |= {homeless[place]: why for place, why in again.items()}
        if failures:
            raise PublishFailed([(messages[index], why) for index, why in sorted(failures.items())], len(messages))

    def _declare_again(self) -> None:
        """A queue is gone, and its consumers may be: whoever is connected declares nothing by itself."""
        try:
            self.declare()
        except BrokerUnavailable as error:
            logger.warning("queues could not be declared again: %s", error)


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
