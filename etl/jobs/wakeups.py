"""Waking workers: at most a window's worth of wake-ups per integration and stage is on its way or in hand.

Queues stay short, one tenant cannot bury another, and a lost message costs no more than a look of the sweep.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction

from etl.jobs import backlog
from etl.jobs.ceiling import slots_at_once
from etl.jobs.units import SUSPECT_TAKES, columns
from etl.models import ExtractionCheckpoint, QdrantVector, RawExtractionData, Unit
from etl.queue import get_broker
from etl.queue.broker import Outgoing, PublishFailed
from etl.queue.messages import DEFAULT_PRIORITY, ExtractionMessage, TransformMessage, VectorizationMessage
from etl.queue.topology import Stage, Tier, queue_for
from etl.sql import execute, fetch
from pulse.postgres.scope import platform_scope

UNIT_MODELS: dict[Stage, type[Unit]] = {
    Stage.EXTRACTION: ExtractionCheckpoint,
    Stage.TRANSFORM: RawExtractionData,
    Stage.EMBEDDING: QdrantVector,
}
# In the metadata of an answer.
PRIORITY = "handed_in_priority"
# Partitions of an integration that are read side by side, where its setting ``parallel`` is empty.
DEFAULT_PARALLEL = 4
# What completes another answer is no work of its own: it waits with that one, also where that one failed.
OF_ITS_OWN = {Stage.EXTRACTION: "true", Stage.TRANSFORM: "parent_id IS NULL", Stage.EMBEDDING: "true"}
# An answer that others complete is not woken before they are there, and they are not woken at all.
_WAKEABLE = {
    Stage.EXTRACTION: "NOT EXISTS (SELECT 1 FROM integration_limits l"
    " WHERE l.integration_id = u.integration_id AND (l.blocked_until > now() OR l.next_call_at > now()))",
    Stage.TRANSFORM: "u.is_complete AND u.parent_id IS NULL",
    Stage.EMBEDDING: "true",
}
# Whether nothing of the step was woken before. Extraction is not idle any more once it is planned.
_FIRST = {
    Stage.EXTRACTION: "NOT EXISTS (SELECT 1 FROM extraction_checkpoints f WHERE f.run_id = c.run_id"
    " AND f.step = c.step AND (f.published_at IS NOT NULL OR f.status <> 'pending' OR f.pages > 0))",
    Stage.TRANSFORM: "s.transform = 'idle'",
    Stage.EMBEDDING: "s.embedding = 'idle'",
}
# What holds back all of an integration's units, given what its id is called in SQL.
_GOES_ON: dict[Stage, Callable[[str], str]] = {
    Stage.EXTRACTION: lambda integration: f"NOT {backlog.backlogged(integration)}",
    Stage.TRANSFORM: lambda _: "true",
    Stage.EMBEDDING: lambda _: "true",
}
_NO_HINTS = {"first_item": False, "last_item": False, "last_job_item": False}
_DETAIL = {
    Stage.EXTRACTION: "u.partition_key, '', true",
    Stage.TRANSFORM: "u.entity_type, '', true",
    Stage.EMBEDDING: "u.table_name, u.external_id, u.alone",
}
# Of the message, 1 to 10: who hands an answer in may say how urgent it is.
_PRIORITY = {
    Stage.EXTRACTION: str(DEFAULT_PRIORITY),
    Stage.TRANSFORM: f"coalesce((u.extraction_metadata ->> '{PRIORITY}')::int, {DEFAULT_PRIORITY})",
    Stage.EMBEDDING: str(DEFAULT_PRIORITY),
}


@dataclass(frozen=True)
class Woken:
    """A unit whose wake-up goes out now, with what its message says."""

    unit_id: int
    run_id: int
    step: str
    detail: str
    external_id: str
    alone: bool
    tenant_id: int
    integration_id: int
    tier: str
    job_id: int
    provider: str
    first: bool
    priority: int


@dataclass(frozen=True)
class Window:
    """How many units may be on their way or in hand, and how many of them may be woken at once."""

    size: int
    at_once: int


def _window(stage: Stage, integration_id: int) -> Window:
    """For extraction the integration's own settings count: ``parallel``, and whether it has a ceiling."""
    size = int(getattr(settings, f"WINDOW_{stage.upper()}"))
    if stage is not Stage.EXTRACTION:
        return Window(size, size)
    asked = fetch(
        "SELECT settings ->> 'parallel', settings ->> 'rate_limit' FROM integrations WHERE id = %s", [integration_id]
    )
    parallel, rate_limit = asked[0] if asked else (None, None)
    size = min(size, _parallel(parallel))
    # Under a ceiling calls go out one after the other: whoever was woken besides would only be put aside again.
    return Window(size, slots_at_once(rate_limit) or size)


def _parallel(setting: str | None) -> int:
    """The setting was checked when it was saved; what got in otherwise is no reason to wake nobody."""
    try:
        return max(1, int(setting or DEFAULT_PARALLEL))
    except ValueError:
        return DEFAULT_PARALLEL


