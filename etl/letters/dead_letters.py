"""Dead letters: messages that were given up, kept for a person who sends them back or discards them.

A letter of a unit is open as long as the unit has failed: it is settled as REPLAYED when the unit waits again, whoever
had it do so (the letter sent back, its run retried, a later sync that took it over), and when what it was to bring was
read anew (see `settle_mended`). A discarded letter leaves its unit failed.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from django.db import transaction
from django.db.models import Count, Max, Min, QuerySet
from django.db.models.functions import Now

from etl.jobs import retrying, starting
from etl.jobs.states import IllegalTransition
from etl.jobs.units import columns
from etl.jobs.wakeups import UNIT_MODELS
from etl.letters import causes, mended
from etl.models import DeadLetter
from etl.queue import get_broker
from etl.queue.broker import EXPIRED, Delivery, Outgoing
from etl.queue.fields import Fields, Undecodable
from etl.queue.topology import ALL_QUEUES, Stage, Tier, queue_for
from etl.sql import execute, fetch
from integrations.errors import Transient
from pulse.tenancy import audit
from pulse.tenancy.models import Tenant, User

logger = logging.getLogger(__name__)

_STAGES = {queue_for(stage, tier): stage for stage in Stage for tier in Tier}
# The keys under which a stage's message names its units.
_UNIT_KEYS = {Stage.EXTRACTION: "unit_id", Stage.TRANSFORM: "raw_data_id", Stage.EMBEDDING: "unit_id"}


@dataclass
class Settled:
    """What became of letters: the ids of those that were settled, and of each other one the reason why not."""

    done: list[int] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)

    def refuse(self, ids: Iterable[int], reason: str) -> None:
        self.refused.update(dict.fromkeys(ids, reason))


@dataclass(frozen=True)
class Group:
    """Letters that failed alike. ``newest_id`` is one to look at."""

    cause: str
    count: int
    oldest_at: datetime
    newest_at: datetime
    newest_id: int


def groups(letters: QuerySet[DeadLetter], most: int | None = None) -> list[Group]:
    """Those letters by their cause, the largest group first; no more than so many groups."""
    rows = letters.order_by().values_list("cause")
    counted = rows.annotate(size=Count("pk"), oldest=Min("created_at"), newest=Max("created_at"), last=Max("pk"))
    return [Group(*row) for row in counted.order_by("-size", "cause")[:most]]


# Keeping them


def keep(delivery: Delivery) -> None:
    """Keeps a message that was given up. One that is open already, of the same unit or with the same body, is one.

    What merely expired is no failure: its unit still waits, and the sweep will wake it again.
    """
    if delivery.error == EXPIRED:
        return
    error = _clean(delivery.error)
    about = _About.read(delivery.origin, delivery.body, error)
    _keep(delivery.origin, _clean(delivery.body.decode("utf-8", "replace")), error, delivery.attempt, about)


def _clean(text: str) -> str:
    """What PostgreSQL takes as a text."""
    return text.replace("\0", "\ufffd")


@dataclass(frozen=True)
class _About:
    """What a message is about, as far as it can be read and is true: the unit is the tenant's that it names."""

    tenant_id: int | None = None
    stage: str = ""
    unit_id: int | None = None
    run_id: int | None = None

    @classmethod
    def read(cls, queue: str, body: bytes, error: str) -> "_About":
        try:
            fields = Fields.of_json(body)
            tenant_id = fields.integer("tenant_id")
        except Undecodable:
            return cls()
        if not Tenant.objects.filter(pk=tenant_id).exists():
            return cls()
        stage = _STAGES.get(queue)
        unit = _failed_of(stage, _unit_ids(stage, fields), tenant_id, error) if stage else None
        return cls(tenant_id, stage, *unit) if stage and unit else cls(tenant_id)


def _unit_ids(stage: Stage, fields: Fields) -> list[int]:
    try:
        one = fields.optional_integer(_UNIT_KEYS[stage])
        return [*fields.integers("unit_ids"), *([] if one is None else [one])]
    except Undecodable:
        return []


def _failed_of(stage: Stage, ids: Sequence[int], tenant_id: int, error: str) -> tuple[int, int] | None:
    """That one of a message's units that failed with the error, with its run; else one that failed, or any."""
    names = columns(UNIT_MODELS[stage])
    rows = fetch(
        f"""SELECT id, run_id FROM {names.table} WHERE id = ANY(%s) AND tenant_id = %s
            ORDER BY {names.state} <> 'failed', error_details ->> 'error' IS DISTINCT FROM %s, id LIMIT 1""",
        [list(ids), tenant_id, error],
    )
    return (rows[0][0], rows[0][1]) if rows else None


