"""What every vector store must do."""

import math
from concurrent.futures import ThreadPoolExecutor
from uuid import NAMESPACE_URL, uuid4, uuid5

import pytest

from etl.embedding import edge_store, qdrant_store
from etl.embedding.store import Hit, Payload, Point, VectorStore
from integrations.errors import Permanent, Transient

EAST, NORTH, UP = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]


def point(name: str, vector: list[float], **payload: str | int | None) -> Point:
    return Point(str(uuid5(NAMESPACE_URL, name)), vector, {"name": name, **payload})


def names(hits: list[Hit]) -> list[object]:
    return [hit.payload["name"] for hit in hits]


@pytest.fixture
def collection(store: VectorStore) -> str:
    name = f"tenant.{uuid4()}"
    store.ensure_collection(name, 3)
    return name


def test_the_nearest_points_come_first_with_their_cosine(store: VectorStore, collection: str) -> None:
    diagonal = [math.sqrt(0.5), math.sqrt(0.5), 0.0]
    store.upsert(collection, [point("north", NORTH), point("east", EAST), point("between", diagonal)])

    hits = store.search(collection, EAST, limit=3)

    assert names(hits) == ["east", "between", "north"]
    assert [hit.score for hit in hits] == pytest.approx([1, math.sqrt(0.5), 0], abs=1e-6)
    assert hits[0].id == point("east", EAST).id


def test_a_points_vector_is_read_back(store: VectorStore, collection: str) -> None:
    store.upsert(collection, [point("north", NORTH), point("east", EAST)])

    assert store.vector(collection, point("north", NORTH).id) == pytest.approx(NORTH)
    assert store.vector(collection, str(uuid4())) is None
    assert store.vector("no such", str(uuid4())) is None


def test_no_more_than_the_limit_is_found(store: VectorStore, collection: str) -> None:
    store.upsert(collection, [point(str(number), EAST) for number in range(9)])

    assert len(store.search(collection, EAST, limit=4)) == 4


def test_the_payload_comes_back_as_it_was_written(store: VectorStore, collection: str) -> None:
    payload: Payload = {"integration_id": 2**40, "table_name": "work_items", "title": "Größe 😀", "parent": None}
    store.upsert(collection, [Point(str(uuid4()), EAST, payload)])

    assert store.search(collection, EAST, limit=1)[0].payload == payload


@pytest.mark.parametrize(
    ("equal", "found"),
    [
        ({}, {"a", "b", "c"}),
        ({"integration_id": 1}, {"a", "b"}),
        ({"integration_id": 1, "table_name": "wits"}, {"b"}),
        ({"table_name": "projects"}, set()),
        ({"integration_id": 1, "sprint": None}, {"b"}),
        ({"sprint": "S1"}, {"a"}),
    ],
)
def test_only_points_that_equal_every_filter_are_found(
    store: VectorStore, collection: str, equal: Payload, found: set[str]
) -> None:
    points = [
        point("a", NORTH, integration_id=1, table_name="work_items", sprint="S1"),
        point("b", UP, integration_id=1, table_name="wits", sprint=None),
        point("c", EAST, integration_id=2, table_name="work_items"),
    ]
    store.upsert(collection, points)

    assert set(names(store.search(collection, EAST, limit=9, equal=equal))) == found


def test_a_point_written_again_replaces_itself(store: VectorStore, collection: str) -> None:
    store.upsert(collection, [point("it", EAST, version=1, gone="old")])
    store.upsert(collection, [point("it", NORTH, version=2)])

    assert store.count(collection) == 1
    (hit,) = store.search(collection, NORTH, limit=5)
    assert hit.score == pytest.approx(1)
    assert hit.payload == {"name": "it", "version": 2}


def test_deleted_points_are_gone_and_unknown_ids_are_no_error(store: VectorStore, collection: str) -> None:
    keep, drop = point("keep", EAST), point("drop", NORTH)
    store.upsert(collection, [keep, drop])

    store.delete(collection, [drop.id, str(uuid4())])
    store.delete(collection, [drop.id])
    store.delete(collection, [])

    assert names(store.search(collection, NORTH, limit=5)) == ["keep"]


