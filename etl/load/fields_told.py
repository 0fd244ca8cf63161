"""Which custom fields there are and which projects offer them: noted beside each answer, applied once all are loaded.

A field that is in none of a discovery's answers is not there any more; a type that none tells of offers none. So no
single answer can say so, and the order in which they are loaded makes no difference.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import orjson

from etl.load.merging import Source
from etl.sql import execute, fetch
from integrations.records import Batch

_TABLES = ("custom_fields", "projects_custom_fields")


def note_fields(source: Source, batch: Batch) -> None:
    """Notes ids that were ``listed``, those ``seen`` on projects with their operations, what types ``offered``
    (by project, type and id: name, type, required), names of what was ``unreadable``, '' where it has none, and
    the ``run`` that asked.
    """
    unreadable = [one.external_id for one in batch.quarantined if one.table in _TABLES]
    if not batch.custom_fields and not batch.project_fields and not unreadable:
        return
    offered: dict[str, dict[str, dict[str, tuple[str, str, bool]]]] = {}
    for told in batch.project_fields:
        of_type = offered.setdefault(told.project_id, {}).setdefault(told.wit_id or "", {})
        of_type.update((one.external_id, (one.name, one.field_type, one.required)) for one in told.fields)
    note = {
        "listed": [one.external_id for one in batch.custom_fields if one.listed],
        "seen": {one.external_id: one.operations for one in batch.custom_fields if not one.listed},
        "offered": offered,
        "unreadable": unreadable,
    }
    # An answer that a run adopted is nobody's: since it was asked for, what it tells may have changed.
    execute(
        """UPDATE raw_extraction_data r SET extraction_metadata = r.extraction_metadata || jsonb_build_object(
               'fields_told', %s::jsonb || jsonb_build_object('run', coalesce(
                   r.extraction_metadata #> '{fields_told,run}',
                   (SELECT to_jsonb(u.id) FROM etl_job_runs u WHERE u.id = r.run_id AND u.started_at <= r.created_at))))
           WHERE r.id = %s""",
        [orjson.dumps(note).decode(), source.raw_id],
    )


_TOLD = """SELECT r.id, r.extraction_metadata -> 'fields_told' AS note FROM raw_extraction_data r
    WHERE r.run_id = %(holder)s AND r.step = %(step)s AND r.extraction_metadata ? 'fields_told'
      AND r.extraction_metadata #> '{fields_told,run}' = to_jsonb(%(run)s)
      AND r.active AND r.processing_status = 'completed'"""


def runs_that_asked(holder_id: int, step: str) -> list[int]:
    """The runs that fetched those answers of a step that a run holds."""
    rows = fetch(
        """SELECT DISTINCT (extraction_metadata #>> '{fields_told,run}')::bigint FROM raw_extraction_data
           WHERE run_id = %s AND step = %s AND extraction_metadata ? 'fields_told'
             AND extraction_metadata #>> '{fields_told,run}' IS NOT NULL""",
        [holder_id, step],
    )
    return [row[0] for row in rows]


