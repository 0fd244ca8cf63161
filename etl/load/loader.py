"""Loading a batch: catalogues, items, quarantine and vectors, in the caller's transaction."""

from collections.abc import Mapping
from dataclasses import dataclass

from custommapping.fields import FieldMapping, read_mapping
from etl.embedding.texts import EMBEDDED_TABLES
from etl.load import quarantine
from etl.load.catalogues import has_news, load_catalogues, status_rows
from etl.load.items import Meaning, load_items
from etl.load.merging import Source
from etl.load.vectors import queue_vectors
from etl.transform import categories
from integrations.records import Batch, Quarantined, WorkItemRecord


@dataclass(frozen=True)
class Loaded:
    """``records`` counts what the batch held and was taken over, written or not."""

    records: int
    quarantined: int
    vectors: int


def load(source: Source, batch: Batch, digests: Mapping[str, str], *, born: str = "pending") -> Loaded:
    """Loads all that an answer says. ``digests`` are the content hashes of its items, by source id.

    ``born`` is the state of the vectors that it queues. Raises what the database raises, but for refused records.
    """
    statuses = status_rows(source, batch)
    # A load that changes what a status means must hold the lock alone; looked at again once the lock is held.
    exclusive = has_news(statuses, categories.known_statuses(source.integration_id))
    categories.lock(source.integration_id, exclusive=exclusive)
    if not exclusive and has_news(statuses, categories.known_statuses(source.integration_id)):
        raise CategoriesMoved
    before = categories.read_categories(source.integration_id)
    written = {name: list(merged.ids.values()) for name, merged in load_catalogues(source, batch, statuses).items()}
    after = categories.read_categories(source.integration_id) if exclusive else before
    refused, written["work_items"] = _load_items(source, batch, Meaning(_fields(source), after), digests)
    moved = categories.changed(before, after)
    if moved:
        categories.recompute(source.integration_id, moved, after)
    return Loaded(
        records=_count(batch) - len(refused),
        quarantined=quarantine.quarantine(source, [*batch.quarantined, *refused]) if _any(batch, refused) else 0,
        vectors=sum(
            queue_vectors(source, name, ids, born=born)
            for name, ids in written.items()
            if ids and name in EMBEDDED_TABLES
        ),
    )


class CategoriesMoved(Exception):
    """Another load changed what statuses mean between our look and our lock: begin again."""


def _fields(source: Source) -> FieldMapping:
    return read_mapping(source.tenant_id, source.integration_id)


def _any(batch: Batch, refused: list[Quarantined]) -> bool:
    return bool(batch.quarantined or refused)


def _count(batch: Batch) -> int:
    return sum(
        len(records) for records in (batch.projects, batch.wits, batch.statuses, batch.custom_fields, batch.work_items)
    )


def _load_items(
    source: Source, batch: Batch, meaning: Meaning, digests: Mapping[str, str]
) -> tuple[list[Quarantined], list[int]]:
    """(the items that PostgreSQL refused, the ids of those whose text may have changed)."""
    refused: list[Quarantined] = []
    current: dict[str, int] = {}

    def refuse(record: WorkItemRecord, reason: str) -> None:
        refused.append(Quarantined("work_items", record.external_id, f"issue {record.key}", reason))

    quarantine.load_halving(
        batch.work_items, lambda records: current.update(load_items(source, records, meaning, digests)), refuse
    )
    if current:
        quarantine.resolve(source, "work_items", list(current))
    return refused, list(current.values())
