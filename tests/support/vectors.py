"""A vector store in memory: for tests of what is in it, not of how it finds."""

from collections import defaultdict
from collections.abc import Sequence
from operator import mul

from etl.embedding.store import NOTHING, Hit, Page, Payload, Point, VectorStore
from integrations.errors import Transient

PAGE = 40


class MemoryStore(VectorStore):
    """``points`` by id, by collection; ``written``: the ids, as they were. While it ``is_away`` no walk gets on."""

    def __init__(self) -> None:
        self.points: dict[str, dict[str, Point]] = defaultdict(dict)
        self.written: list[str] = []
        self.is_away = False
        self._dimensions: dict[str, int] = {}

    def ensure_collection(self, name: str, dimensions: int) -> None:
        self.points[name]
        self._dimensions[name] = dimensions

    def dimensions(self, collection: str) -> int | None:
        return self._dimensions.get(collection)

    def upsert(self, collection: str, points: Sequence[Point]) -> None:
        self.points[collection].update({point.id: point for point in points})
        self.written += [point.id for point in points]

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        for one in ids:
            self.points[collection].pop(one, None)

    def search(self, collection: str, vector: Sequence[float], *, limit: int, equal: Payload = NOTHING) -> list[Hit]:
        held = [one for one in self.points[collection].values() if equal.items() <= one.payload.items()]
        hits = [Hit(one.id, sum(map(mul, one.vector, vector)), one.payload) for one in held]
        return sorted(hits, key=lambda hit: -hit.score)[:limit]

    def vector(self, collection: str, point_id: str) -> Sequence[float] | None:
        if self.is_away:
            raise Transient("the store is away")
        found = self.points[collection].get(point_id)
        return found.vector if found else None

    def count(self, collection: str) -> int:
        return len(self.points[collection])

    def page(self, collection: str, *, equal: Payload, fields: Sequence[str], start: str | None) -> Page:
        if self.is_away:
            raise Transient("the store is away")
        held = {one.id: one.payload for one in self.points[collection].values() if equal.items() <= one.payload.items()}
        ids = sorted(one for one in held if one >= (start or ""))
        told = {one: {name: held[one].get(name) for name in fields} for one in ids[:PAGE]}
        return Page(told, ids[PAGE] if len(ids) > PAGE else None)

    def collections(self) -> list[str]:
        return sorted(self.points)

    def close(self) -> None:
        """Nothing is open."""