def _mark_published(stage: Stage, integration_id: int) -> list[Woken]:
    """Chooses what may be woken and marks it. The advisory lock makes the window exact."""
    names, window = columns(UNIT_MODELS[stage]), _window(stage, integration_id)
    with transaction.atomic():
        execute("SELECT pg_advisory_xact_lock(hashtext(%s), %s)", [f"wake {stage}", integration_id])
        return _mark(
            stage,
            f"""u.integration_id = %(integration)s AND u.takes < {SUSPECT_TAKES}
                  AND {_GOES_ON[stage]("%(integration)s")}
                ORDER BY u.id
                LIMIT least(%(at_once)s, greatest(0, %(size)s - (SELECT count(*) FROM {names.table} p
                    WHERE p.integration_id = %(integration)s AND p.{names.state} IN ('pending', 'processing')
                      AND p.published_at IS NOT NULL)))""",
            {"integration": integration_id, "at_once": window.at_once, "size": window.size, **backlog.limit()},
        )


def _mark_suspect() -> tuple[Stage, list[Woken]] | None:
    """The same for the first of the units that workers died on again, of any stage; None where one is under way."""
    with transaction.atomic():
        execute("SELECT pg_advisory_xact_lock(hashtext('wake a suspect'))", [])
        # Its worker may have to be started again first, and shall not find another one besides.
        if fetch(_SUSPECTS_UNDER_WAY, {"late": settings.UNIT_REPUBLISH_SECONDS}):
            return None
        for stage in Stage:
            if woken := _mark(stage, f"u.takes >= {SUSPECT_TAKES} ORDER BY u.id LIMIT 1", {}):
                return stage, woken
    return None


def _suspects_under_way(stage: Stage) -> str:
    names = columns(UNIT_MODELS[stage])
    return f"""SELECT 1 FROM {names.table} p
        WHERE p.{names.state} IN ('pending', 'processing') AND p.takes >= {SUSPECT_TAKES}
          AND (p.{names.state} = 'processing' AND p.takes > {SUSPECT_TAKES}
            OR p.{names.state} = 'pending' AND p.published_at > now() - make_interval(secs => %(late)s))"""


# One process may serve all stages: of two in its hands nobody could say which it was.
_SUSPECTS_UNDER_WAY = " UNION ALL ".join(map(_suspects_under_way, Stage))


def _mark(stage: Stage, which: str, parameters: Mapping[str, Any]) -> list[Woken]:
    """Marks those of the units that wait as woken."""
    names = columns(UNIT_MODELS[stage])
    rows = fetch(
        f"""WITH chosen AS (SELECT u.id, u.run_id, u.step FROM {_waiting(stage)} AND {which}
                FOR UPDATE OF u SKIP LOCKED)
            UPDATE {names.table} AS u SET published_at = now() FROM chosen c, etl_job_runs r, etl_job_run_steps s,
                integrations i, tenants t
            WHERE u.id = c.id AND r.id = c.run_id AND s.run_id = c.run_id AND s.step = c.step
              AND i.id = u.integration_id AND t.id = u.tenant_id
            RETURNING u.id, u.run_id, u.step, {_DETAIL[stage]}, u.tenant_id, u.integration_id, t.tier, r.job_id,
                i.provider, {_FIRST[stage]}, {_PRIORITY[stage]}""",
        parameters,
    )
    return sorted((Woken(*row) for row in rows), key=lambda unit: unit.unit_id)


def _waiting(stage: Stage) -> str:
    """FROM and WHERE of the units that may be woken, as far as they themselves say."""
    names = columns(UNIT_MODELS[stage])
    return f"""{names.table} u JOIN etl_job_runs r ON r.id = u.run_id AND r.status = 'RUNNING'
        WHERE u.{names.state} = 'pending' AND u.published_at IS NULL
          AND (u.not_before IS NULL OR u.not_before <= now()) AND {_WAKEABLE[stage]}"""


def _is_last(stage: Stage, units: Sequence[Woken], step: str | None) -> bool:
    """Whether nothing else of the step (of the run, where none is named) is open so far, or can still be planned."""
    within, where = ("AND step = %s", [units[0].run_id, step]) if step else ("", [units[0].run_id])
    for earlier in list(Stage)[: list(Stage).index(stage) + 1]:
        names = columns(UNIT_MODELS[earlier])
        own = [unit.unit_id for unit in units] if earlier is stage else []
        if fetch(
            f"SELECT 1 FROM {names.table} WHERE run_id = %s {within} AND {OF_ITS_OWN[earlier]}"
            f" AND {names.state} IN ('pending', 'processing') AND id <> ALL(%s) LIMIT 1",
            [*where, own],
        ):
            return False
    return not fetch(
        f"SELECT 1 FROM etl_job_run_steps WHERE run_id = %s {within} AND planned_at IS NULL LIMIT 1", where
    )


