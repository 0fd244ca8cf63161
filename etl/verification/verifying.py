"""The work of a verification, a few seconds at a time: how far it is stands in its row.

Of each project the site is asked how many items it has, once, and once more where that seems to differ.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from etl.jobs import limits, repair
from etl.jobs.states import IllegalTransition
from etl.models import EtlJobRun, Overall, RunKind, Verification
from etl.queue.topology import retry_delay_seconds
from etl.verification import mending, points, stored
from etl.verification.comparing import Compared, Comparison, Stored
from integrations.errors import RateLimited, StageError, Transient
from integrations.http import throttled
from integrations.models import Integration
from integrations.provider import PlanContext, ProjectRef, RepositoryRef, SourceCount

logger = logging.getLogger(__name__)

# A worker says that often that it is alive, and more: after each project that it asked for.
ALIVE_FOR = timedelta(minutes=5)
MAX_TRIES = 5
# Of a project that seems to differ; of others one.
MOST_LOOKS = 2
State = Verification.State
Looks = dict[str, list[SourceCount]]
"""What the site said of each project or repository, by source id, in the order in which it was asked."""


class Lost(Exception):
    """Somebody else has the verification now."""


@dataclass(frozen=True)
class Verifying:
    """Whose calls these are, for the integration's limits. Its id is below those of all units."""

    id: int
    integration_id: int
    tenant_id: int


def work(verification_id: int, seconds: float) -> bool:
    """Works on it for that long; False where it is over, or somebody else works on it.

    What is left of it waits then, from ``wake_at`` on: None means at once.
    """
    verification = _claimed(verification_id)
    if verification is None:
        return False
    try:
        _work(verification, monotonic() + seconds)
    except Lost:
        logger.info("verification %s was taken over by another worker", verification_id)
    except RateLimited as error:
        _put_back(verification, limits.hold(_caller(verification), error), str(error))
    except (Transient, OperationalError, InterfaceError) as error:
        _again(verification, error)
    except (StageError, IllegalTransition) as error:
        _fail(verification, error)
    except Exception as error:  # an error of ours: it fails, a person looks
        logger.exception("verification %s failed", verification_id)
        _fail(verification, error)
    return True


def _claimed(verification_id: int) -> Verification | None:
    wake_at = timezone.now() + ALIVE_FOR
    dead = Q(state=State.RUNNING, wake_at__lte=Now())
    waiting = Verification.objects.filter(Q(state=State.REQUESTED) | dead, pk=verification_id)
    if not waiting.update(state=State.RUNNING, wake_at=wake_at):
        return None
    return Verification.objects.select_related("integration__tenant").get(pk=verification_id)


def _work(verification: Verification, until: float) -> None:
    integration = verification.integration
    if not integration.active:
        raise IllegalTransition(f"integration {integration.name} is inactive")
    context = stored.to_be_read(integration)
    looks = _looks_of(verification)
    while True:
        containers = None
        wanted = [one for one in _parts(context) if not looks.get(_id_of(one))]
        if not wanted:
            containers = _compare(integration, looks)
            doubtful = {one.external_id for one in containers if _is_doubtful(one)}
            wanted = [one for one in _parts(context) if _id_of(one) in doubtful]
        for place, part in enumerate(wanted):
            if monotonic() >= until:
                _write(verification, state=State.REQUESTED, wake_at=None)
                return
            _look(verification, part, looks)
            _keep(verification, looks, {"asked": place + 1, "of": len(wanted)})
        if containers is not None and not wanted:
            _finish(verification, _with_vectors(integration, containers))
            return


def _is_doubtful(one: Compared) -> bool:
    return (one.missing > 0 or one.gone > 0) and len(one.looks) < MOST_LOOKS


def _parts(context: PlanContext) -> list[PlanContext]:
    """The context of each project or repository alone: calls are counted, and progress is kept, one by one."""
    projects = [PlanContext(projects=[one], watermarks=context.watermarks) for one in context.projects]
    return projects + [PlanContext(repositories=[one], watermarks=context.watermarks) for one in context.repositories]


def _id_of(part: PlanContext) -> str:
    containers: list[ProjectRef | RepositoryRef] = [*part.projects, *part.repositories]
    return containers[0].external_id


def _look(verification: Verification, part: PlanContext, looks: Looks) -> None:
    """Asks the site for one of them. One that the provider does not count, or that is not to be read, has an empty
    answer.
    """
    integration = verification.integration
    with throttled(limits.check(_caller(verification))):
        told = integration.provider_code.counts(integration.connection(), part)
    looks.setdefault(_id_of(part), []).append(told.get(_id_of(part), SourceCount(None)))


def _caller(verification: Verification) -> Verifying:
    return Verifying(-verification.pk, verification.integration_id, verification.tenant_id)


def _compare(integration: Integration, looks: Mapping[str, Sequence[SourceCount]]) -> list[Compared]:
    names, answers = stored.names(integration), stored.answers(integration)
    quarantined = stored.quarantined(integration)
    rows = [
        stored.items(integration, {item: said[turn] for item, said in looks.items() if len(said) > turn})
        for turn in range(MOST_LOOKS)
    ]
    # What is not read any more may have rows: it is shown, and compared with nothing.
    shown = sorted({*looks, *rows[0], *(one for one, found in answers.items() if found.rows)})
    first_sync, unanswered = _is_syncing(integration.pk), defaultdict[str, list[repair.Unanswered]](list)
    for item in repair.unanswered(integration):
        unanswered[item.container].append(item)
    return [
        Compared(
            one,
            names.get(one, one),
            said := looks.get(one, ()),
            Stored(
                [rows[turn].get(one, stored.Items()) for turn in range(max(1, len(said)))],
                answers.get(one, stored.Answers()),
                quarantined.get(one, 0),
                unanswered=sum(_is_read(item, said) for item in unanswered.get(one, ())),
            ),
            reading=first_sync and all(look.since is None for look in said),
        )
        for one in shown
    ]


