"""A small HTTP server that answers like Qdrant's REST API for the calls that QdrantStore makes.

It is no Qdrant: it shows that the requests are what Qdrant's published schema asks for (the bodies are parsed with
the models generated from it) and how answers are read. PULSE_TEST_QDRANT_URL runs the same contract on a real server.
Source: https://api.qdrant.tech/api-reference
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote
from uuid import UUID

import numpy as np
from qdrant_client import models as api

DEFAULT_CONFIG = {
    "params": {},
    "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10000},
    "optimizer_config": {
        "deleted_threshold": 0.2,
        "vacuum_min_vector_number": 1000,
        "default_segment_number": 0,
        "flush_interval_sec": 5,
    },
}


class Refused(Exception):
    """An answer that is not 200."""

    def __init__(self, status: int, message: str = "") -> None:
        super().__init__(message)
        self.status = status


@dataclass
class Collection:
    size: int
    points: dict[str, api.PointStruct] = field(default_factory=dict)
    indexes: dict[str, str] = field(default_factory=dict)


@dataclass
class Request:
    method: str
    path: str
    api_key: str | None
    body: bytes


class QdrantStandIn:
    """`requests` holds what came in; `fault` is what every call answers instead: a status and a body."""

    def __init__(self, api_key: str) -> None:
        self.api_key = api_key
        self.collections: dict[str, Collection] = {}
        self.requests: list[Request] = []
        self.fault: tuple[int, bytes] | None = None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: Request) -> tuple[int, bytes]:
        self.requests.append(request)
        if self.fault:
            return self.fault
        try:
            return 200, _wrapped(self._result(request))
        except Refused as refused:
            return refused.status, json.dumps({"status": {"error": str(refused)}, "time": 0}).encode()

    def _result(self, request: Request) -> Any:
        if request.api_key != self.api_key:
            raise Refused(401, "Must provide an API key or an Authorization bearer token")
        path, _, query = request.path.partition("?")
        if path == "/collections":
            return {"collections": [{"name": name} for name in self.collections]}
        name, _, action = path.removeprefix("/collections/").partition("/")
        route = ROUTES.get((request.method, action))
        if route is None:
            raise Refused(404, f"no route {request.method} {path}")
        if (request.method, action) in WRITES:
            assert "wait=true" in query, "a write that does not wait is not durable when it returns"
        return route(self, unquote(name), request.body)

    def _collection(self, name: str) -> Collection:
        if name not in self.collections:
            raise Refused(404, f"Not found: Collection `{name}` doesn't exist!")
        return self.collections[name]

    def create(self, name: str, body: bytes) -> Any:
        vectors = api.CreateCollection.model_validate_json(body).vectors
        assert isinstance(vectors, api.VectorParams)
        assert vectors.distance == api.Distance.COSINE
        if name in self.collections:
            raise Refused(409, f"Wrong input: Collection `{name}` already exists!")
        self.collections[name] = Collection(vectors.size)
        return True

    def info(self, name: str, _body: bytes) -> Any:
        found = self._collection(name)
        params = {"params": {"vectors": {"size": found.size, "distance": "Cosine"}}}
        schema = {key: {"data_type": kind, "points": 0} for key, kind in found.indexes.items()}
        status = {"status": "green", "optimizer_status": "ok", "segments_count": 1}
        return {**status, "config": {**DEFAULT_CONFIG, **params}, "payload_schema": schema}

    def index(self, name: str, body: bytes) -> Any:
        wanted = api.CreateFieldIndex.model_validate_json(body)
        assert isinstance(wanted.field_schema, api.PayloadSchemaType)
        self._collection(name).indexes[wanted.field_name] = wanted.field_schema.value
        return {"operation_id": 0, "status": "completed"}

    def upsert(self, name: str, body: bytes) -> Any:
        found = self._collection(name)
        points = api.PointsList.model_validate_json(body).points
        for point in points:
            _check_id(point.id)
            _check_size(found, point.vector)
        found.points.update({str(point.id): point for point in points})
        return {"operation_id": 0, "status": "completed"}

    def delete(self, name: str, body: bytes) -> Any:
        found = self._collection(name)
        for point_id in api.PointIdsList.model_validate_json(body).points:
            found.points.pop(str(point_id), None)
        return {"operation_id": 0, "status": "completed"}

    def query(self, name: str, body: bytes) -> Any:
        found = self._collection(name)
        asked = api.QueryRequest.model_validate_json(body)
        assert isinstance(asked.query, api.NearestQuery)
        wanted = asked.query.nearest
        _check_size(found, wanted)
        kept = [point for point in found.points.values() if _matches(point.payload or {}, asked.filter)]
        scored = [(_cosine(point.vector, wanted), point) for point in kept]
        best = sorted(scored, key=lambda pair: -pair[0])[: asked.limit]
        return {"points": [{"id": str(p.id), "version": 0, "score": s, "payload": p.payload} for s, p in best]}

    def retrieve(self, name: str, body: bytes) -> Any:
        found, asked = self._collection(name), api.PointRequest.model_validate_json(body)
        assert asked.with_vector
        there = [found.points[str(one)] for one in asked.ids if str(one) in found.points]
        return [{"id": str(point.id), "vector": point.vector} for point in there]

    def scroll(self, name: str, body: bytes) -> Any:
        asked = api.ScrollRequest.model_validate_json(body)
        assert asked.limit
        assert isinstance(asked.with_payload, list)
        assert not asked.with_vector
        payloads = {one: point.payload or {} for one, point in self._collection(name).points.items()}
        held = {one: payload for one, payload in payloads.items() if _matches(payload, asked.filter)}
        ids = sorted(one for one in held if one >= str(asked.offset or ""))
        told = [{"id": one, "payload": _chosen(held[one], asked.with_payload)} for one in ids[: asked.limit]]
        return {"points": told, "next_page_offset": ids[asked.limit] if len(ids) > asked.limit else None}

    def count(self, name: str, body: bytes) -> Any:
        assert api.CountRequest.model_validate_json(body).exact
        return {"count": len(self._collection(name).points)}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        standin = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                request = Request(self.command, self.path, self.headers.get("api-key"), body)
                status, answer = standin.answer(request)
                self.send_response(status)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_PUT = do_POST = _serve

            def log_message(self, *_args: object) -> None:
                pass

        return Handler


Route = Callable[[QdrantStandIn, str, bytes], Any]
WRITES = {("PUT", "points"), ("POST", "points/delete"), ("PUT", "index")}
ROUTES: dict[tuple[str, str], Route] = {
    ("PUT", ""): QdrantStandIn.create,
    ("GET", ""): QdrantStandIn.info,
    ("PUT", "index"): QdrantStandIn.index,
    ("PUT", "points"): QdrantStandIn.upsert,
    ("POST", "points"): QdrantStandIn.retrieve,
    ("POST", "points/delete"): QdrantStandIn.delete,
    ("POST", "points/query"): QdrantStandIn.query,
    ("POST", "points/scroll"): QdrantStandIn.scroll,
    ("POST", "points/count"): QdrantStandIn.count,
}


def _wrapped(result: Any) -> bytes:
    return json.dumps({"result": result, "status": "ok", "time": 0}).encode()


def _cosine(one: Any, other: Any) -> float:
    return float(np.dot(one, other))


def _check_id(point_id: object) -> None:
    try:
        UUID(str(point_id))
    except ValueError as error:
        raise Refused(400, f"Format error in JSON body: value {point_id} is not a valid point ID") from error


def _check_size(collection: Collection, vector: Any) -> None:
    if len(vector) != collection.size:
        message = f"Wrong input: Vector dimension error: expected dim: {collection.size}, got {len(vector)}"
        raise Refused(400, message)


def _chosen(payload: dict[str, Any], names: list[str]) -> dict[str, Any]:
    return {name: payload[name] for name in names if name in payload}


def _matches(payload: dict[str, Any], wanted: api.Filter | None) -> bool:
    conditions = wanted.must if wanted and isinstance(wanted.must, list) else []
    return all(_holds(payload, condition) for condition in conditions)


def _holds(payload: dict[str, Any], condition: api.Condition) -> bool:
    if isinstance(condition, api.IsEmptyCondition):
        return payload.get(condition.is_empty.key) in (None, [])
    assert isinstance(condition, api.FieldCondition)
    assert isinstance(condition.match, api.MatchValue)
    return bool(payload.get(condition.key) == condition.match.value)
