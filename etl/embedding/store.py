"""The vector store as Pulse sees it: collections of points with a small payload, found by likeness."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

Payload = Mapping[str, str | int | None]

NOTHING: Payload = MappingProxyType({})


# Of a walk through a collection. A thousand points are some 100 KB of JSON.
POINTS_PER_PAGE = 5_000


class FieldKind(Enum):
    """Type of a payload index."""

    INTEGER = "integer"
    KEYWORD = "keyword"


# Every collection is one tenant's, so these two are what searches narrow by.
INDEXED_FIELDS: Mapping[str, FieldKind] = MappingProxyType(
    {"integration_id": FieldKind.INTEGER, "table_name": FieldKind.KEYWORD}
)


@dataclass(frozen=True)
class Point:
    """One record's vector. `id` is a UUID as text, `vector` has length 1."""

    id: str
    vector: Sequence[float]
    payload: Payload = field(default_factory=dict)


@dataclass(frozen=True)
class Hit:
    """A point that was found; `score` is the cosine of the angle to what was asked: 1 is the same, 0 unrelated."""

    id: str
    score: float
    payload: Payload


@dataclass(frozen=True)
class Page:
    """Some points: what was asked of their payloads, by id. ``following`` begins the next page; None: there is none."""

    points: Mapping[str, Payload]
    following: str | None


class VectorStore(ABC):
    """Safe to use from several threads. Every method raises Transient (try again) or Permanent, naming the collection.

    A collection that does not exist is empty; only writing points into it is an error.
    """

    @abstractmethod
    def ensure_collection(self, name: str, dimensions: int) -> None:
        """Create the collection (cosine, with its payload indexes) if it is missing.

        Permanent if it is there with other dimensions.
        """

    @abstractmethod
    def dimensions(self, collection: str) -> int | None:
        """The length of its vectors; None where there is no such collection, or it has vectors of several kinds."""

    @abstractmethod
    def upsert(self, collection: str, points: Sequence[Point]) -> None:
        """Write the points, replacing those with the same id. Returns when they are durable."""

    @abstractmethod
    def delete(self, collection: str, ids: Sequence[str]) -> None:
        """Remove the points that are there; unknown ids are no error."""

    @abstractmethod
    def search(self, collection: str, vector: Sequence[float], *, limit: int, equal: Payload = NOTHING) -> list[Hit]:
        """The `limit` (1 or more) nearest points whose payload has all of `equal`, best first.

        `None` in `equal` finds points where the field is null or missing.
        """

    @abstractmethod
    def vector(self, collection: str, point_id: str) -> Sequence[float] | None:
        """A point's vector; None where there is no such point."""

    @abstractmethod
    def count(self, collection: str) -> int:
        """Number of points, exact."""

    @abstractmethod
    def page(self, collection: str, *, equal: Payload, fields: Sequence[str], start: str | None) -> Page:
        """Up to `POINTS_PER_PAGE` points whose payload has all of `equal`, by id, from the id ``start`` on."""

    def walk(
        self, collection: str, *, equal: Payload = NOTHING, fields: Sequence[str] = ()
    ) -> Iterator[Mapping[str, Payload]]:
        """All points whose payload has all of `equal`, a page at a time: those ``fields`` of their payloads, by id.

        Of what is written meanwhile some is among them and some is not.
        """
        page = Page({}, "")
        while page.following is not None:
            page = self.page(collection, equal=equal, fields=fields, start=page.following or None)
            yield page.points

    @abstractmethod
    def collections(self) -> list[str]:
        """Names of the collections, sorted."""

    @abstractmethod
    def close(self) -> None:
        """Let go of files and connections. Closing twice is no error; any other use afterwards is Transient."""
