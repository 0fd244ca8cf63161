"""Vectors are compared by what the rows say and by what the store has."""

import pytest
from django.utils import timezone

from etl.embedding.store import Payload, Point
from etl.models import QdrantVector, WorkItem
from tests.etl.verification.making import forget, projects, repaired, told, verified
from tests.support.scripted import Scripted
from tests.support.vectors import MemoryStore

pytestmark = pytest.mark.django_db


def test_vectors_that_are_missing_or_of_another_text_are_made_again_and_no_others(synced: Scripted) -> None:
    one, other, third = QdrantVector.objects.filter(table_name="work_items").order_by("id")[:3]
    one.delete()
    QdrantVector.objects.filter(pk=other.pk).update(status="failed")
    QdrantVector.objects.filter(pk=third.pk).update(content_hash="of another text")
    QdrantVector.objects.filter(table_name="statuses").delete()

    found = verified(synced)
    run = repaired(synced)

    statuses = found.report["vectors"]["statuses"]
    assert statuses["missing"] == statuses["wanted"] > 0
    assert found.report["drift"] == found.report["totals"]["vectors"]["missing"] == 3 + statuses["missing"]
    assert (run.vectorization_queued, synced.world.calls) == (3 + statuses["missing"], [])


def test_a_vector_whose_row_is_gone_is_removed(synced: Scripted) -> None:
    WorkItem.objects.filter(external_id="7").update(active=False, deleted_at=timezone.now())
    del synced.world.items["7"]

    found = verified(synced)
    run = repaired(synced)

    assert found.report["totals"]["vectors"]["surplus"] == found.report["drift"] == 1
    assert (run.vectorization_queued, synced.world.calls) == (1, [])
    assert QdrantVector.objects.get(table_name="work_items", external_id="7").content_hash == ""


def texts(store: MemoryStore) -> dict[str, Payload]:
    """What the tenant's collection holds."""
    (points,) = store.points.values()
    return {one: point.payload for one, point in points.items()}


def test_a_collection_that_was_lost_is_made_again(synced: Scripted, store: MemoryStore) -> None:
    before = texts(store)
    store.points.clear()

    found = verified(synced)
    run = repaired(synced)

    assert found.report["totals"]["vectors"] == {
        "wanted": len(before), "completed": 0, "waiting": 0, "missing": len(before), "surplus": 0
    }  # fmt: skip
    assert (found.report["drift"], told(found, "drift")) == (len(before), {})
    assert (texts(store), run.vectorization_queued, synced.world.calls) == (before, len(before), [])


def test_points_that_were_lost_are_made_and_no_others(synced: Scripted, store: MemoryStore) -> None:
    before = texts(store)
    for number in ("3", "70"):
        store.delete(*point_of(number))
    store.written.clear()

    found = verified(synced)
    repaired(synced)

    assert projects(found)["P1"]["vectors"]["missing"] == found.report["drift"] == 2
    assert texts(store) == before
    assert sorted(store.written) == sorted(point_of(number)[1][0] for number in ("3", "70"))


def point_of(number: str) -> tuple[str, list[str]]:
    """Where an item's point is: its collection, and its id."""
    vector = QdrantVector.objects.get(table_name="work_items", external_id=number)
    return vector.collection, [str(vector.point_id)]


def test_a_point_that_no_row_speaks_of_is_removed(synced: Scripted, store: MemoryStore) -> None:
    before = texts(store)
    (old,) = point_of("7")[1]
    # Its row, and its vector's, were deleted by hand, and the site has it no more.
    QdrantVector.objects.filter(table_name="work_items", external_id="7").delete()
    WorkItem.objects.filter(external_id="7").update(active=False, deleted_at=timezone.now())
    del synced.world.items["7"]

    found = verified(synced)
    repaired(synced)

    assert found.report["totals"]["vectors"]["surplus"] == found.report["drift"] == 1
    assert texts(store) == {one: payload for one, payload in before.items() if one != old}


@pytest.mark.parametrize("status", ["completed", "cancelled", "failed"])
def test_a_point_that_is_back_or_was_never_removed_is_removed(
    synced: Scripted, store: MemoryStore, status: str
) -> None:
    WorkItem.objects.filter(external_id="7").update(active=False, deleted_at=timezone.now())
    QdrantVector.objects.filter(table_name="work_items", external_id="7").update(status=status, content_hash="")
    del synced.world.items["7"]

    found = verified(synced)
    repaired(synced)

    assert found.report["totals"]["vectors"]["surplus"] == found.report["drift"] == 1
    assert point_of("7")[1][0] not in texts(store)


def test_what_waits_to_be_made_or_removed_is_no_drift(synced: Scripted, store: MemoryStore) -> None:
    store.delete(*point_of("3"))
    WorkItem.objects.filter(external_id="7").update(active=False, deleted_at=timezone.now())
    QdrantVector.objects.filter(table_name="work_items", external_id__in=["3", "7"]).update(status="pending")
    del synced.world.items["7"]

    assert verified(synced).score == 0


def test_points_of_others_in_the_collection_are_none_of_its_business(synced: Scripted, store: MemoryStore) -> None:
    collection, _ = point_of("7")
    other: Payload = {"integration_id": synced.integration.pk + 1, "table_name": "work_items", "external_id": "7"}
    store.upsert(collection, [Point("00000000-0000-0000-0000-000000000000", [], other)])

    assert verified(synced).score == 0


def test_while_the_store_is_away_the_rest_is_compared_and_repaired(synced: Scripted, store: MemoryStore) -> None:
    forget("7")
    store.is_away = True

    found = verified(synced, repairs=True)

    assert found.report["problems"] == ["vectors: the store is away"]
    assert (told(found, "missing"), found.report["drift"]) == ({"P1": 1}, 1)
    assert found.repair is not None
