"""Setting aside what cannot be loaded, so that the rest can."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from django.db import DataError, IntegrityError, transaction

from etl.load.copying import stage
from etl.load.merging import Source
from etl.sql import execute
from integrations.records import Quarantined

T = TypeVar("T")

_COLUMNS = ("table_name", "external_id", "path", "reason")


def load_halving(records: Sequence[T], load: Callable[[Sequence[T]], None], refuse: Callable[[T, str], None]) -> None:
    """Loads all records; where PostgreSQL refuses one, finds it by halving, so that all others are loaded."""
    if not records:
        return
    try:
        with transaction.atomic():
            load(records)
    except (DataError, IntegrityError) as error:
        if len(records) == 1:
            refuse(records[0], _words(error))
            return
        middle = len(records) // 2
        load_halving(records[:middle], load, refuse)
        load_halving(records[middle:], load, refuse)


def _words(error: Exception) -> str:
    """What PostgreSQL said, with the column and value that its context names."""
    diagnostics = getattr(error.__cause__, "diag", None)
    parts = [getattr(diagnostics, name, None) for name in ("message_primary", "message_detail", "context")]
    return "; ".join(part.strip()[:500] for part in parts if part) or str(error)


def quarantine(source: Source, refused: Iterable[Quarantined]) -> int:
    """Writes the records down as refused, unless a newer answer was loaded well already; how many."""
    # A record that does not say what it is called goes by its place.
    best = {(record.table, (record.external_id or record.path)[:255]): record for record in refused}
    rows = [(*key, record.path[:500], record.reason) for key, record in best.items()]
    stage("staged_quarantine", f"SELECT {', '.join(_COLUMNS)} FROM quarantined_records", _COLUMNS, rows)
    return execute(
        """INSERT INTO quarantined_records AS q (tenant_id, integration_id, run_id, raw_data_id, step, table_name,
               external_id, path, reason)
           SELECT %(tenant)s, %(integration)s, %(run)s, %(raw)s, %(step)s, s.table_name, s.external_id, s.path, s.reason
           FROM staged_quarantine s WHERE NOT EXISTS (
               SELECT 1 FROM work_items w WHERE s.table_name = 'work_items' AND w.tenant_id = %(tenant)s
                 AND w.integration_id = %(integration)s AND w.external_id = s.external_id AND w.raw_data_id > %(raw)s
               UNION ALL
               SELECT 1 FROM prs p WHERE s.table_name = 'prs' AND p.tenant_id = %(tenant)s
                 AND p.integration_id = %(integration)s AND p.external_id = s.external_id AND p.raw_data_id > %(raw)s)
           ORDER BY s.table_name, s.external_id
           ON CONFLICT (tenant_id, integration_id, table_name, external_id) DO UPDATE
               SET run_id = EXCLUDED.run_id, raw_data_id = EXCLUDED.raw_data_id, path = EXCLUDED.path,
                   reason = EXCLUDED.reason, resolved_at = NULL, last_updated_at = now()
               WHERE coalesce(q.raw_data_id, 0) <= EXCLUDED.raw_data_id""",
        {
            "tenant": source.tenant_id,
            "integration": source.integration_id,
            "run": source.run_id,
            "raw": source.raw_id,
            "step": source.step,
        },
    )


def resolve(source: Source, table: str, external_ids: Sequence[str]) -> int:
    """Closes the entries of records that are loaded well now."""
    return execute(
        """UPDATE quarantined_records SET resolved_at = now(), last_updated_at = now()
           WHERE tenant_id = %s AND integration_id = %s AND table_name = %s AND external_id = ANY(%s)
             AND resolved_at IS NULL AND coalesce(raw_data_id, 0) <= %s""",
        [source.tenant_id, source.integration_id, table, list(external_ids), source.raw_id],
    )


def resolve_beginning(source: Source, tables: Sequence[str], names: Sequence[str]) -> int:
    """Closes the entries of records whose ids begin with one of the names: parts of something that is loaded well."""
    return execute(
        """UPDATE quarantined_records SET resolved_at = now(), last_updated_at = now()
           WHERE tenant_id = %s AND integration_id = %s AND table_name = ANY(%s) AND resolved_at IS NULL
             AND coalesce(raw_data_id, 0) <= %s
             AND EXISTS (SELECT 1 FROM unnest(%s::text[]) n(name) WHERE starts_with(external_id, n.name))""",
        [source.tenant_id, source.integration_id, list(tables), source.raw_id, list(names)],
    )


def resolve_nameless(source: Source) -> int:
    """Closes the entries of records that go by their place in an older answer to the same question.

    No good answer could name them; what is still wrong is opened again.
    """
    return execute(
        """UPDATE quarantined_records q SET resolved_at = now(), last_updated_at = now()
           FROM raw_extraction_data o, raw_extraction_data n
           WHERE q.tenant_id = %s AND q.integration_id = %s AND q.resolved_at IS NULL AND q.raw_data_id = o.id
             AND q.external_id = left(q.path, 255) AND n.id = %s AND o.id < n.id AND o.external_id <> ''
             AND (o.entity_type, o.external_id) = (n.entity_type, n.external_id)""",
        [source.tenant_id, source.integration_id, source.raw_id],
    )
