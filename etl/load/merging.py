"""One statement a table: staged rows are resolved, compared and merged, in the order of their natural key.

Also what belongs to a row and to no other: it is written, and removed, together with it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from etl.load.copying import Row, stage
from etl.load.tables import Part, Target
from etl.sql import execute, fetch


@dataclass(frozen=True)
class Source:
    """The answer that is being loaded. ``extracted_at`` is the age of what has no age of its own.

    ``only_meaning``: it is loaded once more because mappings changed; what it says itself was loaded before.
    """

    tenant_id: int
    integration_id: int
    raw_id: int
    run_id: int
    step: str
    source_type: str
    extracted_at: datetime
    only_meaning: bool = False


def _of(source: Source) -> dict[str, int]:
    return {"tenant": source.tenant_id, "integration": source.integration_id, "raw": source.raw_id}


def _like(target: Target) -> str:
    plain = ["external_id", "source_updated_at", *(["authority"] if target.ranked else []), *target.columns]
    references = [f"NULL::varchar(255) AS {reference.staged}" for reference in target.references]
    return f"SELECT {', '.join([*plain, *references])} FROM {target.name}"


def _age(alias: str, target: Target, raw_id: str) -> str:
    """What decides which of two rows is newer."""
    rank = "".join(f"{part}, " for part in target.rank(alias))
    return f"({rank}coalesce({alias}.source_updated_at, '-infinity'), coalesce({raw_id}, 0))"


def _compared(alias: str, target: Target) -> str:
    """What makes two rows differ. A row that is only mentioned or seen takes part with its age: see `Authority`."""
    names = [*target.columns, *(reference.column for reference in target.references)]
    values = [f"{alias}.{name}" for name in names]
    if target.dated:
        values.append(f"{alias}.source_updated_at")
    if target.ranked:
        values += [f"{alias}.authority", f"CASE WHEN {alias}.authority < 2 THEN {alias}.source_updated_at END"]
    return f"({', '.join(values)})"


def found(table: str, staged: str, *, columns: str = "*") -> str:
    """A row of this integration by its source id, looked up by the unique key.

    To be used as a subquery for each staged row: a join would let the planner, which knows little of a table that
    grows as it is loaded, read all rows of the integration for every page.
    """
    return (
        f"SELECT {columns} FROM {table} f WHERE f.tenant_id = %(tenant)s AND f.integration_id = %(integration)s"
        f" AND f.external_id = {staged} LIMIT 1"
    )


def _to_be_written(alias: str, target: Target, raw_id: str) -> str:
    """Whether what is said under the alias is newer than the row t and differs from it, or brings it back."""
    newer = f"{_age('t', target, 't.raw_data_id')} <= {_age(alias, target, raw_id)}"
    differs = f"{_compared('t', target)} IS DISTINCT FROM {_compared(alias, target)}"
    if not target.mortal:
        return f"{newer} AND {differs}"
    # An answer from before the deletion may be loaded after it, and may even have a later update of the item.
    later = f"coalesce(t.raw_data_id, 0) < {raw_id}"
    return f"{newer} AND CASE WHEN t.active THEN {differs} ELSE {later} END"


def _names(target: Target) -> list[str]:
    names = [*target.columns, *(reference.column for reference in target.references), "source_updated_at"]
    return names + (["authority"] if target.ranked else [])


def _insertion(target: Target, condition: str) -> str:
    """The insertion of those staged rows (s) for which the condition holds, each once, with what they refer to."""
    resolved = "".join(
        f", ({found(reference.table, f's.{reference.staged}', columns='f.id')}) AS {reference.column}"
        for reference in target.references
    )
    best = "".join(f"{part} DESC, " for part in target.rank("s"))
    names = _names(target)
    return f"""
        WITH resolved AS (
            SELECT DISTINCT ON (s.external_id) s.*{resolved} FROM {target.staging} s WHERE {condition}
            ORDER BY s.external_id, {best}s.source_updated_at DESC)
        INSERT INTO {target.name} AS t (tenant_id, integration_id, external_id, raw_data_id, {", ".join(names)})
        SELECT %(tenant)s, %(integration)s, s.external_id, %(raw)s, {", ".join(f"s.{name}" for name in names)}
        FROM resolved s"""


@cache
def _merge_statement(target: Target) -> str:
    sets = ", ".join(f"{name} = EXCLUDED.{name}" for name in _names(target))
    alive = ", active = true, deleted_at = NULL" if target.mortal else ""
    return f"""
        {_insertion(target, "%(among)s::text[] IS NULL OR s.external_id = ANY(%(among)s)")}
        LEFT JOIN LATERAL ({found(target.name, "s.external_id")}) t ON true
        WHERE t.id IS NULL OR ({_to_be_written("s", target, "%(raw)s")})
        ORDER BY s.external_id
        ON CONFLICT (tenant_id, integration_id, external_id) DO UPDATE
            SET {sets}{alive}, raw_data_id = EXCLUDED.raw_data_id, last_updated_at = now()
            WHERE {_to_be_written("EXCLUDED", target, "EXCLUDED.raw_data_id")}
        RETURNING t.external_id, t.id"""


@cache
def _insert_statement(target: Target) -> str:
    absent = f"({found(target.name, 's.external_id', columns='f.id')}) IS NULL"
    return f"""
        {_insertion(target, absent)}
        ORDER BY s.external_id ON CONFLICT (tenant_id, integration_id, external_id) DO NOTHING
        RETURNING t.external_id, t.id"""


def _stage(target: Target, rows: Sequence[Row]) -> None:
    stage(target.staging, _like(target), target.staged_columns, rows)


def merge(target: Target, source: Source, rows: Sequence[Row]) -> dict[str, int]:
    """Stages the rows (see `Target.staged_columns`) and merges what is newer and differs. Inside a transaction.

    The ids of the rows that were inserted or changed, by source id.
    """
    _stage(target, rows)
    return dict(fetch(_merge_statement(target), {**_of(source), "among": None}))


def insert_new(target: Target, source: Source, rows: Sequence[Row]) -> dict[str, int]:
    """Stages the rows (see `Target.staged_columns`) and inserts those that are not there yet; their ids, by source id.

    Before `lock_older`, and that before `merge_known`: so nobody who holds the lock of a row that was there waits to
    insert one, and two loads of the same new rows are no deadlock.
    """
    _stage(target, rows)
    return dict(fetch(_insert_statement(target), _of(source)))


def merge_known(target: Target, source: Source, known: Collection[str]) -> dict[str, int]:
    """Merges the staged rows with these source ids, which `lock_older` gave; the ids of those that differed."""
    return dict(fetch(_merge_statement(target), {**_of(source), "among": [*known]})) if known else {}


def lock_older(target: Target, source: Source, said: Mapping[str, datetime]) -> dict[str, int]:
    """The rows, by source id, that are not newer than what this answer says, which is from then: what belongs to them
    is to be this answer's.

    All are locked before any is changed, in the order of their ids: also those that will need no writing, or else a
    newer answer could write one, and what belongs to it, in between.
    """
    if not said:
        return {}
    row = found(target.name, "s.external_id", columns="f.id, f.source_updated_at, coalesce(f.raw_data_id, 0) AS raw_id")
    rows = fetch(
        f"""SELECT s.external_id, t.id, t.source_updated_at, t.raw_id FROM unnest(%(ids)s) AS s(external_id)
            CROSS JOIN LATERAL ({row} FOR NO KEY UPDATE) t""",
        {**_of(source), "ids": sorted(said)},
    )
    return {
        external_id: row_id
        for external_id, row_id, updated, raw_id in rows
        if (updated, raw_id) <= (said[external_id], source.raw_id)
    }


def written_before(target: Target, source: Source, rows: Mapping[str, int], hashes: Mapping[str, str]) -> set[int]:
    """Those of the rows (ids by source id) that were written from this very answer, by the reader of today.

    What belongs to them, and what is derived of their texts alone, is as it should be.
    """
    said = [(row_id, digest) for item, row_id in rows.items() if (digest := hashes.get(item))]
    found_rows = fetch(
        f"""SELECT s.id FROM unnest(%s::bigint[], %s::text[]) AS s(id, content_hash)
            CROSS JOIN LATERAL (SELECT f.raw_data_id, f.content_hash FROM {target.name} f WHERE f.id = s.id LIMIT 1) t
            WHERE t.raw_data_id = %s AND t.content_hash = s.content_hash""",
        [[row_id for row_id, _ in said], [digest for _, digest in said], source.raw_id],
    )
    return {row[0] for row in found_rows}


@cache
def _part_statement(part: Part) -> str:
    names = ", ".join(part.columns)
    old, new, excluded = (", ".join(f"{alias}.{name}" for name in part.columns) for alias in ("t", "s", "EXCLUDED"))
    return f"""
        INSERT INTO {part.name} AS t (tenant_id, integration_id, {part.parent}, external_id, raw_data_id, {names})
        SELECT %(tenant)s, %(integration)s, s.{part.parent}, s.external_id, %(raw)s, {new}
        FROM {part.staging} s LEFT JOIN LATERAL (
            SELECT * FROM {part.name} f WHERE f.tenant_id = %(tenant)s AND f.integration_id = %(integration)s
                AND f.{part.parent} = s.{part.parent} AND f.external_id = s.external_id LIMIT 1) t ON true
        WHERE t.id IS NULL OR ({old}) IS DISTINCT FROM ({new})
        ORDER BY s.{part.parent}, s.external_id
        ON CONFLICT (tenant_id, integration_id, {part.parent}, external_id) DO UPDATE
            SET {", ".join(f"{name} = EXCLUDED.{name}" for name in part.columns)},
                raw_data_id = EXCLUDED.raw_data_id, last_updated_at = now()
            WHERE ({old}) IS DISTINCT FROM ({excluded})"""


def merge_parts(part: Part, source: Source, rows: Sequence[Row], known: Sequence[int]) -> None:
    """Makes what belongs to the rows of those parents what is said: new ones in, vanished ones (of ``known``) out.

    ``rows`` (see `Part.staged_columns`) hold each key once. The parents are locked by the caller, or inserted by it.
    """
    types = f"SELECT {', '.join(part.staged_columns)} FROM {part.name}"
    stage(part.staging, types, part.staged_columns, rows)
    if known:
        execute(
            f"""DELETE FROM {part.name} t WHERE t.{part.parent} = ANY(%s) AND NOT EXISTS (
                    SELECT 1 FROM {part.staging} s
                    WHERE s.{part.parent} = t.{part.parent} AND s.external_id = t.external_id)""",
            [list(known)],
        )
    execute(_part_statement(part), _of(source))
