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
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from etl.embedding.stage import embed
from etl.extraction.stage import extract
from etl.jobs import limits, retries, units, watermarks
from etl.jobs.advance import advance
from etl.jobs.leases import hand_back, held
from etl.jobs.units import Lease, LeaseLost
from etl.jobs.wakeups import UNIT_MODELS, wake, wake_suspect
from etl.letters import dead_letters
from etl.mapping import profile
from etl.queue.broker import Dead, Done, Outcome, PublishFailed
from etl.queue.outcomes import clean_reason
from etl.queue.topology import Stage
from etl.transform.stage import transform
from integrations.errors import Permanent, RateLimited, Transient
from integrations.models import Integration
from pulse.postgres.scope import tenant_scope

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


def handle(stage: Stage, unit_ids: Sequence[int]) -> Outcome:
    """Does the work of units of one run and step, of which a message says that they wait; what becomes of it.

    Units that are done, taken or parked are nobody's work any more: the message is dealt with.
    """
    lease = units.take(UNIT_MODELS[stage], unit_ids)
    if lease is None:
        return Done()
    with tenant_scope(lease.tenant_id):
        try:
            outcome = _work(stage, lease)
        except (OperationalError, InterfaceError):
            hand_back(lease)
            raise
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
    """The error with what a person needs to place it: the integration and the step. As every store takes it."""
    name = Integration.objects.values_list("name", flat=True).get(pk=lease.integration_id)
    detail = (
        str(error) if isinstance(error, Transient | RateLimited | Permanent) else f"{type(error).__name__}: {error}"
    )
    return clean_reason(f"{name}: {lease.step}: {detail}")


def _again(stage: Stage, lease: Lease, error: Exception) -> Outcome:
    """Another try after a while, until the tries are used up. The sweep wakes the unit then: this message is done."""
    if isinstance(error, OperationalError | InterfaceError):
        connection.close_if_unusable_or_obsolete()
    told, attempt = _told(lease, error), units.tries(lease) + 1
    if stage is Stage.EXTRACTION and isinstance(error, Transient):
        limits.failed(lease, told)
    if retries.is_last(stage, attempt):
        return _give_up(stage, lease, error)
    units.retry(lease, retries.delay_seconds(attempt), told)
    return Done()


def _give_up(stage: Stage, lease: Lease, error: Exception) -> Outcome:
    """The unit fails; a dead letter is left for a person. Of a batch, each record is tried alone first."""
    told = _told(lease, error)
    if len(lease.ids) > 1:
        units.split(lease, told)
        return Done()
    refused = isinstance(error, Transient) or (isinstance(error, Permanent) and error.status is not None)
    with transaction.atomic():
        failed = units.fail(lease, told, refused=refused)
        # Whoever is killed before the message is where dead letters go has left one all the same.
        for unit_id in failed:
            dead_letters.leave(stage, unit_id)
    return Dead(told) if failed else Done()


def _wake_and_advance(stage: Stage, lease: Lease) -> bool:
    """After the commit: the watermark is kept, what comes next is woken, the run is brought up to date.

    Whether that changed anything of the run.
    """
    if stage is Stage.EXTRACTION:
        watermarks.keep(lease)
    try:
        for woken in (stage, *STAGES[stage].feeds):
            wake(woken, lease.integration_id)
        if lease.suspect:
            wake_suspect()
    except PublishFailed as error:
        logger.warning("the queue took no wake-up, the sweep will: %s", error)
    return advance(lease.run_id, lease.step)