def test_many_points_and_none_are_written_in_one_call(store: VectorStore, collection: str) -> None:
    store.upsert(collection, [point(str(number), EAST) for number in range(450)])
    store.upsert(collection, [])

    assert store.count(collection) == 450


def test_a_walk_gives_every_point_that_equals_the_filter_once_with_what_is_asked_of_it(
    store: VectorStore, collection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (edge_store, qdrant_store):
        monkeypatch.setattr(module, "POINTS_PER_PAGE", 4)
    ours = [point(str(number), EAST, integration_id=1) for number in range(9)]
    store.upsert(collection, [*ours, point("theirs", EAST, integration_id=2)])

    pages = list(store.walk(collection, equal={"integration_id": 1}, fields=("name",)))

    assert [len(page) for page in pages] == [4, 4, 1]
    assert {one: payload for page in pages for one, payload in page.items()} == {
        one.id: {"name": one.payload["name"]} for one in ours
    }
    assert [payload for page in store.walk(collection) for payload in page.values()] == [{}] * 10
    assert [page for page in store.walk("nowhere") if page] == []


def test_ensuring_a_collection_again_keeps_its_points(store: VectorStore, collection: str) -> None:
    store.upsert(collection, [point("it", EAST)])

    store.ensure_collection(collection, 3)

    assert store.count(collection) == 1
    assert collection in store.collections()


def test_a_collection_tells_its_dimensions(store: VectorStore, collection: str) -> None:
    assert (store.dimensions(collection), store.dimensions("nothing")) == (3, None)


def test_a_collection_with_other_dimensions_is_refused_by_name(store: VectorStore, collection: str) -> None:
    with pytest.raises(Permanent, match=rf"{collection}.* has 3 dimensions, not 4"):
        store.ensure_collection(collection, 4)


def test_collections_do_not_see_each_other(store: VectorStore, collection: str) -> None:
    other = f"{collection}/../other"
    store.ensure_collection(other, 3)
    store.upsert(other, [point("theirs", EAST)])

    assert store.search(collection, EAST, limit=5) == []
    assert {collection, other} <= set(store.collections())


def test_a_collection_that_does_not_exist_is_empty(store: VectorStore) -> None:
    store.delete("nowhere", [str(uuid4())])

    assert store.search("nowhere", EAST, limit=5) == []
    assert store.count("nowhere") == 0
    assert "nowhere" not in store.collections()


def test_writing_into_a_collection_that_does_not_exist_is_an_error(store: VectorStore) -> None:
    with pytest.raises(Permanent, match="nowhere"):
        store.upsert("nowhere", [point("it", EAST)])


@pytest.mark.parametrize("bad", [Point("no-uuid", EAST), Point(str(uuid4()), [1.0, 0.0])])
def test_a_bad_point_is_refused_with_the_collection_named(store: VectorStore, collection: str, bad: Point) -> None:
    with pytest.raises(Permanent, match=collection):
        store.upsert(collection, [bad])

    assert store.count(collection) == 0


def test_searching_with_a_vector_of_another_length_is_refused(store: VectorStore, collection: str) -> None:
    store.upsert(collection, [point("it", EAST)])

    with pytest.raises(Permanent, match=collection):
        store.search(collection, [1.0, 0.0], limit=1)


def test_threads_write_and_search_at_the_same_time(store: VectorStore, collection: str) -> None:
    def work(number: int) -> int:
        store.ensure_collection(collection, 3)
        store.upsert(collection, [point(f"{number}-{n}", EAST) for n in range(10)])
        return len(store.search(collection, EAST, limit=10))

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(work, range(12)))

    assert found == [10] * 12
    assert store.count(collection) == 120


def test_threads_that_ensure_one_collection_make_one(store: VectorStore) -> None:
    name = f"tenant.{uuid4()}"

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: store.ensure_collection(name, 3), range(8)))

    assert store.collections().count(name) == 1


def test_a_closed_store_says_so(store: VectorStore, collection: str) -> None:
    store.close()
    store.close()

    with pytest.raises(Transient, match="closed"):
        store.count(collection)
