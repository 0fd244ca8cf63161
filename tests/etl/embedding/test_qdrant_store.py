"""What only the server's store must do: send what Qdrant's API asks for, and tell its errors apart."""

import json
import socket

import pytest

from etl.embedding import qdrant_store
from etl.embedding.qdrant_store import QdrantStore
from etl.embedding.store import Point
from integrations.errors import Permanent, StageError, Transient
from tests.etl.embedding.qdrant_standin import ROUTES, Collection, QdrantStandIn

ID = "7d7f0d1e-6d4c-4f1e-9b53-3a2f6a1c8f00"


def test_a_new_collection_is_created_with_both_payload_indexes(qdrant: QdrantStore, standin: QdrantStandIn) -> None:
    qdrant.ensure_collection("tenant_1", 2)

    assert [(request.method, request.path) for request in standin.requests] == [
        ("GET", "/collections/tenant_1"),
        ("PUT", "/collections/tenant_1"),
        ("GET", "/collections/tenant_1"),
        ("PUT", "/collections/tenant_1/index?wait=true"),
        ("PUT", "/collections/tenant_1/index?wait=true"),
    ]
    assert json.loads(standin.requests[1].body) == {"vectors": {"size": 2, "distance": "Cosine"}}
    assert standin.collections["tenant_1"].indexes == {"integration_id": "integer", "table_name": "keyword"}


def test_a_collection_that_is_ready_costs_one_request(qdrant: QdrantStore, standin: QdrantStandIn) -> None:
    qdrant.ensure_collection("tenant_1", 2)
    standin.requests.clear()

    qdrant.ensure_collection("tenant_1", 2)

    assert [request.method for request in standin.requests] == ["GET"]


def test_a_missing_payload_index_is_added(qdrant: QdrantStore, standin: QdrantStandIn) -> None:
    standin.collections["tenant_1"] = Collection(2, indexes={"integration_id": "integer"})

    qdrant.ensure_collection("tenant_1", 2)

    assert set(standin.collections["tenant_1"].indexes) == {"integration_id", "table_name"}


def test_a_worker_that_was_faster_to_create_it_is_no_error(
    qdrant: QdrantStore, standin: QdrantStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def create_twice(name: str, body: bytes) -> None:
        standin.create(name, body)
        standin.create(name, body)

    monkeypatch.setitem(ROUTES, ("PUT", ""), lambda _, name, body: create_twice(name, body))

    qdrant.ensure_collection("tenant_1", 2)

    assert standin.collections["tenant_1"].size == 2


def test_a_search_sends_vector_limit_and_filters(qdrant: QdrantStore, standin: QdrantStandIn) -> None:
    qdrant.search("tenant_1", [1.0, 0.0], limit=7, equal={"integration_id": 3, "parent": None})

    assert standin.requests[-1].path == "/collections/tenant_1/points/query"
    body = json.loads(standin.requests[-1].body)
    assert (body["query"], body["limit"], body["with_payload"]) == ({"nearest": [1.0, 0.0]}, 7, True)
    assert body["filter"] == {
        "must": [{"key": "integration_id", "match": {"value": 3}}, {"is_empty": {"key": "parent"}}]
    }


def test_points_go_in_several_requests_that_each_wait(qdrant: QdrantStore, standin: QdrantStandIn) -> None:
    standin.collections["tenant_1"] = Collection(2)

    qdrant.upsert("tenant_1", [Point(ID[:-3] + f"{n:03}", [1.0, 0.0]) for n in range(450)])

    sizes = [len(json.loads(request.body)["points"]) for request in standin.requests]
    assert sizes == [200, 200, 50]
    assert {request.path for request in standin.requests} == {"/collections/tenant_1/points?wait=true"}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (500, Transient),
        (503, Transient),
        (429, Transient),
        (408, Transient),
        (400, Permanent),
        (403, Permanent),
        (422, Permanent),
    ],
)
def test_a_status_decides_whether_to_try_again(
    qdrant: QdrantStore, standin: QdrantStandIn, status: int, kind: type[StageError]
) -> None:
    standin.fault = (status, b'{"status": {"error": "disk is full"}}')

    with pytest.raises(StageError, match=rf"(?s)'tenant_1' on 127\.0\.0\.1.*{status}.*disk is full") as caught:
        qdrant.upsert("tenant_1", [Point(ID, [1.0, 0.0])])
    assert type(caught.value) is kind


@pytest.mark.parametrize("body", [b"<html>log in</html>", b'{"result": {"points": 3}}', b'{"resul'])
def test_an_answer_that_is_not_qdrants_is_transient(qdrant: QdrantStore, standin: QdrantStandIn, body: bytes) -> None:
    standin.fault = (200, body)

    with pytest.raises(Transient, match="tenant_1"):
        qdrant.search("tenant_1", [1.0, 0.0], limit=1)


def test_a_server_that_is_gone_is_transient(qdrant: QdrantStore, standin: QdrantStandIn) -> None:
    standin.stop()

    with pytest.raises(Transient, match=r"tenant_1.*127\.0\.0\.1"):
        qdrant.ensure_collection("tenant_1", 2)


def test_a_server_that_does_not_answer_is_transient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qdrant_store, "TIMEOUT_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        store = QdrantStore(f"http://127.0.0.1:{silent.getsockname()[1]}")

        with pytest.raises(Transient, match=r"tenant_1.*timed out"):
            store.count("tenant_1")
        store.close()


def test_a_wrong_api_key_is_permanent_and_stays_out_of_the_message(
    standin: QdrantStandIn, recwarn: pytest.WarningsRecorder
) -> None:
    store = QdrantStore(standin.url, "not-the-key")

    with pytest.raises(Permanent, match="401") as caught:
        store.count("tenant_1")
    assert "not-the-key" not in str(caught.value)
    store.close()