@dataclass(frozen=True)
class Told:
    """The answers that a run fetched in a step, and that are loaded: their notes are what counts.

    ``holder_id`` is the run that has them now: the same, or one that made their rows anew.
    """

    tenant_id: int
    integration_id: int
    run_id: int
    step: str
    holder_id: int

    @property
    def parameters(self) -> dict[str, Any]:
        return {
            "tenant": self.tenant_id,
            "integration": self.integration_id,
            "run": self.run_id,
            "step": self.step,
            "holder": self.holder_id,
        }

    def names(self) -> tuple[Set[str], bool, bool]:
        """(ids of the fields that are there, whether any was listed, whether something had no name)."""
        rows = fetch(
            f"""WITH told AS ({_TOLD})
                SELECT 'listed', name FROM told, jsonb_array_elements_text(note -> 'listed') name
                UNION SELECT 'seen', name FROM told, jsonb_object_keys(note -> 'seen') name
                UNION SELECT 'unreadable', name FROM told, jsonb_array_elements_text(note -> 'unreadable') name""",
            self.parameters,
        )
        nameless = ("unreadable", "") in rows
        return {name for _, name in rows if name}, any(kind == "listed" for kind, _ in rows), nameless

    def is_outdated(self) -> bool:
        """Whether a list of all fields that was asked for later was applied already."""
        return bool(
            fetch(
                """SELECT 1 FROM etl_job_run_steps s JOIN etl_job_runs u ON u.id = s.run_id
                   WHERE u.integration_id = %(integration)s AND u.kind IN ('discovery', 'sync') AND s.step = %(step)s
                     AND s.extraction = 'finished' AND s.transform = 'finished' AND s.planned_at >
                         (SELECT planned_at FROM etl_job_run_steps WHERE run_id = %(run)s AND step = %(step)s)
                     AND EXISTS (SELECT 1 FROM raw_extraction_data r WHERE r.run_id = u.id
                         AND r.extraction_metadata ? 'fields_told'
                         AND r.extraction_metadata #> '{fields_told,listed}' <> '[]') LIMIT 1""",
                self.parameters,
            )
        )

    def projects(self) -> dict[str, list[int]]:
        """The answers that tell of each project, by its source id, oldest first."""
        rows = fetch(
            f"""SELECT project, array_agg(id ORDER BY id)
                FROM ({_TOLD}) told, jsonb_object_keys(note -> 'offered') project GROUP BY project""",
            self.parameters,
        )
        return dict(rows)

    def operations(self) -> dict[str, set[str]]:
        """The operations of each field that projects show."""
        allowed: dict[str, set[str]] = {}
        for (seen,) in fetch(f"SELECT (note -> 'seen')::text FROM ({_TOLD}) told", self.parameters):
            for external_id, operations in orjson.loads(seen).items():
                allowed.setdefault(external_id, set()).update(operations)
        return allowed


def mark_fields(told: Told, there: Set[str], *, whole: bool) -> tuple[list[str], list[str]]:
    """Makes fields active that are there, and inactive, where the answers are the ``whole``, those that are not.

    The ids of those that vanished, and of those that came back.
    """
    rows = fetch(
        """UPDATE custom_fields f SET active = NOT f.active, last_updated_at = now() FROM (
               SELECT id FROM custom_fields WHERE tenant_id = %(tenant)s AND integration_id = %(integration)s
                 AND active <> (external_id = ANY(%(there)s)) AND (%(whole)s OR NOT active)
               ORDER BY external_id FOR NO KEY UPDATE) c
           WHERE f.id = c.id RETURNING f.external_id, f.active""",
        {**told.parameters, "there": list(there), "whole": whole},
    )
    return sorted(row[0] for row in rows if not row[1]), sorted(row[0] for row in rows if row[1])


def keep_operations(discoveries: Sequence[Told]) -> int:
    """Gives each field that projects show the operations that any of them allowed in the last of those discoveries
    that saw it; how many had others.
    """
    allowed: dict[str, set[str]] = {}
    for told in discoveries:
        allowed |= told.operations()
    return execute(
        """UPDATE custom_fields f SET operations = c.operations, last_updated_at = now() FROM (
               SELECT k.id, o.operations::jsonb FROM unnest(%(ids)s::text[], %(operations)s::text[])
                   AS o(external_id, operations)
               JOIN custom_fields k ON k.tenant_id = %(tenant)s AND k.integration_id = %(integration)s
                   AND k.external_id = o.external_id AND k.operations <> o.operations::jsonb
               ORDER BY k.external_id FOR NO KEY UPDATE OF k) c
           WHERE f.id = c.id""",
        {
            **discoveries[0].parameters,
            "ids": list(allowed),
            "operations": [orjson.dumps(sorted(operations)).decode() for operations in allowed.values()],
        },
    )


@dataclass
class Offer:
    """A field as a project offers it: ``wits`` are the ids of the types that do, ``required`` those that require it."""

    name: str
    field_type: str
    wits: set[str] = field(default_factory=set)
    required: set[str] = field(default_factory=set)

    def row(self, external_id: str) -> dict[str, Any]:
        return {
            "external_id": external_id,
            "name": self.name,
            "type": self.field_type,
            "required": sorted(self.required),
            "wits": sorted(self.wits),
        }


