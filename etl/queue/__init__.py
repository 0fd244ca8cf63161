"""Messages between the stages: what they say, which queues they travel in, and the brokers that carry them."""

import os
import threading
from collections.abc import Mapping

from django.conf import settings

from etl.queue.broker import Broker
from etl.queue.memory import MemoryBroker
from etl.queue.rabbit import RabbitBroker
from etl.queue.topology import (
    CUSTOM_FIELDS_QUEUE,
    JOBS_QUEUE,
    QueueSpec,
    Stage,
    Tier,
    queue_for,
    with_tries,
)

_lock = threading.Lock()
_broker: Broker | None = None


def get_broker() -> Broker:
    """This process's broker: RabbitMQ where ``settings.RABBITMQ_URL`` is set, else in-process."""
    global _broker
    with _lock:
        if _broker is None:
            _broker = _new_broker()
        return _broker


def _new_broker() -> Broker:
    if not settings.RABBITMQ_URL:
        return MemoryBroker(queues=queues())
    return RabbitBroker(settings.RABBITMQ_URL, queues=queues(), management_url=settings.RABBITMQ_MANAGEMENT_URL)


def queues() -> Mapping[str, QueueSpec]:
    """Every queue, with the tries that the settings give what travels in it."""
    tries = {JOBS_QUEUE: settings.MAX_TRIES_JOBS, CUSTOM_FIELDS_QUEUE: settings.MAX_TRIES_CUSTOM_FIELDS}
    for stage in Stage:
        tries |= {queue_for(stage, tier): getattr(settings, f"MAX_TRIES_{stage.upper()}") for tier in Tier}
    return with_tries(tries)


def reset_broker() -> None:
    """Close this process's broker; the next `get_broker` makes a new one."""
    global _broker
    with _lock:
        broker, _broker = _broker, None
    if broker is not None:
        broker.close()


def _start_anew() -> None:
    """A forked child has neither its parent's threads nor a connection that it may use."""
    global _lock, _broker
    _lock, _broker = threading.Lock(), None


os.register_at_fork(after_in_child=_start_anew)
