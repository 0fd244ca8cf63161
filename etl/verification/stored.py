"""What is stored of an integration, by project or repository: answers, rows, quarantine, vectors. Counts only.

Each function is one set-based query, or one for each table: however many items there are, nothing is read row by row.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from etl.embedding.texts import EMBEDDED_TABLES
from etl.jobs import planning, watermarks
from etl.models import EtlJobRun, RunKind
from etl.sql import fetch
from etl.verification.points import Points
from integrations.models import Integration
from integrations.provider import PlanContext, RawAnswer, SourceCount

# The column of the items' table that names what they belong to.
_CONTAINER_COLUMNS = {"projects": "project_id", "repositories": "repository_id"}
_NAMES = {"projects": "key", "repositories": "full_name"}


@dataclass(frozen=True)
class Items:
    """Rows of items: ``derived`` are active, ``deleted`` were seen to be gone, or to have left what is read.

    ``settled`` are those that `SourceCount` has in ``items`` and not in ``created``, where all is alike.
    """

    derived: int = 0
    deleted: int = 0
    settled: int = 0


@dataclass(frozen=True)
class Answers:
    """Items that stored answers speak of: ``raw`` all of them, each once.

    The others have no row: ``waiting`` will be transformed, ``quarantined`` was refused, ``underived`` are neither.
    ``stale`` have a row, and a newer answer that was not loaded. ``rows`` are the answers that hold either.
    """

    raw: int = 0
    waiting: int = 0
    quarantined: int = 0
    underived: int = 0
    stale: int = 0
    rows: tuple[int, ...] = ()


@dataclass(frozen=True)
class Vectors:
    """``wanted`` rows are to be found by meaning; ``completed`` are, by the text that they have now.

    ``waiting`` will be, ``missing`` are neither. ``surplus`` counts points of rows that are not there any more.
    """

    wanted: int = 0
    completed: int = 0
    waiting: int = 0
    missing: int = 0
    surplus: int = 0


@dataclass(frozen=True)
class Tables:
    """The names by which SQL has an integration's items, and what they belong to."""

    items: str
    containers: str
    container: str = field(init=False)
    name: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "container", _CONTAINER_COLUMNS[self.containers])
        object.__setattr__(self, "name", _NAMES[self.containers])


def tables_of(integration: Integration) -> Tables:
    provider = integration.provider_code
    return Tables(provider.items_table, provider.containers_table)


def _of(integration: Integration) -> dict[str, object]:
    return {"tenant": integration.tenant_id, "integration": integration.pk}


def to_be_read(integration: Integration) -> PlanContext:
    """What a full read would be planned with, and where the last complete one of each scope stood.

    Nothing where no sync was ever started.
    """
    syncs = EtlJobRun.objects.filter(integration=integration, kind=RunKind.SYNC).order_by("-id")
    last = syncs.values_list("pk", "job_id").first()
    if last is None:
        return PlanContext()
    # As a repair sees them that begins now.
    reading = EtlJobRun(
        pk=last[0], job_id=last[1], kind=RunKind.REPAIR, integration=integration, tenant_id=integration.tenant_id
    )
    return PlanContext(
        projects=planning.known_projects(reading),
        repositories=planning.known_repositories(reading),
        watermarks=watermarks.read(integration.pk, integration.provider_code.items_step),
    )


def names(integration: Integration) -> dict[str, str]:
    """What people call the projects or repositories, by source id."""
    tables = tables_of(integration)
    sql = f"SELECT external_id, {tables.name} FROM {tables.containers}"
    return dict(fetch(f"{sql} WHERE tenant_id = %(tenant)s AND integration_id = %(integration)s", _of(integration)))


def items(integration: Integration, told: Mapping[str, SourceCount]) -> dict[str, Items]:
    """The rows by project or repository, counted as the site counted them."""
    tables = tables_of(integration)
    rows = fetch(
        f"""SELECT c.external_id, count(*) FILTER (WHERE i.active), count(*) FILTER (WHERE NOT i.active),
                   count(*) FILTER (WHERE i.active AND (t.oldest IS NULL OR i.updated >= t.oldest)
                                      AND (t.since IS NULL OR i.created < t.since))
            FROM {tables.items} i JOIN {tables.containers} c ON c.id = i.{tables.container}
            LEFT JOIN unnest(%(ids)s::text[], %(sinces)s::timestamptz[], %(oldests)s::timestamptz[])
                AS t(id, since, oldest) ON t.id = c.external_id
            WHERE i.tenant_id = %(tenant)s AND i.integration_id = %(integration)s GROUP BY 1""",
        {
            **_of(integration),
            "ids": list(told),
            "sinces": [count.since for count in told.values()],
            "oldests": [count.oldest for count in told.values()],
        },
    )
    return {row[0]: Items(*row[1:]) for row in rows}