def keep_offers(
    told: Told, provider: str, project_id: str, project_key: str, parts: Sequence[tuple[Sequence[int], bool]]
) -> bool:
    """Writes what a project offers, as discoveries told it, the oldest first; whether that was news.

    Of each its answers, and whether they are all of them. Where they are not, or tell of no type, what was known of
    other types and fields stays.
    """
    offers: dict[str, Offer] | None = None
    for answers, whole in parts:
        notes = _notes(answers, project_id)
        if whole and any(wit for note in notes for wit in note):
            offers = {}
        elif offers is None:
            offers = _known(told, provider, project_key)
        for note in notes:
            for wit, fields in note.items():
                _take_over(offers, wit, fields)
    return _write_offers(told, provider, project_key, offers or {})


def _write_offers(told: Told, provider: str, project_key: str, offers: Mapping[str, Offer]) -> bool:
    rows = [offers[external_id].row(external_id) for external_id in sorted(offers)]
    return bool(
        execute(
            """INSERT INTO projects_custom_fields AS t
                   (tenant_id, integration_id, project_key, integration_type, discovered_fields, discovered_at)
               VALUES (%(tenant)s, %(integration)s, %(key)s, %(provider)s, %(rows)s, now())
               ON CONFLICT (tenant_id, integration_id, project_key, integration_type) DO UPDATE
                   SET discovered_fields = EXCLUDED.discovered_fields, discovered_at = now(), active = true,
                       last_updated_at = now()
                   WHERE t.discovered_fields <> EXCLUDED.discovered_fields OR NOT t.active""",
            {**told.parameters, "key": project_key, "provider": provider, "rows": orjson.dumps(rows).decode()},
        )
    )


def _notes(answers: Sequence[int], project_id: str) -> list[Mapping[str, Mapping[str, Any]]]:
    """What each of the answers says of the project: (name, type, required) of each field by id, by type."""
    rows = fetch(
        """SELECT (extraction_metadata #> ARRAY['fields_told', 'offered', %s])::text
           FROM raw_extraction_data WHERE id = ANY(%s) ORDER BY id""",
        [project_id, list(answers)],
    )
    return [orjson.loads(row[0]) for row in rows]


def _known(told: Told, provider: str, project_key: str) -> dict[str, Offer]:
    rows = fetch(
        """SELECT discovered_fields::text FROM projects_custom_fields WHERE tenant_id = %(tenant)s
             AND integration_id = %(integration)s AND project_key = %(key)s AND integration_type = %(provider)s""",
        {**told.parameters, "key": project_key, "provider": provider},
    )
    known = orjson.loads(rows[0][0]) if rows else []
    return {
        one["external_id"]: Offer(one["name"], one["type"], set(one["wits"]), set(one["required"])) for one in known
    }


def _take_over(offers: dict[str, Offer], wit: str, fields: Mapping[str, Any]) -> None:
    for external_id, (name, field_type, required) in fields.items():
        offer = offers.setdefault(external_id, Offer(name, field_type))
        offer.name, offer.field_type = name, field_type
        if wit:
            offer.wits.add(wit)
            offer.required.discard(wit)
        if wit and required:
            offer.required.add(wit)


def mark_projects(told: Told, provider: str, project_keys: Sequence[str]) -> int:
    """Makes what these projects offer active, and what others do inactive; how many were not so."""
    return execute(
        """UPDATE projects_custom_fields p SET active = NOT p.active, last_updated_at = now() FROM (
               SELECT id FROM projects_custom_fields WHERE tenant_id = %(tenant)s AND integration_id = %(integration)s
                 AND integration_type = %(provider)s AND active <> (project_key = ANY(%(keys)s))
               ORDER BY project_key FOR NO KEY UPDATE) c
           WHERE p.id = c.id""",
        {**told.parameters, "provider": provider, "keys": list(project_keys)},
    )
