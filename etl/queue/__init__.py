"""Messages between the stages: what they say, which queues they travel in, and the brokers that carry them."""

import os
import threading

from django.conf import settings

from etl.queue.broker import Broker
from etl.queue.memory import MemoryBroker
from etl.queue.rabbit import RabbitBroker

_lock = threading.Lock()
_broker: Broker | None = None


def get_broker() -> Broker:
    """This process's broker: RabbitMQ where ``settings.RABBITMQ_URL`` is set, else in-process."""
    global _broker
    with _lock:
        if _broker is None:
            _broker = RabbitBroker(settings.RABBITMQ_URL) if settings.RABBITMQ_URL else MemoryBroker()
        return _broker


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
