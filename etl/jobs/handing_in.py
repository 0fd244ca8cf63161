"""Answers and records that other tools hand in: stored as they come, and transformed by workers in an import run.

No site is called because of them. What no provider can read is stored all the same, and left to who asks for it.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from django.db import transaction

from custommapping.errors import Refused
from etl.extraction.storage import CHECKPOINT, Origin, store_answer
from etl.jobs import lifecycle, planning, units
from etl.jobs.advance import advance
from etl.jobs.states import IllegalTransition
from etl.jobs.wakeups import PRIORITY, wake_urgent
from etl.models import EtlJobEvent, EtlJobRun, Overall, RawExtractionData, RunKind, UnitState
from etl.models.jobs import UNDER_WAY
from etl.models.unit import OPEN
from etl.queue.broker import PublishFailed
from etl.queue.messages import DEFAULT_PRIORITY
from etl.sql import execute
from integrations import plain
from integrations.errors import Permanent
from integrations.json_text import parse, written
from integrations.models import Integration
from integrations.provider import RawAnswer
from integrations.records import Quarantined
from integrations.registry import get_provider, provider_names

logger = logging.getLogger(__name__)

# What Pulse itself notes beside an answer, and reads again.
RESERVED = (
    CHECKPOINT,
    "fields_told",
    "gone",
    "missing",
    "nothing_below_levels",
    PRIORITY,
    "projects",
    "replaced_characters",
    "repositories",
    "repositories_told",
)


@dataclass(frozen=True)
class HandedIn:
    """``external_id`` names the question that this answers, '' where nobody says. ``priority`` is 1 to 10, 1 first."""

    entity_type: str
    content: Any
    external_id: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    priority: int = DEFAULT_PRIORITY


@dataclass(frozen=True)
class Stored:
    """``run_id`` is None where the answer is not queued, since no provider knows what it is."""

    raw_id: int
    run_id: int | None


@dataclass(frozen=True)
class Queued:
    """``ids`` of answers that wait now, ``refused`` of those that cannot, each with the reason."""

    ids: Sequence[int]
    refused: Mapping[int, str]
    run_ids: Sequence[int] = ()

    def besides(self, absent: Iterable[int]) -> "Queued":
        """The same where those too were named, which are not there."""
        return replace(self, refused={**self.refused, **dict.fromkeys(absent, "there is no such raw data")})


def known_types(integration: Integration) -> Mapping[str, str]:
    """Each entity type that can be transformed for the integration, with the step that it belongs to."""
    provider = integration.provider_code
    return {**provider.entity_types(), **dict.fromkeys(plain.entity_types(provider), provider.items_step)}


def store(integration: Integration, given: HandedIn, *, trigger: str) -> Stored:
    """Stores an answer, and has it transformed where its entity type is known.

    Raises Refused where it is another provider's, or cannot be stored or read as what it is said to be.
    """
    step, metadata = _step(integration, given), _metadata(given)
    digests = _digests(integration, given) if step else None
    with transaction.atomic():
        run_id = _open_run(integration, [step], trigger).pk if step else None
        origin = Origin(integration.tenant_id, integration.pk, run_id, step or "")
        try:
            body = written(given.content)
            raw_id = store_answer(origin, given.entity_type, given.external_id, body, metadata, digests=digests)
        except (Permanent, RecursionError) as error:
            raise Refused({"raw_data": str(error)}) from error
        if run_id:
            advance(run_id)
    if run_id:
        _wake(integration.pk, raw_id, given.priority)
    return Stored(raw_id, run_id)


def store_known(integration: Integration, given: HandedIn, *, trigger: str) -> Stored:
    """The same. Raises Refused where no provider knows the entity type, too."""
    known = known_types(integration)
    if given.entity_type not in known:
        raise Refused({"entity_type": f"{given.entity_type!r} is unknown; known are: {', '.join(known)}"})
    return store(integration, given, trigger=trigger)


def store_records(integration: Integration, given: HandedIn, *, trigger: str) -> tuple[Stored, Sequence[Quarantined]]:
    """Stores records of a table, and has them loaded; of those that cannot be, why not: they go into quarantine.

    Raises Refused where none of them can be, or the integration takes none of that table.
    """
    provider = integration.provider_code
    taken = plain.entity_types(provider)
    if given.entity_type not in taken:
        known = ", ".join(taken)
        raise Refused({"entity_type": f"{given.entity_type!r} is no table of {provider.name}'s; known are: {known}"})
    batch = plain.normalise(provider, RawAnswer(given.entity_type, "", given.content))
    if len(batch.quarantined) == len(given.content):
        raise Refused({f"transformed_data{one.path}": one.reason for one in batch.quarantined})
    return store(integration, given, trigger=trigger), batch.quarantined


def only_taker(integrations: Iterable[Integration], entity_type: str) -> Integration:
    """The one of them that takes records of that table. Raises Refused where there is none, or more than one."""
    takers = [one for one in integrations if entity_type in plain.entity_types(one.provider_code)]
    if len(takers) != 1:
        found = ", ".join(f"{one.pk} ({one.name})" for one in takers) or "none"
        raise Refused({"load_options.integration_id": f"name one: integrations that take {entity_type!r} are: {found}"})
    return takers[0]


def _step(integration: Integration, given: HandedIn) -> str | None:
    """None where no provider knows the entity type. Raises Refused where it is another's."""
    known = known_types(integration)
    if given.entity_type in known:
        return known[given.entity_type]
    for name in provider_names():
        other = get_provider(name)
        if given.entity_type in {*other.entity_types(), *plain.entity_types(other)}:
            raise Refused(
                {
                    "entity_type": f"{given.entity_type!r} is none of {integration.provider}, which integration"
                    f" {integration.pk} is of; known are: {', '.join(known)}"
                }
            )
    return None


