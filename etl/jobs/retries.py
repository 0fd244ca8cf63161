"""When a unit that met a passing error is tried again, and how often."""

import random
from collections.abc import Callable

from etl.queue import queues
from etl.queue.topology import Stage, Tier, queue_for, retry_delay_seconds

# Of many that failed together, not all come back together.
JITTER = 0.25


def is_last(stage: Stage, attempt: int) -> bool:
    """Whether a unit of the stage that fails at this attempt (1 = the first) is not tried again."""
    return queues()[queue_for(stage, Tier.FREE)].is_last(attempt)


def delay_seconds(attempt: int, chance: Callable[[], float] = random.random) -> float:
    """How long a unit waits after this attempt (1 = the first); ``chance`` gives a number from 0 to 1."""
    return retry_delay_seconds(attempt) * (1 + JITTER * chance())
