"""START HERE: the stages of a sync, in their order, and what happens to a unit in each.

    provider.fetch ──► raw row ──► provider.normalise ► mapping ► metrics ► upsert ──► text ► vector ► store
       extraction                            transform (with load)                        embedding
           ▲                                        │
           └────── provider.consequences ───────────┘

A unit is taken, worked on, and ended with its result in one transaction; then others are woken, then its message is
acknowledged. A wake-up lost in between is the sweep's business. Stages do not know each other: only this file does.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from etl.embedding.stage import embed
from etl.extraction.stage import extract
from etl.jobs import limits, units, watermarks
from etl.jobs.advance import advance
from etl.jobs.leases import held
from etl.jobs.units import Lease, LeaseLost
from etl.jobs.wakeups import UNIT_MODELS, wake
from etl.mapping import profile
from etl.queue.broker import Dead, Done, Outcome, PublishFailed, RetryIn
from etl.queue.topology import ALL_QUEUES, Stage, Tier, queue_for, retry_delay_seconds
from etl.transform.stage import transform
from integrations.errors import Permanent, RateLimited, Transient
from integrations.models import Integration

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StageSpec:
    """One stage: its work on a lease, and the stages whose units that work may create.

    Work that goes on after a commit yields there.
    """

    work: Callable[[Lease], Iterator[None] | None]
    feeds: tuple[Stage, ...]


STAGES: dict[Stage, StageSpec] = {
    Stage.EXTRACTION: StageSpec(extract, feeds=(Stage.TRANSFORM,)),
    # What is loaded may give rise to calls: the development status of the issues of a page.
    Stage.TRANSFORM: StageSpec(transform, feeds=(Stage.EXTRACTION, Stage.EMBEDDING)),
    Stage.EMBEDDING: StageSpec(embed, feeds=()),
}


def max_tries(stage: Stage) -> int:
    """How many transient errors a unit of the stage may have, from the table of queues."""
    return ALL_QUEUES[queue_for(stage, Tier.FREE)].max_tries


def handle(stage: Stage, unit_ids: Sequence[int]) -> Outcome:
    """Does the work of units of one run and step, of which a message says that they wait; what becomes of it.

    Units that are done, taken or parked are nobody's work any more: the message is dealt with.
    """
    lease = units.take(UNIT_MODELS[stage], unit_ids)
    if lease is None:
        return Done()
    outcome = _work(stage, lease)
    if _wake_and_advance(stage, lease):
        profile.after(lease.run_id)
    return outcome


def _work(stage: Stage, lease: Lease) -> Outcome:
    """Every error becomes a state of the unit and an outcome of its message."""
    try:
        with held(lease):
            for _ in STAGES[stage].work(lease) or ():
                _wake_and_advance(stage, lease)
    except LeaseLost:
        logger.info("%s unit %s was taken over by another worker", stage, lease.ids)
    except RateLimited as error:
        # The integration first: nobody is to be woken in between.
        units.park(lease, _until(stage, lease, error), _told(lease, error))
    except (Transient, OperationalError, InterfaceError) as error:
        return _again(stage, lease, error)
    except (Permanent, DatabaseError) as error:
        return _give_up(stage, lease, error)
    except Exception as error:  # an error of ours: the unit fails, a person looks, the run goes on
        logger.exception("%s unit %s failed", stage, lease.ids)
        return _give_up(stage, lease, error)
    return Done()


def _until(stage: Stage, lease: Lease, error: RateLimited) -> datetime:
    """Until when the units wait; what is no call of the integration's site does not hold the integration back."""
    if stage is Stage.EXTRACTION:
        return limits.hold(lease, error)
    return error.until or timezone.now() + timedelta(seconds=limits.LONGEST_WAIT_SECONDS)


def _told(lease: Lease, error: Exception) -> str:
    """The error with what a person needs to place it: the integration and the step."""
    name = Integration.objects.values_list("name", flat=True).get(pk=lease.integration_id)
    detail = (
        str(error) if isinstance(error, Transient | RateLimited | Permanent) else f"{type(error).__name__}: {error}"
    )
    return f"{name}: {lease.step}: {detail}"


def _again(stage: Stage, lease: Lease, error: Exception) -> Outcome:
    """Another try after a while, until the tries are used up."""
    if isinstance(error, OperationalError | InterfaceError):
        connection.close_if_unusable_or_obsolete()
    told, attempt = _told(lease, error), units.tries(lease) + 1
    if stage is Stage.EXTRACTION and isinstance(error, Transient):
        limits.failed(lease, told)
    if attempt >= max_tries(stage):
        return _give_up(stage, lease, error)
    delay = retry_delay_seconds(attempt)
    units.retry(lease, delay, told)
    return RetryIn(delay, told)


def _give_up(stage: Stage, lease: Lease, error: Exception) -> Outcome:
    """The unit fails; a dead letter is left for a person. Of a batch, each record is tried alone first."""
    told = _told(lease, error)
    if len(lease.ids) > 1:
        units.split(lease, told)
        return Done()
    refused = isinstance(error, Transient) or (isinstance(error, Permanent) and error.status is not None)
    return Dead(told) if units.fail(lease, told, refused=refused) else Done()


def _wake_and_advance(stage: Stage, lease: Lease) -> bool:
    """After the commit: the watermark is kept, what comes next is woken, the run is brought up to date.

    Whether that changed anything of the run.
    """
    if stage is Stage.EXTRACTION:
        watermarks.keep(lease)
    try:
        for woken in (stage, *STAGES[stage].feeds):
            wake(woken, lease.integration_id)
    except PublishFailed as error:
        logger.warning("the queue took no wake-up, the sweep will: %s", error)
    return advance(lease.run_id, lease.step)