def _metadata(given: HandedIn) -> Mapping[str, Any]:
    reserved = [name for name in given.metadata if name in RESERVED]
    if reserved:
        raise Refused({f"extraction_metadata.{name}": "is a name that Pulse uses itself" for name in reserved})
    urgency = {} if given.priority == DEFAULT_PRIORITY else {PRIORITY: given.priority}
    # Numbers as every reader of the column takes them.
    return {**parse(written(given.metadata)), **urgency}


def _digests(integration: Integration, given: HandedIn) -> Mapping[str, str]:
    """Raises Refused where it is not what its entity type says."""
    answer = RawAnswer(given.entity_type, given.external_id, given.content, given.metadata)
    try:
        provider = integration.provider_code
        return plain.digests(answer) if plain.is_plain(provider, given.entity_type) else provider.digests(answer)
    except Permanent as error:
        raise Refused({"raw_data": str(error)}) from error


def _open_run(integration: Integration, steps: Iterable[str], trigger: str) -> EtlJobRun:
    """The open import run of who hands in, locked, so that it cannot end meanwhile, or a new one; with these steps."""
    wanted = set(steps)
    run = _found_run(integration, trigger)
    if run is None:
        # Of two who hand in at once the second finds the run that the first made.
        execute("SELECT pg_advisory_xact_lock(hashtext('pulse import run'), %s)", [integration.pk])
        run = _found_run(integration, trigger)
    if run is None:
        job = integration.jobs.order_by("id")[0]
        run = lifecycle.new_run(job, RunKind.IMPORT, trigger, {}, [])
        EtlJobEvent.objects.create(tenant_id=run.tenant_id, run=run, message=f"handed in by {trigger}")
    missing = wanted - set(run.steps.values_list("step", flat=True))
    planning.create_steps(run, [step for step in integration.provider_code.steps if step.name in missing])
    return run


def _found_run(integration: Integration, trigger: str) -> EtlJobRun | None:
    runs = EtlJobRun.objects.select_for_update(no_key=True)
    return runs.filter(integration=integration, kind=RunKind.IMPORT, status=Overall.RUNNING, trigger=trigger).first()


def _wake(integration_id: int, raw_id: int, priority: int) -> None:
    if priority < DEFAULT_PRIORITY:
        try:
            wake_urgent(raw_id)
        except PublishFailed as error:
            logger.warning("the queue took no wake-up, the sweep will: %s", error)
    lifecycle.wake_integration(integration_id)


def queue(
    rows: Iterable[RawExtractionData], *, trigger: str, refuse: Callable[[RawExtractionData], str | None] | None = None
) -> Queued:
    """Has stored answers transformed once more, or for the first time; those that wait already go on waiting.

    ``refuse`` says what else speaks against one of them.
    """
    refused: dict[int, str] = {}
    good: list[RawExtractionData] = []
    for row in rows:
        reason = _unfit(row) or (refuse and refuse(row))
        if reason:
            refused[row.pk] = reason
        else:
            good.append(row)
    good.sort(key=lambda row: (row.integration_id, row.pk))
    runs: list[int] = []
    for _, own in groupby(good, key=lambda row: row.integration_id):
        runs += _queue(list(own), trigger)
    return Queued(sorted(row.pk for row in good), refused, sorted(set(runs)))


def _unfit(row: RawExtractionData) -> str | None:
    if row.parent_id:
        return f"it completes raw data {row.parent_id}: name that"
    if not row.is_complete:
        return "it waits for what completes it"
    if row.entity_type not in known_types(row.integration):
        return f"no provider knows what to make of {row.entity_type!r}"
    return None


def _queue(rows: Sequence[RawExtractionData], trigger: str) -> list[int]:
    """The runs in which these answers of an integration wait now."""
    integration, known = rows[0].integration, known_types(rows[0].integration)
    waiting = [row for row in rows if row.status in OPEN and row.run and row.run.status in UNDER_WAY]
    idle = [row for row in rows if row not in waiting]
    runs = [row.run_id for row in waiting if row.run_id]
    if not idle:
        return runs
    with transaction.atomic():
        by_step: dict[str, list[int]] = {}
        for row in idle:
            by_step.setdefault(known[row.entity_type], []).append(row.pk)
        run = _open_run(integration, by_step, trigger)
        for step, ids in by_step.items():
            units.queue_answers(run.pk, step, ids)
        advance(run.pk)
    lifecycle.wake_integration(integration.pk)
    return [*runs, run.pk]


def put_status(row: RawExtractionData, status: str, details: Mapping[str, Any] | None, *, trigger: str) -> None:
    """Notes what another tool says of an answer. What is pending again, and known, is queued.

    Raises IllegalTransition where the answer only completes another one, or waits for what completes it.
    """
    if row.parent_id or not row.is_complete:
        raise IllegalTransition(f"raw data {row.pk} cannot be {status}: {_unfit(row)}")
    if status == UnitState.PENDING and row.entity_type in known_types(row.integration):
        queue([row], trigger=trigger)
        return
    units.put_answer(row.pk, status, details)
    if row.run_id:
        advance(row.run_id)
