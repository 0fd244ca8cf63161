"""Loading work items with their changelogs."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime

from custommapping.fields import FieldMapping, sorted_out
from custommapping.models import CUSTOM_FIELD_COLUMNS
from etl.load.copying import Row, stage
from etl.load.former_keys import keep_keys, keys_of
from etl.load.mentions import link_work_items
from etl.load.merging import Source, found, insert_new, lock_older, merge_known, written_before
from etl.load.tables import WORK_ITEMS
from etl.sql import execute
from etl.transform.metrics import METRIC_NAMES, Categories, Change, flow_metrics
from integrations.records import StatusChange, WorkItemRecord

_CHANGELOG_COLUMNS = (
    "work_item_id",
    "external_id",
    "item_number",
    "from_status_name",
    "to_status_name",
    "transition_start_date",
    "transition_change_date",
    "time_in_status_seconds",
    "changed_by",
)


@dataclass(frozen=True)
class Meaning:
    """What the tenant's settings make of a work item."""

    fields: FieldMapping
    categories: Categories


def _row(record: WorkItemRecord, meaning: Meaning, content_hash: str) -> Row:
    mapped, overflow = sorted_out(record.custom, record.custom_texts, meaning.fields)
    changes = [Change(change.at, change.from_id, change.to_id) for change in record.changes]
    metrics = flow_metrics(record.created, record.status.external_id, changes, meaning.categories)
    return (
        record.external_id,
        record.updated,
        record.key,
        record.parent_id,
        record.summary,
        record.description,
        record.priority,
        record.resolution,
        record.reporter.account_id,
        record.reporter.name,
        record.assignee.account_id,
        record.assignee.name,
        record.labels,
        record.created,
        record.updated,
        record.resolved,
        record.due,
        mapped.get("team"),
        mapped.get("code_changed"),
        mapped.get("story_points"),
        *[mapped.get(column) for column in CUSTOM_FIELD_COLUMNS],
        overflow,
        content_hash,
        *[getattr(metrics, name) for name in METRIC_NAMES],
        record.project_id,
        record.wit.external_id,
        record.status.external_id,
        record.parent_id,
    )


@dataclass(frozen=True)
class LoadedItems:
    """``current`` are the ids of the items that are not newer already, by source id; ``inserted`` those without a row
    before, by source id; ``same`` the ids of those whose text and history this answer has written before.
    """

    current: dict[str, int]
    inserted: list[str]
    same: Set[int]


def load_items(
    source: Source, records: Sequence[WorkItemRecord], meaning: Meaning, hashes: Mapping[str, str]
) -> LoadedItems:
    """Merges the items, the changelogs of those that are not newer already, and derives what mentions those written."""
    rows = [_row(record, meaning, hashes.get(record.external_id, "")) for record in records]
    new, said = insert_new(WORK_ITEMS, source, rows), _said(records)
    known = lock_older(WORK_ITEMS, source, {item: said[item] for item in said if item not in new})
    same = written_before(WORK_ITEMS, source, known, hashes) if source.only_meaning else set()
    keys = keys_of(source, records)
    changed = merge_known(WORK_ITEMS, source, known)
    current = known | new
    told = {item: item_id for item, item_id in current.items() if item_id not in same}
    if told:
        _load_changelogs(source, records, told, [item_id for item, item_id in told.items() if item in known])
    written = {*new.values(), *changed.values()}
    link_work_items(source.tenant_id, written - same | {*keep_keys(source, keys)})
    return LoadedItems(current, [*new], same)


def _said(records: Sequence[WorkItemRecord]) -> dict[str, datetime]:
    """From when the answer is about each of its items: a page may have two versions of one."""
    said: dict[str, datetime] = {}
    for record in records:
        said[record.external_id] = max(record.updated, said.get(record.external_id, record.updated))
    return said


def _changelog_row(work_item_id: int, change: StatusChange, start: datetime) -> Row:
    return (
        work_item_id,
        change.history_id,
        change.item,
        change.from_name,
        change.to_name,
        start,
        change.at,
        max(0, int((change.at - start).total_seconds())),
        change.by.name or change.by.account_id,
        change.from_id,
        change.to_id,
    )


def _changelog_rows(records: Sequence[WorkItemRecord], current: Mapping[str, int]) -> list[Row]:
    newest: dict[str, WorkItemRecord] = {}
    for record in records:
        known = newest.get(record.external_id)
        if known is None or known.updated <= record.updated:
            newest[record.external_id] = record
    rows: list[Row] = []
    for record in newest.values():
        work_item_id, start = current.get(record.external_id), record.created
        for change in record.changes if work_item_id else ():
            rows.append(_changelog_row(work_item_id or 0, change, start))
            start = change.at
    return rows


def _load_changelogs(
    source: Source, records: Sequence[WorkItemRecord], current: Mapping[str, int], known: Sequence[int]
) -> None:
    """Makes the changelogs of those items what the answer says: new ones in, vanished ones (of known items) out."""
    references = ", NULL::varchar(255) AS from_ref, NULL::varchar(255) AS to_ref"
    stage(
        "staged_changelogs",
        f"SELECT {', '.join(_CHANGELOG_COLUMNS)}{references} FROM changelogs",
        (*_CHANGELOG_COLUMNS, "from_ref", "to_ref"),
        _changelog_rows(records, current),
    )
    if known:
        execute(
            """DELETE FROM changelogs c WHERE c.work_item_id = ANY(%s) AND NOT EXISTS (
                   SELECT 1 FROM staged_changelogs s WHERE s.work_item_id = c.work_item_id
                     AND s.external_id = c.external_id AND s.item_number = c.item_number)""",
            [known],
        )
    execute(_CHANGELOG_MERGE, {"tenant": source.tenant_id, "integration": source.integration_id})


def _changelog_merge() -> str:
    keys = ("work_item_id", "external_id", "item_number")
    values = [*(name for name in _CHANGELOG_COLUMNS if name not in keys), "from_status_id", "to_status_id"]
    old, new, excluded = (", ".join(f"{alias}.{name}" for name in values) for alias in ("c", "s", "EXCLUDED"))
    status = "({0}) AS {1}_status_id"
    from_status, to_status = (
        status.format(found("statuses", f"s.{end}_ref", columns="f.id"), end) for end in ("from", "to")
    )
    same = " AND ".join(f"f.{name} = s.{name}" for name in keys)
    return f"""
        WITH resolved AS (
            SELECT DISTINCT ON (s.work_item_id, s.external_id, s.item_number) s.*, {from_status}, {to_status}
            FROM staged_changelogs s)
        INSERT INTO changelogs AS c (tenant_id, integration_id, {", ".join(keys)}, {", ".join(values)})
        SELECT %(tenant)s, %(integration)s, {", ".join(f"s.{name}" for name in keys)}, {new}
        FROM resolved s LEFT JOIN LATERAL (SELECT * FROM changelogs f WHERE {same} LIMIT 1) c ON true
        WHERE c.id IS NULL OR ({old}) IS DISTINCT FROM ({new})
        ORDER BY s.work_item_id, s.external_id, s.item_number
        ON CONFLICT (work_item_id, external_id, item_number) DO UPDATE
            SET {", ".join(f"{name} = EXCLUDED.{name}" for name in values)}, last_updated_at = now()
            WHERE ({old}) IS DISTINCT FROM ({excluded})"""


_CHANGELOG_MERGE = _changelog_merge()
