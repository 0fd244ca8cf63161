"""From what a handler did to what happens to its message: the retry policy of both brokers."""

import logging

from etl.queue.broker import Dead, Delivery, Done, Handler, Outcome, RetryIn
from etl.queue.topology import FAILED_QUEUE, RETRY_DELAYS_SECONDS, QueueSpec, retry_delay_seconds
from integrations.errors import Permanent
from pulse.redaction import redacted

REASON_LIMIT = 2000  # characters; reasons travel in a header, and a frame of headers has a limit
logger = logging.getLogger(__name__)


def outcome_of(handler: Handler, delivery: Delivery, spec: QueueSpec) -> Outcome:
    """Run the handler; whatever it raises becomes an outcome."""
    try:
        outcome = handler(delivery)
    except Exception as error:
        logger.exception("%s: attempt %d raised", delivery.queue, delivery.attempt)
        outcome = outcome_of_error(error, delivery.attempt, spec)
    return _never_dead_twice(outcome, delivery)


def outcome_of_error(error: Exception, attempt: int, spec: QueueSpec) -> Outcome:
    """Again with a growing delay while the queue has tries left; Permanent is never tried again."""
    reason = clean_reason(f"{type(error).__name__}: {error}")
    if spec.is_last(attempt) or isinstance(error, Permanent):
        return Dead(reason)
    return RetryIn(retry_delay_seconds(attempt), reason)


def clean_reason(reason: str) -> str:
    """Short enough for a header, and what every store takes: messages of errors may hold lone surrogates, and NULs.

    It is stored and shown: secrets are taken out, should an error's message have any.
    """
    told = redacted(reason[: 2 * REASON_LIMIT])[:REASON_LIMIT]
    return told.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _never_dead_twice(outcome: Outcome, delivery: Delivery) -> Outcome:
    if isinstance(outcome, Done) or delivery.queue != FAILED_QUEUE:
        return outcome
    # a dead letter sent to the dead letters would come back at once, for ever
    return RetryIn(RETRY_DELAYS_SECONDS[-1], outcome.reason) if isinstance(outcome, Dead) else outcome
