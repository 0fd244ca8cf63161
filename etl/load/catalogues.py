"""Loading projects, types, statuses, fields and their relations, and placeholders for what is only referred to."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from custommapping.models import Authority
from etl.load.copying import Row, stage
from etl.load.merging import Source, merge
from etl.load.quarantine import load_halving
from etl.load.tables import CUSTOM_FIELDS, PROJECTS, STATUSES, WITS, Target
from etl.load.wit_mappings import follow_mappings
from etl.sql import execute, fetch
from integrations.records import (
    Batch,
    CustomFieldRecord,
    ProjectRecord,
    StatusRecord,
    WitRecord,
    WorkItemRecord,
)

Relation = tuple[str, tuple[str, ...]]
Known = Mapping[str, tuple[int, str | None]]
"""What is known of a catalogue, by source id: each row's authority, and a status's own category ('' of others)."""

# The age of a mere mention: all mentions of a project say the same, so a later one is no reason to write.
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def _project_row(record: ProjectRecord, at: datetime) -> Row:
    return (
        record.external_id,
        at,
        Authority.LISTED,
        record.key,
        record.name,
        record.project_type,
        record.description,
        record.lead_id,
        record.lead_name,
        record.archived,
    )


def _wit_row(record: WitRecord, at: datetime, authority: Authority = Authority.LISTED) -> Row:
    return (
        record.external_id,
        at,
        authority,
        record.name,
        record.description,
        record.subtask,
        record.hierarchy_level,
    )


def _status_row(record: StatusRecord, at: datetime, authority: Authority = Authority.LISTED) -> Row:
    return (
        record.external_id,
        at,
        authority,
        record.name,
        record.category,
        record.description,
        record.project_id,
    )


def _field_row(record: CustomFieldRecord, at: datetime) -> Row:
    """What a project shows of a field it shows each time: that has no age."""
    age = (at, Authority.LISTED) if record.listed else (LONG_AGO, Authority.SEEN)
    return (record.external_id, *age, record.name, record.field_type, dict(record.schema))


def _field_rows(source: Source, batch: Batch) -> list[Row]:
    """What a site's list of all says of a field, no project says better: each of its types shows the same ones."""
    if not batch.custom_fields:
        return []
    rows = fetch(
        "SELECT external_id, authority FROM custom_fields WHERE tenant_id = %s AND integration_id = %s",
        [source.tenant_id, source.integration_id],
    )
    known = {external_id: (authority, "") for external_id, authority in rows}
    return _worth((_field_row(field, source.extracted_at) for field in batch.custom_fields), known)


def _seen_projects(items: Iterable[WorkItemRecord]) -> Iterable[Row]:
    for item in items:
        nothing: tuple[Any, ...] = ("", "", None, None, False)
        yield (item.project_id, item.updated, Authority.SEEN, item.project_key, item.project_name, *nothing)


def _mentioned_projects(batch: Batch) -> Iterable[Row]:
    """Projects that an answer only refers to: their own answer may come later."""
    named = {status.project_id for status in batch.statuses if status.project_id}
    named |= {pairs.project_id for pairs in batch.project_wits}
    named |= {pairs.project_id for pairs in batch.project_statuses}
    for project_id in named:
        yield (project_id, LONG_AGO, Authority.MENTIONED, project_id, project_id, "", "", None, None, False)


def _mentioned_statuses(items: Iterable[WorkItemRecord], known: Known) -> Iterable[Row]:
    """Statuses that histories name: maybe deleted long ago, known only by the name that they had.

    Without those that a better source has written: authority only grows, and a page names the same few a thousand
    times.
    """
    better = {status_id for status_id, (authority, _) in known.items() if authority > Authority.MENTIONED}
    for item in items:
        for change in item.changes:
            for status_id, name in ((change.from_id, change.from_name), (change.to_id, change.to_name)):
                if status_id and status_id not in better:
                    yield (status_id, change.at, Authority.MENTIONED, name or status_id, None, "", None)


def _rank(row: Row) -> tuple[bool, int]:
    """What wins over a row's age: see `Target.rank`. Only of statuses the fifth value may be None."""
    return row[4] is not None, row[2]


def _known_rank(row: Row, known: Known) -> tuple[bool, int]:
    """The rank of what is known under a row's id, in the table that the row is for."""
    authority, category = known.get(row[0], (-1, None))
    return category is not None, authority


def newest(rows: Iterable[Row]) -> list[Row]:
    """Of rows with the same id the best and newest one: a page names the same few statuses a thousand times."""
    best: dict[str, Row] = {}
    for row in rows:
        known = best.get(row[0])
        if known is None or (_rank(known), known[1]) < (_rank(row), row[1]):
            best[row[0]] = row
    return list(best.values())


def status_rows(source: Source, batch: Batch, known: Known) -> list[Row]:
    """What a batch says of statuses, the best row of each.

    A project's list may say less of them than the site's own: it counts as little as an issue, and says the same each
    time.
    """
    seen = (LONG_AGO, Authority.SEEN)
    age = seen if batch.project_statuses else (source.extracted_at, Authority.LISTED)
    rows = [_status_row(status, *age) for status in batch.statuses]
    rows += [_status_row(item.status, item.updated, Authority.SEEN) for item in batch.work_items]
    return newest([*rows, *_mentioned_statuses(batch.work_items, known)])


