"""Every queue of Pulse, in one place: names, times to live, tries. Both brokers are built from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

from integrations.errors import Permanent

EXCHANGE = "etl.direct"
DEAD_EXCHANGE = "etl.dlx"
DEAD_ROUTING_KEY = "failed"
# these names are the contract with other tools; RabbitMQ keeps them, and refuses other arguments under them
JOBS_QUEUE = "etl.jobs"
CUSTOM_FIELDS_QUEUE = "etl.custom_fields"
FAILED_QUEUE = "etl.failed"
RETRY_DELAYS_SECONDS = (5, 30, 120, 600)
HIGHEST_AMQP_PRIORITY = 10

_MINUTE = 60
_HOUR = 60 * _MINUTE


class Tier(StrEnum):
    """What a tenant pays for; every tier has queues of its own."""

    FREE = "free"
    BASIC = "basic"
    PREMIUM = "premium"
    ENTERPRISE = "enterprise"


class Stage(StrEnum):
    """The stages that have a queue; loading happens inside transform."""

    EXTRACTION = "extraction"
    TRANSFORM = "transform"
    EMBEDDING = "embedding"


class UnknownQueue(Permanent):
    """A queue name that the topology does not have."""


@dataclass(frozen=True)
class QueueSpec:
    """One queue. ``max_tries`` 0: no limit; ``max_length`` None: no limit, else the oldest is dropped."""

    name: str
    ttl_seconds: float
    max_tries: int
    max_length: int | None = None

    @property
    def is_work(self) -> bool:
        """Work has priorities and is dead-lettered when it expires; dead letters are neither."""
        return self.name != FAILED_QUEUE

    def is_last(self, attempt: int) -> bool:
        """Whether no try comes after this one (1 = the first)."""
        return 0 < self.max_tries <= attempt


def queue_for(stage: Stage, tier: Tier) -> str:
    """The queue of a stage for tenants of a tier: ``extraction_queue_premium``."""
    return f"{stage}_queue_{tier}"


_STAGE_TTL_SECONDS = {Stage.EXTRACTION: _HOUR, Stage.TRANSFORM: _HOUR, Stage.EMBEDDING: 30 * _MINUTE}


def _all_queues() -> dict[str, QueueSpec]:
    stages = [QueueSpec(queue_for(s, t), _STAGE_TTL_SECONDS[s], 3) for s in Stage for t in Tier]
    others = [
        QueueSpec(JOBS_QUEUE, _HOUR, 3),
        QueueSpec(CUSTOM_FIELDS_QUEUE, 10 * _MINUTE, 5),
        QueueSpec(FAILED_QUEUE, 24 * _HOUR, 0, 1000),
    ]
    # RabbitMQ ignores x-max-retries, so the tries are counted in a header of ours
    return {spec.name: spec for spec in others + stages}


ALL_QUEUES: Mapping[str, QueueSpec] = MappingProxyType(_all_queues())


def with_tries(tries: Mapping[str, int]) -> Mapping[str, QueueSpec]:
    """Every queue, those that are named with other tries than the table's. The server knows nothing of tries."""
    return {name: replace(spec, max_tries=tries.get(name, spec.max_tries)) for name, spec in ALL_QUEUES.items()}


def spec_of(queue: str, queues: Mapping[str, QueueSpec] = ALL_QUEUES) -> QueueSpec:
    """The queue of this name; raises UnknownQueue."""
    try:
        return queues[queue]
    except KeyError:
        raise UnknownQueue(f"there is no queue {queue!r}") from None


def retry_delay_seconds(attempt: int) -> int:
    """How long to wait after this attempt (1 = the first) failed."""
    return RETRY_DELAYS_SECONDS[min(max(attempt, 1), len(RETRY_DELAYS_SECONDS)) - 1]


def nearest_delay(seconds: float, delays: Sequence[float] = RETRY_DELAYS_SECONDS) -> float:
    """The delay that a retry queue exists for, nearest to what was asked; the longer one of two as near."""
    return min(delays, key=lambda delay: (abs(delay - seconds), -delay))


def retry_queue(delay_seconds: float) -> str:
    """The name of a delay's queue, and of the fanout exchange that feeds it: ``etl.retry.5000ms``."""
    # milliseconds: part of the name, because a queue cannot change its delay
    return f"etl.retry.{round(delay_seconds * 1000)}ms"
