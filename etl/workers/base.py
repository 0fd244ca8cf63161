"""What every worker does; a worker's own module says only what to do with one message."""

import logging
from abc import ABC, abstractmethod
from typing import ClassVar, TypeVar

from django.db import InterfaceError, OperationalError, connection

from etl.queue.broker import Dead, Delivery, Outcome, RetryIn
from etl.queue.messages import Undecodable
from etl.queue.topology import Tier, retry_delay_seconds
from integrations.errors import Permanent
from pulse.postgres.scope import platform_scope

logger = logging.getLogger(__name__)

_registered: dict[str, type["Worker"]] = {}
W = TypeVar("W", bound=type["Worker"])


class Worker(ABC):
    """Takes the messages of some queues. One instance serves many threads and holds no state of a message."""

    name: ClassVar[str]
    threads: ClassVar[int] = 1
    prefetch_per_thread: ClassVar[int] = 1

    @abstractmethod
    def queues(self, tiers: tuple[Tier, ...]) -> list[str]:
        """The queues that this worker takes messages from, for tenants of those tiers."""

    @abstractmethod
    def handle(self, delivery: Delivery) -> Outcome:
        """Deals with one message. Raises Undecodable or Permanent for what a person must look at."""

    def __call__(self, delivery: Delivery) -> Outcome:
        """The broker's handler: any other error has the message delivered again, as often as its queue allows.

        Trouble of our own database is no fault of the message: it is delivered again for as long as that lasts.
        Until a unit is in hand, which says whose it is, the message may be of any tenant.
        """
        try:
            with platform_scope():
                return self.handle(delivery)
        except (Undecodable, Permanent) as error:
            logger.error("%s: %s", delivery.queue, error)
            return Dead(str(error))
        except (OperationalError, InterfaceError) as error:
            logger.warning("%s: %s", delivery.queue, error)
            # The connection may have died with the server; the next message gets a new one.
            connection.close()
            return RetryIn(retry_delay_seconds(delivery.attempt), f"{type(error).__name__}: {error}")


def worker(cls: W) -> W:
    """Class decorator: makes a worker known under its name."""
    _registered[cls.name] = cls
    return cls


def worker_names() -> list[str]:
    return sorted(_registered)


def get_worker(name: str) -> Worker:
    """A worker by its name. Raises LookupError, which lists the known ones."""
    if name not in _registered:
        raise LookupError(f"worker {name!r} is unknown; known are: {', '.join(worker_names())}")
    return _registered[name]()