def answers(integration: Integration) -> dict[str, Answers]:
    """What the stored answers speak of, by project or repository: '' where neither a row nor the answer says of which.

    Of each item the newest answer counts.
    """
    tables, imported = tables_of(integration), _imported(integration)
    rows = fetch(
        _ANSWERS.format(
            items=tables.items, containers=tables.containers, container=tables.container, place=_place("a.metadata")
        ),
        {
            **_of(integration),
            "step": integration.provider_code.items_step,
            "table": tables.items,
            "imported_items": [item for item, _ in imported],
            "imported_ids": [raw_id for _, raw_id in imported],
        },
    )
    return {
        name: Answers(raw, waiting, refused, underived, stale, tuple(sorted(found or ())))
        for name, raw, waiting, refused, underived, stale, found in rows
    }


def _imported(integration: Integration) -> list[tuple[str, int]]:
    """(item, answer) of those answers beside which no hashes are kept: people brought them, and they are few."""
    provider = integration.provider_code
    ids = fetch(
        """SELECT id FROM raw_extraction_data r WHERE integration_id = %(integration)s AND tenant_id = %(tenant)s
             AND step = %(step)s AND active AND parent_id IS NULL AND digests IS NULL
             AND NOT EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.raw_data_id = r.id)""",
        {**_of(integration), "step": provider.items_step},
    )
    return [(item, raw_id) for (raw_id,) in ids for item in provider.digests(_read(raw_id))]


def _read(raw_id: int) -> RawAnswer:
    sql = "SELECT entity_type, external_id, raw_data::text, extraction_metadata::text FROM raw_extraction_data"
    entity_type, external_id, text, metadata = fetch(f"{sql} WHERE id = %s", [raw_id])[0]
    return RawAnswer(entity_type, external_id, orjson.loads(text), orjson.loads(metadata))


def _place(metadata: str) -> str:
    """SQL: the project or repository that an answer is of; null where it was asked for by ids, from several of them."""
    return f"coalesce({metadata} ->> 'project_id', {metadata} ->> 'repository_id')"


# What the answer before the last one said of an item that is gone is no matter any more.
_ANSWERS = """
    WITH answers AS (
        SELECT r.id, r.processing_status AS status, r.is_complete, r.digests, r.extraction_metadata AS metadata
        FROM raw_extraction_data r
        WHERE r.tenant_id = %(tenant)s AND r.integration_id = %(integration)s AND r.step = %(step)s AND r.active
          AND r.parent_id IS NULL),
    told AS (
        SELECT k.item, a.id, {place} AS place FROM answers a CROSS JOIN LATERAL jsonb_object_keys(a.digests) k(item)
        WHERE jsonb_typeof(a.digests) = 'object'
        UNION ALL SELECT m.item, m.id, {place}
        FROM unnest(%(imported_items)s::text[], %(imported_ids)s::bigint[]) m(item, id) JOIN answers a ON a.id = m.id),
    newest AS (
        SELECT item, max(id) AS id, (array_agg(place ORDER BY id DESC) FILTER (WHERE place <> ''))[1] AS place
        FROM told GROUP BY item),
    gone AS (
        SELECT g.item, max(a.id) AS id FROM answers a CROSS JOIN LATERAL jsonb_object_keys(a.metadata -> 'gone') g(item)
        WHERE a.metadata ? 'gone' GROUP BY g.item),
    found AS (
        SELECT n.id, i.id IS NULL AND g.item IS NULL AS rowless, a.status, a.is_complete,
               i.raw_data_id < n.id AND g.item IS NULL AND NOT EXISTS (
                   SELECT 1 FROM raw_extraction_data l WHERE l.integration_id = %(integration)s AND l.id > n.id
                     AND l.entity_type = r.entity_type AND l.external_id = r.external_id) AS outdated,
               EXISTS (SELECT 1 FROM quarantined_records q WHERE q.tenant_id = %(tenant)s
                   AND q.integration_id = %(integration)s AND q.table_name = %(table)s AND q.external_id = n.item
                   AND q.resolved_at IS NULL) AS refused,
               coalesce(c.external_id, n.place, '') AS container
        FROM newest n JOIN answers a ON a.id = n.id JOIN raw_extraction_data r ON r.id = n.id
        LEFT JOIN gone g ON g.item = n.item AND g.id >= n.id
        LEFT JOIN {items} i ON i.tenant_id = %(tenant)s AND i.integration_id = %(integration)s
            AND i.external_id = n.item
        LEFT JOIN {containers} c ON c.id = i.{container}),
    judged AS (
        SELECT container, id,
               rowless AND NOT refused AND status IN ('pending', 'processing') AS waiting,
               rowless AND refused AS quarantined,
               rowless AND NOT refused AND is_complete AND status NOT IN ('pending', 'processing') AS underived,
               outdated AND NOT refused AND is_complete AND status IN ('failed', 'cancelled') AS stale
        FROM found)
    SELECT container, count(*), count(*) FILTER (WHERE waiting), count(*) FILTER (WHERE quarantined),
           count(*) FILTER (WHERE underived), count(*) FILTER (WHERE stale),
           array_agg(DISTINCT id) FILTER (WHERE underived OR stale)
    FROM judged GROUP BY 1"""


