"""What a run left: its rows, its figures, and how it differs from another."""

from dataclasses import dataclass, field
from typing import Any

from etl.sql import fetch
from integrations.models import Integration
from tests.chaos.services import Services
from tests.support.tables import derived_rows

Tables = dict[str, list[dict[str, Any]]]


def tables(services: Services) -> Tables:
    """Every derived row, quarantined record and vector of all integrations, without what depends on when and how."""
    found: Tables = {}
    for integration in Integration.objects.order_by("pk"):
        for table, rows in derived_rows(integration.pk).items():
            found[f"{integration.provider} {table}"] = rows
    found["qdrant_vectors"] = _rows(
        "SELECT table_name, external_id, content_hash, status FROM qdrant_vectors ORDER BY 1, 2, 3"
    )
    found["quarantined_records"] = _rows(
        "SELECT table_name, external_id, path, reason FROM quarantined_records WHERE resolved_at IS NULL ORDER BY 1, 2"
    )
    found["points"] = sorted(
        (
            {"collection": name, "id": number, "payload": point.payload}
            for name, collection in services.vectors.collections.items()
            for number, point in collection.points.items()
        ),
        key=repr,
    )
    return found


def _rows(sql: str) -> list[dict[str, Any]]:
    return [{"row": row} for row in fetch(sql, [])]


def differences(expected: Tables, found: Tables) -> list[str]:
    """A line for each table that differs, with how the first rows do."""
    lines = []
    for table in expected.keys() | found.keys():
        ours, theirs = map(_by_repr, (expected.get(table, []), found.get(table, [])))
        missing, besides = ours.keys() - theirs.keys(), theirs.keys() - ours.keys()
        if missing or besides or len(expected.get(table, [])) != len(found.get(table, [])):
            shown = _shown([ours[row] for row in sorted(missing)[:3]], [theirs[row] for row in sorted(besides)[:3]])
            lines.append(f"{table}: {len(missing)} rows missing or different, {len(besides)} besides: {shown[:3000]}")
    return sorted(lines)


def _shown(missing: list[dict[str, Any]], besides: list[dict[str, Any]]) -> str:
    """Of rows that are there twice, otherwise, only the columns that differ."""
    named = {row.get("external_id"): row for row in besides if row.get("external_id")}
    lines = []
    for row in missing:
        other = named.pop(row.get("external_id"), None)
        told = row if other is None else {name: (row[name], other[name]) for name in row if row[name] != other[name]}
        lines.append(f"{row.get('external_id')}: {told}")
    return "; ".join([*lines, *map(str, named.values())])


def _by_repr(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {repr(row): row for row in rows}


def leftovers() -> list[str]:
    """What no run may leave: open units, dead letters, failed runs, work that nobody holds any more."""
    questions = {
        "open partitions": "SELECT count(*) FROM extraction_checkpoints WHERE status IN ('pending', 'processing')",
        "open answers": "SELECT count(*) FROM raw_extraction_data"
        " WHERE processing_status IN ('pending', 'processing') AND parent_id IS NULL",
        "open vectors": "SELECT count(*) FROM qdrant_vectors WHERE status IN ('pending', 'processing')",
        "dead letters": "SELECT count(*) FROM etl_dead_letters WHERE state = 'open'",
        "runs that did not finish": "SELECT count(*) FROM etl_job_runs WHERE status <> 'FINISHED'",
    }
    return [f"{count} {name}" for name, sql in questions.items() if (count := fetch(sql, [])[0][0])]


def recovered() -> dict[str, int]:
    """What the sweep did by itself, in units by kind, as the runs' events tell."""
    rows = fetch(
        r"""SELECT regexp_replace(message, '^\d+ (\w+) units?', '\1'), sum((context ->> 'count')::int)
            FROM etl_job_events WHERE context ? 'unit_ids' GROUP BY 1 ORDER BY 1""",
        [],
    )
    return {str(kind): int(count) for kind, count in rows}


@dataclass
class Outcome:
    """One run: what was done to it, and what came of it. ``problems`` is empty where all is as it should be."""

    seed: int
    seconds: float
    faults: dict[str, int]
    calls: int
    recovered: dict[str, int]
    published: int
    handled: int
    rows: int
    problems: list[str] = field(default_factory=list)