def _hints(stage: Stage, units: Sequence[Woken], *, first: bool) -> dict[str, bool]:
    """first_item, last_item and last_job_item of the message for these units (of one run and step)."""
    last = _is_last(stage, units, units[0].step)
    return {"first_item": first, "last_item": last, "last_job_item": last and _is_last(stage, units, None)}


def _common(units: Sequence[Woken]) -> dict[str, Any]:
    first = units[0]
    return {"tenant_id": first.tenant_id, "job_id": first.job_id, "run_id": first.run_id, "unit_id": first.unit_id}


def _body(stage: Stage, units: Sequence[Woken], hints: dict[str, bool]) -> bytes:
    first = units[0]
    if stage is Stage.EMBEDDING:
        return VectorizationMessage(
            **_common(units),
            **hints,
            table_name=first.detail,
            external_ids=tuple(unit.external_id for unit in units),
            unit_ids=tuple(unit.unit_id for unit in units),
            operation="insert",
        ).encode()
    shared = {**_common(units), **hints, "integration_id": first.integration_id, "provider": first.provider}
    if stage is Stage.TRANSFORM:
        return TransformMessage(**shared, type=first.step, raw_data_id=first.unit_id).encode()
    return ExtractionMessage(**shared, type=first.step).encode()


def _batches(stage: Stage, woken: Sequence[Woken]) -> list[list[Woken]]:
    """What goes into one message: one unit, or, for vectors, up to a batch of one run, step and table."""
    groups: dict[tuple[int, str, str], list[list[Woken]]] = {}
    for unit in woken:
        batches = groups.setdefault((unit.run_id, unit.step, unit.detail), [[]])
        if batches[-1] and (unit.alone or batches[-1][0].alone or len(batches[-1]) == settings.EMBEDDING_BATCH):
            batches.append([])
        batches[-1].append(unit)
    return [batch for batches in groups.values() for batch in batches]


def wake(stage: Stage, integration_id: int) -> int:
    """Publishes wake-ups up to the window; how many units it woke. Never inside a transaction: they must be visible.

    A publish that fails is the sweep's business. In the embedded profile only the process that works publishes.
    """
    return _publish(stage, _mark_published(stage, integration_id)) if get_broker().delivers_here else 0


def wake_urgent(raw_id: int) -> int:
    """The same for one answer, whatever waits before it, and however full the window is."""
    if not get_broker().delivers_here:
        return 0
    with transaction.atomic():
        woken = _mark(Stage.TRANSFORM, f"u.id = %(id)s AND u.takes < {SUSPECT_TAKES}", {"id": raw_id})
    return _publish(Stage.TRANSFORM, woken)


def wake_suspect() -> int:
    """The same for one of the units that workers died on again, alone: what they had in hand besides is innocent.

    Whether it kills its workers shows then. Of all integrations and stages, and none while one is under way: whoever
    ends one wakes the next, and the sweep does where nobody lived to.
    """
    if not get_broker().delivers_here:
        return 0
    with platform_scope():
        found = _mark_suspect()
        return _publish(*found) if found else 0


def _publish(stage: Stage, woken: Sequence[Woken]) -> int:
    if woken:
        try:
            get_broker().publish(_messages(stage, woken))
        except PublishFailed:
            _free(stage, woken)
            raise
    return len(woken)


def _messages(stage: Stage, woken: Sequence[Woken]) -> list[Outgoing]:
    """What to publish. Hints are worked out for the first message of each step, and for the last of all."""
    batches, messages = _batches(stage, woken), []
    begun: set[tuple[int, str]] = set()
    for batch in batches:
        step = (batch[0].run_id, batch[0].step)
        first = batch[0].first and step not in begun
        begun.add(step)
        hints = _hints(stage, batch, first=first) if first or batch is batches[-1] else _NO_HINTS
        queue, body = queue_for(stage, Tier(batch[0].tier)), _body(stage, batch, hints)
        messages.append(Outgoing(queue, body, batch[0].priority))
    return messages


def _free(stage: Stage, woken: Sequence[Woken]) -> None:
    """Lets units be woken again whose wake-up did not get away."""
    execute(
        f"UPDATE {UNIT_MODELS[stage]._meta.db_table} SET published_at = NULL WHERE id = ANY(%s)"
        " AND lease_token IS NULL",
        [[unit.unit_id for unit in woken]],
    )


def integrations_waiting(stage: Stage) -> list[int]:
    """The integrations that have units of this stage which may be woken."""
    rows = fetch(
        f"""SELECT integration_id FROM (SELECT DISTINCT u.integration_id FROM {_waiting(stage)}
                AND u.takes < {SUSPECT_TAKES}) AS found WHERE {_GOES_ON[stage]("found.integration_id")}""",
        backlog.limit(),
    )
    return [row[0] for row in rows]