def _with_vectors(integration: Integration, containers: Sequence[Compared]) -> Comparison:
    """The vectors are compared last, and once: a large store says only after a while what it has."""
    found_points = points.look(integration)
    vectors, items_table = stored.vectors(integration, found_points), integration.provider_code.items_table
    of_items = vectors.get(items_table, {})
    whole = [
        replace(one, stored=replace(one.stored, vectors=of_items.get(one.external_id, stored.Vectors())))
        for one in containers
    ]
    catalogues = {table: found[""] for table, found in vectors.items() if "" in found}
    return Comparison(whole, catalogues, found_points)


def _is_read(item: repair.Unanswered, looks: Sequence[SourceCount]) -> bool:
    """Whether its project is read, and it is not too old to be."""
    return any(look.items is not None and (look.oldest is None or item.updated >= look.oldest) for look in looks)


def _is_syncing(integration_id: int) -> bool:
    runs = EtlJobRun.objects.filter(integration_id=integration_id, kind=RunKind.SYNC)
    return runs.filter(status__in=(Overall.RUNNING, Overall.PAUSED)).exists()


# Its row


def _looks_of(verification: Verification) -> Looks:
    """What was asked before, by earlier messages."""
    kept: Mapping[str, Sequence[Mapping[str, Any]]] = verification.report.get("looks", {})
    return {item: [_count_of(one) for one in said] for item, said in kept.items()}


def _count_of(kept: Mapping[str, Any]) -> SourceCount:
    times = {name: kept[name] and parse_datetime(kept[name]) for name in ("since", "oldest")}
    return SourceCount(**{**kept, **times})


def _keep(verification: Verification, looks: Looks, progress: Mapping[str, int]) -> None:
    """Keeps what the site said. Raises Lost where another worker has the verification."""
    kept = {item: [_plain(one) for one in said] for item, said in looks.items()}
    report = {"looks": kept, "progress": dict(progress)}
    _write(verification, report=report, tries=0, wake_at=timezone.now() + ALIVE_FOR)


def _plain(count: SourceCount) -> dict[str, Any]:
    return {name: one.isoformat() if isinstance(one, datetime) else one for name, one in asdict(count).items()}


def _write(verification: Verification, **fields: Any) -> None:
    """Writes what is still ours: ``wake_at`` is as we set it last. Raises Lost."""
    ours = Verification.objects.filter(pk=verification.pk, state=State.RUNNING, wake_at=verification.wake_at)
    if not ours.update(**fields, last_updated_at=Now()):
        raise Lost
    for name, value in fields.items():
        setattr(verification, name, value)


def _put_back(verification: Verification, until: datetime, reason: str) -> None:
    _unless_lost(lambda: _write(verification, state=State.REQUESTED, wake_at=until, error_message=reason))


def _again(verification: Verification, error: Exception) -> None:
    """Another try after a while, until the tries are used up."""
    if isinstance(error, OperationalError | InterfaceError):
        connection.close_if_unusable_or_obsolete()
    tries = verification.tries + 1
    if tries >= MAX_TRIES:
        _fail(verification, error)
        return
    wake_at = timezone.now() + timedelta(seconds=retry_delay_seconds(tries))
    fields = {"tries": tries, "wake_at": wake_at, "error_message": _told(verification, error)}
    _unless_lost(lambda: _write(verification, state=State.REQUESTED, **fields))


def _told(verification: Verification, error: Exception) -> str:
    known = isinstance(error, StageError | IllegalTransition)
    return f"{verification.integration.name}: {error if known else f'{type(error).__name__}: {error}'}"


def _finish(verification: Verification, comparison: Comparison) -> None:
    """Ends it with its report, and begins the repair where one is asked for and something differs."""
    report = comparison.report(verification.integration.provider_code.containers)
    run: EtlJobRun | None = None
    with transaction.atomic():
        # Its own transaction would not see that somebody asks for repairs at this moment.
        verification.repairs = Verification.objects.select_for_update().get(pk=verification.pk).repairs
        if verification.repairs and comparison.drift:
            try:
                run = mending.start(verification, comparison)
            except IllegalTransition as error:
                report["not_repaired"] = str(error)
        _write(verification, **_ended(State.FINISHED), report=report, score=round(comparison.score, 6), repair=run)
    if run is not None:
        mending.wake(run)


def _fail(verification: Verification, error: Exception) -> None:
    _unless_lost(lambda: _write(verification, **_ended(State.FAILED, _told(verification, error))))


def _ended(state: str, error: str = "") -> dict[str, Any]:
    return {"state": state, "finished_at": timezone.now(), "error_message": error, "wake_at": None}


def _unless_lost(write: Callable[[], None]) -> None:
    try:
        write()
    except Lost:
        logger.info("a verification was taken over by another worker")
