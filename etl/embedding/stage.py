"""Embedding: texts become vectors. Queuing a changed text takes the lease away: none ends with an old one."""

from collections import defaultdict
from dataclasses import dataclass

from etl.embedding.backends import get_encoder, get_store
from etl.embedding.store import Point
from etl.embedding.texts import EMBEDDED_TABLES
from etl.jobs import units
from etl.jobs.units import Lease, LeaseLost
from etl.models import QdrantVector
from etl.sql import execute, fetch


@dataclass(frozen=True)
class Wanted:
    """One row's text now, with its hash."""

    unit_id: int
    point_id: str
    collection: str
    table_name: str
    external_id: str
    source_type: str
    title: str
    text: str
    content_hash: str


def _wanted(table: str, ids: tuple[int, ...]) -> list[Wanted]:
    embedded = EMBEDDED_TABLES[table]
    rows = fetch(
        f"""SELECT v.id, v.point_id::text, v.collection, v.table_name, v.external_id, v.source_type,
                left({embedded.title}, 300), {embedded.text}, md5({embedded.text})
            FROM qdrant_vectors v JOIN {table} r ON r.tenant_id = v.tenant_id
                AND r.integration_id = v.integration_id AND r.external_id = v.external_id {embedded.joins}
            WHERE v.id = ANY(%s) AND v.table_name = %s AND r.active""",
        [list(ids), table],
    )
    return [Wanted(*row) for row in rows]


def _point(wanted: Wanted, vector: list[float], lease: Lease) -> Point:
    return Point(
        wanted.point_id,
        vector,
        {
            "tenant_id": lease.tenant_id,
            "integration_id": lease.integration_id,
            "source_type": wanted.source_type,
            "table_name": wanted.table_name,
            "external_id": wanted.external_id,
            "title": wanted.title,
        },
    )


def _store(texts: list[Wanted], lease: Lease) -> None:
    vectors = get_encoder().encode([wanted.text for wanted in texts])
    by_collection: dict[str, list[Point]] = defaultdict(list)
    for wanted, vector in zip(texts, vectors, strict=True):
        by_collection[wanted.collection].append(_point(wanted, vector, lease))
    for collection, points in by_collection.items():
        get_store().ensure_collection(collection, get_encoder().dimensions)
        get_store().upsert(collection, points)


def _remove(gone: set[int]) -> None:
    """Removes the points of rows that are no longer there, or no longer active."""
    for collection, point_id in QdrantVector.objects.filter(pk__in=gone).values_list("collection", "point_id"):
        get_store().delete(collection, [str(point_id)])


def embed(lease: Lease) -> None:
    """Embeds the texts of a lease's rows. Raises a StageError, LeaseLost."""
    tables = QdrantVector.objects.filter(pk__in=lease.ids).values_list("table_name", flat=True).distinct()
    texts = [wanted for table in tables for wanted in _wanted(table, lease.ids)]
    if texts:
        _store(texts, lease)
    gone = set(lease.ids) - {wanted.unit_id for wanted in texts}
    if gone:
        _remove(gone)
    try:
        with units.ending(lease, ", model = %s, published_at = NULL", [get_encoder().model]):
            _keep_hashes(texts)
            _forget(gone)
    except LeaseLost:
        # The text of one has changed and it waits again; the others shall not wait for the lease to run out.
        units.split(lease, "the batch was given up: one of its texts changed meanwhile")
        # And one that another worker completed meanwhile may have been overwritten by ours.
        units.distrust(lease)
        raise


def _keep_hashes(embedded: list[Wanted]) -> None:
    """Writes down what was embedded, where a row was changed without its vector being queued."""
    execute(
        """UPDATE qdrant_vectors v SET content_hash = e.content_hash
           FROM unnest(%s::bigint[], %s::text[]) AS e(id, content_hash)
           WHERE v.id = e.id AND v.content_hash <> e.content_hash""",
        [[wanted.unit_id for wanted in embedded], [wanted.content_hash for wanted in embedded]],
    )


def _forget(gone: set[int]) -> None:
    """Their points are gone: should a row come back with the same text, that is a text to embed."""
    if gone:
        QdrantVector.objects.filter(pk__in=gone).update(content_hash="")
