"""The embedded vector store: Qdrant's engine in this process, a folder per collection."""

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import NoReturn, cast
from urllib.parse import quote, unquote

from qdrant_edge import (
    CountRequest,
    Distance,
    EdgeConfig,
    EdgeShard,
    EdgeVectorParams,
    FieldCondition,
    Filter,
    MatchValue,
    PayloadSchemaType,
    PayloadSelector,
    Query,
    QueryRequest,
    ScrollRequest,
    UpdateOperation,
)
from qdrant_edge import Point as EdgePoint

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
from integrations.errors import Permanent, StageError, Transient

CONFIG_FILE = "edge_config.json"
INDEX_TYPES = {FieldKind.INTEGER: PayloadSchemaType.Integer, FieldKind.KEYWORD: PayloadSchemaType.Keyword}


class EdgeStore(VectorStore):
    """Collections as folders below `root`. The engine locks them: one process at a time can use a collection.

    It never calls the engine's optimize(), which holds the GIL for seconds; flat search serves 100,000 points in 8 ms.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._shards: dict[str, EdgeShard] = {}
        self._lock = RLock()
        self._closed = False

    def ensure_collection(self, name: str, dimensions: int) -> None:
        with self._errors(name), self._lock:
            if self._shard(name) is None:
                self._create(name, dimensions)
            found = self.dimensions(name)
            if found != dimensions:
                raise Permanent(f"vector collection {name!r} has {found} dimensions, not {dimensions}")

    def dimensions(self, collection: str) -> int | None:
        """Its file alone tells: the collection may be another process's."""
        config = self._folder(collection) / CONFIG_FILE
        with self._errors(collection):
            return int(json.loads(config.read_bytes())["vectors"][""]["size"]) if config.exists() else None

    def upsert(self, collection: str, points: Sequence[Point]) -> None:
        with self._errors(collection):
            shard = self._shard(collection)
            if shard is None:
                raise Permanent(f"there is no vector collection {collection!r} in {self._root}")
            edge_points = [EdgePoint(point.id, list(point.vector), dict(point.payload)) for point in points]
            shard.update(UpdateOperation.upsert_points(edge_points))
            # The engine's log survives kill -9 by itself; the flush is for a loss of power.
            shard.flush()

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        with self._errors(collection):
            shard = self._shard(collection)
            if shard is not None:
                shard.update(UpdateOperation.delete_points(list(ids)))
                shard.flush()

    def search(self, collection: str, vector: Sequence[float], *, limit: int, equal: Payload = NOTHING) -> list[Hit]:
        request = QueryRequest(
            limit=limit, query=Query.Nearest(list(vector)), filter=_condition(equal), with_payload=True
        )
        with self._errors(collection):
            shard = self._shard(collection)
            found = shard.query(request) if shard else []
        return [Hit(str(point.id), point.score, point.payload or {}) for point in found]

    def vector(self, collection: str, point_id: str) -> Sequence[float] | None:
        with self._errors(collection):
            shard = self._shard(collection)
            found = shard.retrieve([point_id], with_payload=False, with_vector=True) if shard else []
            return cast(list[float], found[0].vector) if found else None

    def count(self, collection: str) -> int:
        with self._errors(collection):
            shard = self._shard(collection)
            return shard.count(CountRequest(exact=True)) if shard else 0

    def page(self, collection: str, *, equal: Payload, fields: Sequence[str], start: str | None) -> Page:
        request = ScrollRequest(
            offset=start,
            limit=POINTS_PER_PAGE,
            filter=_condition(equal),
            with_payload=PayloadSelector.Include(list(fields)),
            with_vector=False,
        )
        with self._errors(collection):
            shard = self._shard(collection)
            found, following = shard.scroll(request) if shard else ([], None)
        return Page({str(point.id): point.payload or {} for point in found}, str(following) if following else None)

    def collections(self) -> list[str]:
        return sorted(unquote(config.parent.name) for config in self._root.glob(f"[!.]*/{CONFIG_FILE}"))

    def close(self) -> None:
        with self._lock:
            self._closed = True
            while self._shards:
                self._shards.popitem()[1].close()

    def _shard(self, name: str) -> EdgeShard | None:
        """The open shard of a collection, None if there is no such collection."""
        with self._lock:
            if self._closed:
                raise Transient(f"the vector store in {self._root} is closed")
            if name not in self._shards and (self._folder(name) / CONFIG_FILE).exists():
                self._shards[name] = EdgeShard.load(str(self._folder(name)))
            return self._shards.get(name)

    def _create(self, name: str, dimensions: int) -> None:
        folder = self._folder(name)
        # Built aside and renamed, so that a process killed here leaves no half collection.
        building = folder.with_name(f".{folder.name}")
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True)
        vectors = EdgeVectorParams(size=dimensions, distance=Distance.Cosine)
        shard = EdgeShard.create(str(building), EdgeConfig(vectors=vectors))
        for field, kind in INDEXED_FIELDS.items():
            shard.update(UpdateOperation.create_field_index(field, INDEX_TYPES[kind]))
        shard.close()
        building.rename(folder)
        self._shards[name] = EdgeShard.load(str(folder))

    def _folder(self, name: str) -> Path:
        # Any name becomes one folder name that is never hidden, and can be read back from it.
        return self._root / quote(name, safe="").replace(".", "%2E")

    @contextmanager
    def _errors(self, collection: str) -> Iterator[None]:
        try:
            yield
        except StageError:
            raise
        except Exception as error:
            self._translate(collection, error)

    def _translate(self, collection: str, error: Exception) -> NoReturn:
        where = f"vector collection {collection!r} in {self._folder(collection)}"
        if "WouldBlock" in str(error):
            raise Transient(f"{where} is in use by another process; only one can own the embedded store") from error
        bad_input = isinstance(error, (ValueError, TypeError)) or str(error).startswith("Vector dimension error")
        raise (Permanent if bad_input else Transient)(f"{where}: {error}") from error


def _condition(equal: Payload) -> Filter | None:
    conditions = [
        FieldCondition(key, is_empty=True) if value is None else FieldCondition(key, match=MatchValue(value))
        for key, value in equal.items()
    ]
    return Filter(must=list(conditions)) if conditions else None