def _keep(queue: str, body: str, error: str, attempt: int, about: _About) -> None:
    with transaction.atomic():
        # Two deliveries of one message at once: the second finds what the first kept.
        execute("SELECT pg_advisory_xact_lock(hashtext('pulse dead letter'), hashtext(%s))", [body])
        letters = DeadLetter.objects.filter(state=DeadLetter.State.OPEN)
        if about.unit_id is not None:
            known = letters.filter(stage=about.stage, unit_id=about.unit_id)
        else:
            known = letters.filter(queue=queue, body=body, error=error)
        said = {"queue": queue, "body": body, "error": error, "cause": causes.cause_of(error), "attempt": attempt}
        if not known.update(run_id=about.run_id, **said, last_updated_at=Now()):
            DeadLetter.objects.create(
                tenant_id=about.tenant_id, stage=about.stage, unit_id=about.unit_id, run_id=about.run_id, **said
            )


def leave(stage: Stage, unit_id: int) -> None:
    """Leaves a letter of a unit that has failed, whatever becomes of its message: that one only adds to it."""
    names = columns(UNIT_MODELS[stage])
    rows = fetch(
        f"""SELECT u.tenant_id, u.run_id, r.job_id, t.tier, coalesce(u.error_details ->> 'error', ''),
                greatest(u.tries + 1, u.takes)
            FROM {names.table} u JOIN etl_job_runs r ON r.id = u.run_id JOIN tenants t ON t.id = u.tenant_id
            WHERE u.id = %s AND u.{names.state} = 'failed'""",
        [unit_id],
    )
    for tenant_id, run_id, job_id, tier, error, attempts in rows:
        told = {"tenant_id": tenant_id, "job_id": job_id, "run_id": run_id, _UNIT_KEYS[stage]: unit_id}
        about = _About(tenant_id, stage, unit_id, run_id)
        _keep(queue_for(stage, Tier(tier)), orjson.dumps(told).decode(), error, attempts, about)


# Settling them


def discard(ids: Sequence[int], *, by: User | None) -> Settled:
    """Settles letters for good; of each one why not, where it was settled before."""
    settled = _looked_up(ids)
    with transaction.atomic():
        won = _settle(settled.done, DeadLetter.State.DISCARDED, by)
    settled.refuse(set(settled.done) - set(won), "it was settled at the same moment")
    return Settled(won, settled.refused)


def replay(ids: Sequence[int], *, by: User | None) -> Settled:
    """Sends letters back. One that cannot be does not hold up the others.

    A unit that failed waits again, in its run, which is reopened as `lifecycle.retry_run` does; one that does not fail
    any more needs nothing. Any other message is published again to its queue, as its first attempt.
    """
    looked_up = _looked_up(ids)
    settled = Settled(refused=looked_up.refused)
    letters = list(DeadLetter.objects.filter(pk__in=looked_up.done).order_by("pk"))
    by_run: dict[int, list[DeadLetter]] = defaultdict(list)
    for letter in letters:
        if letter.unit_id is None:
            _publish(letter, by, settled)
        elif (found := _unit_of(letter)) is None:
            settled.refuse([letter.pk], f"its {letter.stage} unit {letter.unit_id} is gone: discard it")
        elif found.failed:
            by_run[found.run_id].append(letter)
        else:
            with transaction.atomic():
                settled.done += _settle([letter.pk], DeadLetter.State.REPLAYED, by)
    for run_id, of_run in by_run.items():
        _replay_units(run_id, of_run, by, settled)
    return settled


def _looked_up(ids: Sequence[int]) -> Settled:
    """``done`` are those that are open, each once; the others are refused."""
    states = dict(DeadLetter.objects.filter(pk__in=ids).values_list("pk", "state"))
    settled = Settled()
    for pk in dict.fromkeys(ids):
        if pk not in states:
            settled.refuse([pk], f"there is no dead letter {pk}")
        elif states[pk] != DeadLetter.State.OPEN:
            settled.refuse([pk], f"it is {states[pk]} already")
        else:
            settled.done.append(pk)
    return settled


