"""Loading a batch, in the caller's transaction.

Catalogues, repositories, pull requests, work items, links, quarantine, vectors; last, what pull requests mention.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from custommapping.fields import read_mapping
from etl.embedding.texts import EMBEDDED_TABLES
from etl.load import mentions, quarantine
from etl.load.catalogues import has_news, load_catalogues, read_known, status_rows
from etl.load.copying import Row
from etl.load.fields_told import note_fields
from etl.load.gone import mark_gone, mark_known_gone
from etl.load.items import Meaning, load_items
from etl.load.links import link_items
from etl.load.listed import keep_listed
from etl.load.merging import Source
from etl.load.pull_requests import load_pull_requests
from etl.load.repositories import load_repositories
from etl.load.vectors import queue_vectors
from etl.transform import categories
from integrations.records import Batch, Quarantined, WorkItemRecord

_CATALOGUES = ("projects", "wits", "statuses", "custom_fields", "repositories")


@dataclass(frozen=True)
class Loaded:
    """``records`` counts what the batch held and was taken over, written or not."""

    records: int
    quarantined: int
    vectors: int


def load(source: Source, batch: Batch, hashes: Mapping[str, str], *, born: str = "pending") -> Loaded:
    """Loads all that an answer says. ``hashes`` are the content hashes of its items, by source id.

    ``born`` is the state of the vectors that it queues. What PostgreSQL refuses is quarantined. Raises
    CategoriesMoved, and any other database error.
    """
    if batch.is_empty:
        return Loaded(0, 0, 0)
    refused = list(batch.quarantined)
    written, meaning = _load_catalogues(source, batch, refused)
    repositories = load_repositories(source, batch, refused, born=born)
    pull_requests = load_pull_requests(source, batch.pull_requests, hashes, refused)
    if pull_requests:
        quarantine.resolve(source, "prs", list(pull_requests))
    _lock_mentions(source, batch)
    written["work_items"] = _load_items(source, batch, meaning, hashes, refused, born)
    link_items(source, batch.link_overviews, batch.item_links, refused)
    keep_listed(source, batch.listed)
    note_fields(source, batch)
    mark_gone(source, batch.gone, batch.left, born=born)
    quarantine.resolve(source, "work_items", [*batch.gone, *batch.left])
    quarantine.resolve_nameless(source)
    written |= {"repositories": [*repositories.fresh], "prs": [*pull_requests.values()]}
    loaded = Loaded(
        records=_count(batch) - _held(batch, set(refused).difference(batch.quarantined)),
        quarantined=quarantine.quarantine(source, refused) if refused else 0,
        vectors=sum(
            queue_vectors(source, name, ids, born=born)
            for name, ids in written.items()
            if ids and name in EMBEDDED_TABLES
        ),
    )
    mentions.link_pull_requests(source.tenant_id, written["prs"], repositories.renamed)
    return loaded


class CategoriesMoved(Exception):
    """Another load changed what statuses mean between our look and our lock: begin again."""


def _load_catalogues(source: Source, batch: Batch, refused: list[Quarantined]) -> tuple[dict[str, list[int]], Meaning]:
    """(ids written by table, what the tenant's settings make of items), with the lock on what statuses mean."""
    integration_id, known = source.integration_id, read_known(source)
    statuses = status_rows(source, batch, known["statuses"])
    # A load that changes what a status means must hold the lock alone; looked at again once the lock is held.
    # So must one that says what is gone: a load beside it could insert just that.
    exclusive = has_news(statuses, known["statuses"]) or bool(batch.gone or batch.left)
    categories.lock(integration_id, exclusive=exclusive)
    if not exclusive and has_news(statuses, read_known(source)["statuses"]):
        raise CategoriesMoved
    before = categories.read_categories(source.tenant_id, integration_id)

    def refuse(table: str, row: Row, reason: str) -> None:
        refused.append(Quarantined(table, row[0], f"{table} {row[0]}", reason))

    written = load_catalogues(source, batch, statuses, known, refuse)
    _resolve_catalogues(source, batch)
    after = categories.read_categories(source.tenant_id, integration_id) if exclusive else before
    moved = categories.changed(before, after)
    if moved:
        categories.recompute(source.tenant_id, integration_id, moved, after)
    return written, Meaning(read_mapping(source.tenant_id, integration_id), after)


def _lock_mentions(source: Source, batch: Batch) -> None:
    """Before any work item or link is locked; alone already where links of pull requests follow: locks do not grow."""
    if batch.work_items or batch.gone or batch.left or batch.link_overviews or batch.item_links:
        mentions.lock(source.tenant_id, exclusive=bool(batch.repositories or batch.pull_requests))


def _resolve_catalogues(source: Source, batch: Batch) -> None:
    """Closes the entries of all that the answer lists; what was refused of it again is opened again at the end."""
    for table in _CATALOGUES:
        if listed := [record.external_id for record in getattr(batch, table)]:
            quarantine.resolve(source, table, listed)


def _load_items(
    source: Source, batch: Batch, meaning: Meaning, hashes: Mapping[str, str], refused: list[Quarantined], born: str
) -> list[int]:
    """The ids of the items whose text may have changed; adds to ``refused`` what PostgreSQL refused."""
    current: dict[str, int] = {}
    inserted: list[str] = []
    same: set[int] = set()

    def load_part(records: Sequence[WorkItemRecord]) -> None:
        loaded = load_items(source, records, meaning, hashes)
        current.update(loaded.current)
        inserted.extend(loaded.inserted)
        same.update(loaded.same)

    def refuse(record: WorkItemRecord, reason: str) -> None:
        refused.append(Quarantined("work_items", record.external_id, f"issue {record.key}", reason))

    quarantine.load_halving(batch.work_items, load_part, refuse)
    if current:
        quarantine.resolve(source, "work_items", list(current))
    gone = set(mark_known_gone(source, inserted, born=born))
    return [item_id for item, item_id in current.items() if item not in gone and item_id not in same]


def _count(batch: Batch) -> int:
    records = sum(len(getattr(batch, table)) for table in (*_CATALOGUES, "work_items", "pull_requests"))
    return records + sum(len(links.links) for links in batch.item_links) + len(batch.link_overviews)


def _held(batch: Batch, refused: Collection[Quarantined]) -> int:
    """How many of these are counted: of a catalogue not what work items and pull requests only show."""
    listed = {table: {record.external_id for record in getattr(batch, table)} for table in _CATALOGUES}
    return sum(one.table not in listed or one.external_id in listed[one.table] for one in refused)
