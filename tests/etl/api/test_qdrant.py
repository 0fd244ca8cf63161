"""`qdrant`: what is told of the vector store, and how far it is from the rows."""

import pytest
from pytest_django import Settings

from etl.embedding.store import Point
from etl.models import QdrantVector
from etl.queue.topology import Stage
from tests.etl.api.callers import Caller, member
from tests.support.driving import work_off
from tests.support.loading import Loading, offline_integration
from tests.support.records import issue, items
from tests.support.vectors import MemoryStore


@pytest.fixture
def loading(db: None) -> Loading:
    """A tenant's integration with three issues, all of it embedded."""
    made = Loading.of(offline_integration())
    made.load(items(issue("1"), issue("2"), issue("3")))
    work_off(made.run, stages=(Stage.EMBEDDING,))
    return made


@pytest.fixture
def caller(loading: Loading) -> Caller:
    return Caller(member("vera", loading.integration.tenant))


def test_a_collection_is_told_with_its_points(caller: Caller, loading: Loading) -> None:
    points = QdrantVector.objects.count()

    (told,) = caller.get("qdrant/collections").json()["results"]

    assert told == {"name": f"tenant_{loading.integration.tenant_id}", "dimensions": 3, "points": points}


def test_a_tenant_without_vectors_has_no_collection(loading: Loading) -> None:
    other = Caller(member("rita", offline_integration("Rival").tenant))

    assert other.get("qdrant/collections").json() == {"results": []}
    assert other.get("qdrant/counts").json() == {"results": []}


def test_vectors_are_counted_by_table_and_state(caller: Caller, loading: Loading) -> None:
    QdrantVector.objects.filter(table_name="work_items", external_id="1").update(status="failed")
    QdrantVector.objects.filter(table_name="work_items", external_id="2").update(content_hash="")

    told = {one["table_name"]: one for one in caller.get("qdrant/counts").json()["results"]}

    assert told["work_items"] == {
        "integration_id": loading.integration.pk, "table_name": "work_items", "pending": 0, "processing": 0,
        "completed": 1, "removed": 1, "failed": 1, "cancelled": 0,
    }  # fmt: skip
    other = offline_integration(name="Other")
    assert caller.get("qdrant/counts", integration_id=other.pk).json() == {"results": []}


def test_what_the_store_lost_and_what_it_has_too_much_of_is_told(
    caller: Caller, loading: Loading, memory_store: MemoryStore
) -> None:
    whose = {"integration_id": loading.integration.pk}
    assert caller.get("qdrant/drift", **whose).json() == {"lost": [], "surplus": []}
    lost = QdrantVector.objects.get(table_name="work_items", external_id="2")
    memory_store.delete(lost.collection, [str(lost.point_id)])
    stray = "00000000-0000-0000-0000-000000000001"
    memory_store.upsert(
        lost.collection, [Point(stray, [1.0, 0.0, 0.0], {**whose, "table_name": "work_items", "external_id": "9"})]
    )

    told = caller.get("qdrant/drift", **whose).json()

    assert told["lost"] == [{"table_name": "work_items", "count": 1, "external_ids": ["2"]}]
    assert told["surplus"] == [{"table_name": "work_items", "count": 1, "external_ids": ["9"]}]


def test_a_store_that_is_away_is_told_without_its_address(
    caller: Caller, loading: Loading, memory_store: MemoryStore
) -> None:
    memory_store.is_away = True

    answer = caller.get("qdrant/drift", integration_id=loading.integration.pk)

    assert (answer.status_code, answer.json()["type"]) == (503, "unavailable")
    assert "the store is away" not in answer.content.decode()


def test_members_are_told_whether_the_store_answers_and_superusers_what_it_says(
    caller: Caller, superuser: Caller, settings: Settings
) -> None:
    settings.QDRANT_URL = ""

    assert caller.get("qdrant/health").json() == {"status": "ok", "kind": "embedded"}
    assert "vectors" in superuser.get("qdrant/health").json()["said"]