def quarantined(integration: Integration) -> dict[str, int]:
    """How many items are in quarantine, by project or repository, whether they have an older row or not."""
    tables = tables_of(integration)
    rows = fetch(
        f"""WITH refused AS (
                SELECT * FROM quarantined_records WHERE tenant_id = %(tenant)s AND integration_id = %(integration)s
                  AND table_name = %(table)s AND resolved_at IS NULL),
            places AS (
                SELECT DISTINCT ON (k.item) k.item, {_place("a.extraction_metadata")} AS place
                FROM raw_extraction_data a CROSS JOIN LATERAL jsonb_object_keys(a.digests) k(item)
                WHERE EXISTS (SELECT 1 FROM refused) AND a.tenant_id = %(tenant)s
                  AND a.integration_id = %(integration)s AND a.step = %(step)s AND a.active AND a.parent_id IS NULL
                  AND jsonb_typeof(a.digests) = 'object' AND {_place("a.extraction_metadata")} <> ''
                  AND k.item IN (SELECT external_id FROM refused)
                ORDER BY k.item, a.id DESC)
            SELECT coalesce(c.external_id, p.place, {_place("a.extraction_metadata")}, ''), count(*)
            FROM refused q LEFT JOIN raw_extraction_data a ON a.id = q.raw_data_id
            LEFT JOIN places p ON p.item = q.external_id
            LEFT JOIN {tables.items} i ON i.tenant_id = q.tenant_id AND i.integration_id = q.integration_id
                AND i.external_id = q.external_id
            LEFT JOIN {tables.containers} c ON c.id = i.{tables.container} GROUP BY 1""",
        {**_of(integration), "table": tables.items, "step": integration.provider_code.items_step},
    )
    return dict(rows)


# Of a row r and its vector v: whether the vector is of another text than the row has, and nobody is to make it.
VECTOR_MISSING = (
    "(v.id IS NULL OR v.status IN ('failed', 'cancelled') OR v.status = 'completed' AND v.content_hash <> md5({text}))"
)
_IN_WORK = "v.status IN ('pending', 'processing')"


def vectors(integration: Integration, points: Points) -> dict[str, dict[str, Vectors]]:
    """By table, and in it by project or repository: '' for the rows of catalogues, and for what has no row."""
    return {table: found for table in EMBEDDED_TABLES if (found := _vectors_of(integration, table, points))}


def _vectors_of(integration: Integration, table: str, points: Points) -> dict[str, Vectors]:
    tables, embedded = tables_of(integration), EMBEDDED_TABLES[table]
    of_items = table == tables.items
    joined = f"LEFT JOIN {tables.containers} c ON c.id = r.{tables.container}" if of_items else ""
    missing = f"({VECTOR_MISSING.format(text=embedded.text)} OR l.id IS NOT NULL)"
    rows = fetch(
        f"""SELECT {"coalesce(c.external_id, '')" if of_items else "''"}, count(*) FILTER (WHERE r.active),
                   count(*) FILTER (WHERE r.active AND NOT {missing} AND v.status = 'completed'),
                   count(*) FILTER (WHERE r.active AND {_IN_WORK}), count(*) FILTER (WHERE r.active AND {missing}),
                   count(s.external_id)
            FROM (SELECT * FROM {table} WHERE tenant_id = %(tenant)s AND integration_id = %(integration)s) r
            FULL JOIN (SELECT * FROM qdrant_vectors WHERE tenant_id = %(tenant)s AND integration_id = %(integration)s
                         AND table_name = %(table)s) v ON v.external_id = r.external_id
            FULL JOIN unnest(%(surplus)s::text[]) s(external_id)
                ON s.external_id = coalesce(r.external_id, v.external_id)
            LEFT JOIN unnest(%(lost)s::bigint[]) l(id) ON l.id = v.id
            {embedded.joins} {joined} GROUP BY 1""",
        {
            **_of(integration),
            "table": table,
            "lost": list(points.lost),
            "surplus": list(points.surplus.get(table, ())),
        },
    )
    return {row[0]: Vectors(*row[1:]) for row in rows}