def read_known(source: Source) -> dict[str, Known]:
    """The integration's catalogues, by table."""
    known: dict[str, dict[str, tuple[int, str | None]]] = {"projects": {}, "wits": {}, "statuses": {}}
    rows = fetch(
        """SELECT 'projects', external_id, authority, '' FROM projects
               WHERE tenant_id = %(tenant)s AND integration_id = %(integration)s
           UNION ALL SELECT 'wits', external_id, authority, '' FROM wits
               WHERE tenant_id = %(tenant)s AND integration_id = %(integration)s
           UNION ALL SELECT 'statuses', external_id, authority, category FROM statuses
               WHERE tenant_id = %(tenant)s AND integration_id = %(integration)s""",
        {"tenant": source.tenant_id, "integration": source.integration_id},
    )
    for table, external_id, authority, category in rows:
        known[table][external_id] = (authority, category)
    return dict(known)


def _worth(rows: Iterable[Row], known: Known) -> list[Row]:
    """The best row of each, without those that a better source has written already: on most pages, all of them."""
    return [row for row in newest(rows) if _rank(row) >= _known_rank(row, known)]


def has_news(statuses: Iterable[Row], known: Known) -> bool:
    """Whether a status row may change what a status means for flow: a new status, or another category."""
    for row in statuses:
        authority, category = known.get(row[0], (-1, None))
        if _rank(row) >= _known_rank(row, known) and (category != row[4] or authority < 0):
            return True
    return False


Refuse = Callable[[str, Row, str], None]
"""Told of a row that PostgreSQL does not take: its table, the row, and why."""


def load_catalogues(
    source: Source, batch: Batch, statuses: Sequence[Row], known: Mapping[str, Known], refuse: Refuse
) -> dict[str, list[int]]:
    """Merges all catalogue rows of a batch, references first; the ids of those written, by table."""
    projects = [_project_row(project, source.extracted_at) for project in batch.projects]
    projects += [*_seen_projects(batch.work_items), *_mentioned_projects(batch)]
    wits = [_wit_row(wit, source.extracted_at) for wit in batch.wits]
    wits += [_wit_row(item.wit, item.updated, Authority.SEEN) for item in batch.work_items]
    plan: list[tuple[Target, list[Row]]] = [
        (PROJECTS, _worth(projects, known["projects"])),
        (WITS, _worth(wits, known["wits"])),
        (STATUSES, _worth(statuses, known["statuses"])),
        (CUSTOM_FIELDS, _field_rows(source, batch)),
    ]
    written = {target.name: merge_all(target, source, rows, refuse) for target, rows in plan if rows}
    if ids := written.get("wits"):
        follow_mappings(source.tenant_id, source.integration_id, ids)
    _relate(source, "wit", "wits", [(pair.project_id, pair.wit_ids) for pair in batch.project_wits])
    _relate(source, "status", "statuses", [(pair.project_id, pair.status_ids) for pair in batch.project_statuses])
    return written


def merge_all(target: Target, source: Source, rows: Sequence[Row], refuse: Refuse) -> list[int]:
    """Merges the rows of one catalogue but those that PostgreSQL refuses; the ids of those written."""
    ids: list[int] = []
    load_halving(
        rows,
        lambda part: ids.extend(merge(target, source, part).values()),
        lambda row, reason: refuse(target.name, row, reason),
    )
    return ids


def _relate(source: Source, other: str, others: str, relations: Sequence[Relation]) -> None:
    """Makes the pairs of those projects what the answer lists, where no newer answer did."""
    if not relations:
        return
    table, staged = f"projects_{others}", f"staged_projects_{others}"
    pairs = [(project, target) for project, targets in relations for target in targets]
    stage(staged, "SELECT external_id AS project_ref, external_id AS other_ref FROM projects",
          ("project_ref", "other_ref"), pairs)  # fmt: skip
    parameters = {
        "tenant": source.tenant_id,
        "integration": source.integration_id,
        "projects": [project for project, _ in relations],
        "at": source.extracted_at,
    }
    # Of two answers at once the second sees what the first wrote, and its age.
    execute(
        """SELECT 1 FROM projects WHERE tenant_id = %(tenant)s AND integration_id = %(integration)s
               AND external_id = ANY(%(projects)s) ORDER BY external_id FOR NO KEY UPDATE""",
        parameters,
    )
    listed = f"""SELECT p.id AS project_id, o.id AS other_id FROM {staged} s
        JOIN projects p ON p.tenant_id = %(tenant)s AND p.integration_id = %(integration)s
            AND p.external_id = s.project_ref AND coalesce(p.{others}_as_of, '-infinity') <= %(at)s
        JOIN {others} o ON o.tenant_id = %(tenant)s AND o.integration_id = %(integration)s
            AND o.external_id = s.other_ref"""
    removed = execute(
        f"""DELETE FROM {table} r USING projects p
            WHERE r.project_id = p.id AND p.tenant_id = %(tenant)s AND p.integration_id = %(integration)s
              AND p.external_id = ANY(%(projects)s) AND coalesce(p.{others}_as_of, '-infinity') <= %(at)s
              AND (r.project_id, r.{other}_id) NOT IN ({listed})""",
        parameters,
    )
    added = execute(
        f"""INSERT INTO {table} (tenant_id, integration_id, project_id, {other}_id)
            SELECT %(tenant)s, %(integration)s, l.project_id, l.other_id FROM ({listed}) l
            WHERE NOT EXISTS (SELECT 1 FROM {table} r
                              WHERE r.project_id = l.project_id AND r.{other}_id = l.other_id)
            GROUP BY 3, 4 ORDER BY 3, 4 ON CONFLICT DO NOTHING""",
        parameters,
    )
    if removed or added:
        execute(
            f"""UPDATE projects SET {others}_as_of = %(at)s WHERE tenant_id = %(tenant)s
                AND integration_id = %(integration)s AND external_id = ANY(%(projects)s)
                AND coalesce({others}_as_of, '-infinity') <= %(at)s""",
            parameters,
        )