def _settle(ids: Sequence[int], state: DeadLetter.State, by: User | None) -> list[int]:
    """Guarded: those of the letters that were still open. For use in a transaction."""
    rows = fetch(
        """UPDATE etl_dead_letters SET state = %s, settled_at = now(), last_updated_at = now(), settled_by_id = %s
           WHERE id IN (SELECT id FROM etl_dead_letters WHERE id = ANY(%s) AND state = 'open'
                        ORDER BY id FOR NO KEY UPDATE)
           RETURNING id, tenant_id""",
        [state, by.pk if by else None, list(ids)],
    )
    letters = [DeadLetter(pk=pk, tenant_id=tenant_id) for pk, tenant_id in sorted(rows)]
    audit.note_all(f"dead_letter.{state}", letters, {"state": [DeadLetter.State.OPEN, state]})
    return sorted(row[0] for row in rows)


@dataclass(frozen=True)
class _UnitNow:
    """The run that a letter's unit is in now, and whether it still fails."""

    run_id: int
    failed: bool


def _unit_of(letter: DeadLetter) -> _UnitNow | None:
    """None where there is no such unit of the letter's tenant any more."""
    names = columns(UNIT_MODELS[Stage(letter.stage)])
    rows = fetch(
        f"""SELECT run_id, {names.state} = 'failed' FROM {names.table}
            WHERE id = %s AND tenant_id = %s AND run_id IS NOT NULL""",
        [letter.unit_id, letter.tenant_id],
    )
    return _UnitNow(*rows[0]) if rows else None


def _replay_units(run_id: int, letters: Sequence[DeadLetter], by: User | None, settled: Settled) -> None:
    """Letters of units of one run: in one transaction, so that the run is reopened once."""
    ids = [letter.pk for letter in letters]
    try:
        with transaction.atomic():
            retrying.lock(run_id)
            won = _settle(ids, DeadLetter.State.REPLAYED, by)
            failed = _failed_units([letter for letter in letters if letter.pk in set(won)])
            if failed:
                said = f"{sum(map(len, failed.values()))} units that failed wait again: dead letters sent back"
                run = retrying.reopen(run_id, f"{said} by {by.username if by else 'a command'}", failed)
    except IllegalTransition as error:
        settled.refuse(ids, str(error))
        return
    settled.done += won
    settled.refuse(set(ids) - set(won), "it was settled at the same moment")
    if failed:
        starting.wake_integration(run.integration_id)


def _failed_units(letters: Iterable[DeadLetter]) -> dict[Stage, list[int]]:
    """Those of the letters' units that have failed, by stage."""
    by_stage: dict[Stage, list[int]] = defaultdict(list)
    for letter in letters:
        by_stage[Stage(letter.stage)].append(letter.unit_id or 0)
    failed = {stage: _still_failed(stage, ids) for stage, ids in by_stage.items()}
    return {stage: ids for stage, ids in failed.items() if ids}


def _still_failed(stage: Stage, ids: Sequence[int]) -> list[int]:
    names = columns(UNIT_MODELS[stage])
    rows: list[tuple[Any, ...]] = fetch(
        f"SELECT id FROM {names.table} WHERE id = ANY(%s) AND {names.state} = 'failed' ORDER BY id", [list(ids)]
    )
    return [row[0] for row in rows]


def _publish(letter: DeadLetter, by: User | None, settled: Settled) -> None:
    """A message that is no unit's: to its queue again. It is settled only where the queue has it."""
    broker = get_broker()
    if letter.queue not in ALL_QUEUES or not ALL_QUEUES[letter.queue].is_work:
        settled.refuse([letter.pk], f"there is no queue {letter.queue!r} to send it back to: discard it")
    elif not broker.delivers_here:
        settled.refuse([letter.pk], "this process has no queue: send it back where the workers are, in the admin")
    else:
        try:
            with transaction.atomic():
                won = _settle([letter.pk], DeadLetter.State.REPLAYED, by)
                if won:
                    broker.publish([Outgoing(letter.queue, letter.body.encode())])
        except Transient as error:
            settled.refuse([letter.pk], f"the queue did not take it: {error}")
        else:
            settled.done += won
            settled.refuse({letter.pk} - set(won), "it was settled at the same moment")


def settle_mended() -> int:
    """Settles letters as REPLAYED whose unit does not fail any more, or of which all was read anew; how many.

    For the scheduler: whoever has units wait again tells nobody of it.
    """
    return mended.settle()
