"""The vector store on a Qdrant server, over its REST API.

Source: https://api.qdrant.tech/api-reference
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast
from urllib.parse import urlsplit

from qdrant_client import QdrantClient
from qdrant_client import models as api
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from etl.embedding.store import (
    INDEXED_FIELDS,
    NOTHING,
    POINTS_PER_PAGE,
    FieldKind,
    Hit,
    Page,
    Payload,
    Point,
    VectorStore,
)
from integrations.errors import Permanent, Transient

TIMEOUT_SECONDS = 10
# 1,536 dimensions are 30 KB of JSON a point, and a server takes 32 MB in one request.
POINTS_PER_REQUEST = 200
RETRIABLE_STATUSES = {408, 425, 429}
INDEX_TYPES = {FieldKind.INTEGER: api.PayloadSchemaType.INTEGER, FieldKind.KEYWORD: api.PayloadSchemaType.KEYWORD}


class QdrantStore(VectorStore):
    """Collections of one server at `url`; an empty `api_key` sends none."""

    def __init__(self, url: str, api_key: str = "") -> None:
        # The version check would ask the server from a thread of its own, before anybody uses the store.
        self._client = QdrantClient(
            url=url, api_key=api_key or None, timeout=TIMEOUT_SECONDS, check_compatibility=False
        )
        self._host = urlsplit(url).netloc.rpartition("@")[2]
        self._closed = False

    def ensure_collection(self, name: str, dimensions: int) -> None:
        with self._errors(name):
            info = self._info(name) or self._create(name, dimensions)
        found = _dimensions(info)
        if found != dimensions:
            raise Permanent(f"vector collection {name!r} on {self._host} has {found} dimensions, not {dimensions}")
        with self._errors(name):
            for field, kind in INDEXED_FIELDS.items():
                if field not in info.payload_schema:
                    self._client.create_payload_index(name, field, INDEX_TYPES[kind], wait=True)

    def dimensions(self, collection: str) -> int | None:
        with self._errors(collection):
            info = self._info(collection)
        return _dimensions(info) if info else None

    def upsert(self, collection: str, points: Sequence[Point]) -> None:
        with self._errors(collection):
            structs = [api.PointStruct(id=p.id, vector=list(p.vector), payload=dict(p.payload)) for p in points]
            for start in range(0, len(structs), POINTS_PER_REQUEST):
                self._client.upsert(collection, structs[start : start + POINTS_PER_REQUEST], wait=True)

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        if not ids:
            return
        with self._errors(collection), _unless_missing():
            self._client.delete(collection, api.PointIdsList(points=list(ids)), wait=True)

    def search(self, collection: str, vector: Sequence[float], *, limit: int, equal: Payload = NOTHING) -> list[Hit]:
        with self._errors(collection), _unless_missing():
            answer = self._client.query_points(
                collection, list(vector), query_filter=_condition(equal), limit=limit, with_payload=True
            )
            return [Hit(str(point.id), point.score, point.payload or {}) for point in answer.points]
        return []

    def vector(self, collection: str, point_id: str) -> Sequence[float] | None:
        with self._errors(collection), _unless_missing():
            found = self._client.retrieve(collection, [point_id], with_payload=False, with_vectors=True)
            return cast(list[float], found[0].vector) if found else None
        return None

    def count(self, collection: str) -> int:
        with self._errors(collection), _unless_missing():
            return self._client.count(collection, exact=True).count
        return 0

    def page(self, collection: str, *, equal: Payload, fields: Sequence[str], start: str | None) -> Page:
        with self._errors(collection), _unless_missing():
            found, following = self._client.scroll(
                collection,
                scroll_filter=_condition(equal),
                limit=POINTS_PER_PAGE,
                offset=start,
                with_payload=list(fields),
                with_vectors=False,
            )
            return Page({str(point.id): point.payload or {} for point in found}, str(following) if following else None)
        return Page({}, None)

    def collections(self) -> list[str]:
        with self._errors("*"):
            return sorted(found.name for found in self._client.get_collections().collections)

    def close(self) -> None:
        self._closed = True
        self._client.close()

    def _info(self, name: str) -> api.CollectionInfo | None:
        with _unless_missing():
            return self._client.get_collection(name)
        return None

    def _create(self, name: str, dimensions: int) -> api.CollectionInfo:
        vectors = api.VectorParams(size=dimensions, distance=api.Distance.COSINE)
        try:
            self._client.create_collection(name, vectors)
        except UnexpectedResponse as error:
            # Another worker was faster.
            if error.status_code != 409:
                raise
        return self._client.get_collection(name)

    @contextmanager
    def _errors(self, collection: str) -> Iterator[None]:
        where = f"vector collection {collection!r} on {self._host}"
        if self._closed:
            raise Transient(f"{where}: the vector store is closed")
        try:
            yield
        except UnexpectedResponse as error:
            raise _refusal(where, error) from error
        except ResponseHandlingException as error:
            raise Transient(f"{where}: {error.source!r}") from error
        except (QdrantException, json.JSONDecodeError) as error:
            raise Transient(f"{where}: {error!r}") from error
        except ValueError as error:
            raise Permanent(f"{where}: {error}") from error


def _dimensions(info: api.CollectionInfo) -> int | None:
    vectors = info.config.params.vectors
    return vectors.size if isinstance(vectors, api.VectorParams) else None


@contextmanager
def _unless_missing() -> Iterator[None]:
    """Swallow the answer that the collection does not exist."""
    try:
        yield
    except UnexpectedResponse as error:
        if error.status_code != 404:
            raise


def _refusal(where: str, error: UnexpectedResponse) -> Permanent | Transient:
    status = error.status_code or 0
    again = status >= 500 or status in RETRIABLE_STATUSES
    return (Transient if again else Permanent)(f"{where}: {error}")


def _condition(equal: Payload) -> api.Filter | None:
    conditions: list[api.Condition] = [
        api.IsEmptyCondition(is_empty=api.PayloadField(key=key))
        if value is None
        else api.FieldCondition(key=key, match=api.MatchValue(value=value))
        for key, value in equal.items()
    ]
    return api.Filter(must=conditions) if conditions else None
