"""What every broker does, whichever carries the messages: RabbitMQ or this process's memory.

Messages are wake-ups. One may arrive twice, late, in any order or never; handlers live with that.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from integrations.errors import Transient

HIGHEST_PRIORITY = 1
LOWEST_PRIORITY = 10
DEFAULT_PRIORITY = 5
EXPIRED = "expired"
"""The ``error`` of a dead letter that nobody took in time: nothing failed, its unit still waits."""


class BrokerUnavailable(Transient):
    """The broker cannot be reached, or the connection to it broke."""


@dataclass(frozen=True)
class Outgoing:
    """A message to publish. ``priority`` 1 is the highest, 10 the lowest."""

    queue: str
    body: bytes
    priority: int = DEFAULT_PRIORITY

    def __post_init__(self) -> None:
        if not HIGHEST_PRIORITY <= self.priority <= LOWEST_PRIORITY:
            raise ValueError(f"priority of a message to {self.queue}: {self.priority} is not within 1..10")


class PublishFailed(Transient):
    """Some messages were not confirmed by the broker; they may or may not have arrived."""

    def __init__(self, failures: Sequence[tuple[Outgoing, str]], total: int) -> None:
        first, why = failures[0]
        super().__init__(f"{len(failures)} of {total} messages not published; the first, to {first.queue}: {why}")
        self.messages = tuple(message for message, _ in failures)


@dataclass(frozen=True)
class Delivery:
    """A message as a handler gets it.

    ``attempt`` is 1 at first and grows with every retry. On a dead letter ``error`` says why it is one and
    ``origin`` which queue it was in; both are empty else. ``redelivered``: may have been handled before.
    """

    queue: str
    body: bytes
    priority: int = DEFAULT_PRIORITY
    attempt: int = 1
    redelivered: bool = False
    message_id: str = ""
    error: str = ""
    origin: str = ""


@dataclass(frozen=True)
class Done:
    """The message is dealt with."""


@dataclass(frozen=True)
class RetryIn:
    """Deliver it again to the same queue, after the delay nearest to ``seconds``, as the next attempt."""

    seconds: float
    reason: str


@dataclass(frozen=True)
class Dead:
    """Put it where a person will look."""

    reason: str


Outcome = Done | RetryIn | Dead
Handler = Callable[[Delivery], Outcome]


@dataclass(frozen=True)
class QueueCounts:
    """``message_count`` counts what waits, not what is being worked on."""

    message_count: int
    consumer_count: int


@dataclass(frozen=True)
class QueueStatistics:
    """A queue's figures. ``unacknowledged`` counts what is being worked on; rates are messages a second, of late.

    What cannot be told is None: all but the counts where RabbitMQ's management API is away.
    """

    name: str
    message_count: int
    consumer_count: int
    unacknowledged: int | None = None
    publish_rate: float | None = None
    deliver_rate: float | None = None
    ack_rate: float | None = None


class Subscription(ABC):
    """Background threads that take messages and hand them to a handler."""

    @abstractmethod
    def stop(self, timeout_seconds: float) -> bool:
        """Take no more, let the work in hand finish; True when all ended in time. May be called again."""

    @property
    @abstractmethod
    def alive(self) -> bool:
        """Whether any of its threads still runs."""


class Broker(ABC):
    """Carries messages between stages. All methods may be called from any thread."""

    @property
    @abstractmethod
    def delivers_here(self) -> bool:
        """Whether a consumer can receive what this process publishes."""

    @abstractmethod
    def publish(self, messages: Sequence[Outgoing]) -> None:
        """Return when every message is confirmed; raises PublishFailed. Allowed inside handlers."""

    @abstractmethod
    def consume(self, queues: Sequence[str], handler: Handler, *, threads: int, prefetch: int) -> Subscription:
        """Start ``threads`` handlers and return at once; at most ``prefetch`` messages are held unfinished.

        A handler that raises Permanent makes a dead letter; any other error is tried again with growing
        delays, up to the queue's tries. Raises UnknownQueue.
        """

    @abstractmethod
    def counts(self, queue: str) -> QueueCounts:
        """Raises UnknownQueue, BrokerUnavailable."""

    @abstractmethod
    def statistics(self) -> list[QueueStatistics]:
        """Of every queue of the topology; raises BrokerUnavailable."""

    @abstractmethod
    def declare(self) -> None:
        """Make sure that every exchange and queue is there; raises BrokerUnavailable."""

    @abstractmethod
    def purge(self, queue: str) -> int:
        """Drop what waits in a queue; how many that were."""

    @abstractmethod
    def close(self) -> None:
        """Stop subscriptions and connections of this process."""
