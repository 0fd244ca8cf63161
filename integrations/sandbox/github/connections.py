"""Lists in pages: cursors, totals and page infos, as every connection of GitHub's schema has them."""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from zlib import crc32

import orjson

from integrations.sandbox.github.faults import GitHubFaults
from integrations.sandbox.github.refusals import Refusal

MARK = b"cursor:v2:"
Key = tuple[Any, ...]


class Connection:
    """One page of `items`.

    `scope` names the list: a cursor of another list is refused. `key_of` gives an item's place in the order of the list
    from its index and itself; without it the index alone is that, which is right for lists that only grow at their end.
    A cursor keeps that place and not the item, so an item that moves is seen again, or skipped, as on the real site.
    """

    __slots__ = ("_descending", "_items", "_key_of", "_repeat", "_scope", "first_at", "last_at")

    def __init__(
        self,
        items: Sequence[Any],
        scope: str,
        arguments: Mapping[str, Any],
        faults: GitHubFaults,
        key_of: Callable[[int, Any], Key] = lambda place, item: (place,),
        *,
        descending: bool = False,
    ) -> None:
        self._items, self._scope, self._key_of, self._descending = items, crc32(scope.encode()), key_of, descending
        after, before = arguments.get("after"), arguments.get("before")
        begin = self._past(after, inclusive=False) if after else 0
        end = self._past(before, inclusive=True) if before else len(items)
        first, last = arguments.get("first"), arguments.get("last")
        if first is not None:
            end = min(end, begin + faults.page_size(first, f"{scope}/{after}"))
        elif last is not None:
            begin = max(begin, end - faults.page_size(last, f"{scope}/{before}"))
        self.first_at, self.last_at = begin, max(begin, end)
        self._repeat = after if faults.repeat_token else None

    @property
    def total_count(self) -> int:
        return len(self._items)

    filtered_count = total_count

    @property
    def page_count(self) -> int:
        return self.last_at - self.first_at

    @property
    def nodes(self) -> Sequence[Any]:
        return self._items[self.first_at : self.last_at]

    @property
    def edges(self) -> list["Edge"]:
        return [Edge(self._cursor(place), self._items[place]) for place in range(self.first_at, self.last_at)]

    @property
    def page_info(self) -> "Connection":
        """The connection itself: it has all that the page info asks for."""
        return self

    @property
    def has_next_page(self) -> bool:
        return self.last_at < len(self._items)

    @property
    def has_previous_page(self) -> bool:
        return self.first_at > 0

    @property
    def start_cursor(self) -> str | None:
        return self._cursor(self.first_at) if self.page_count else None

    @property
    def end_cursor(self) -> str | None:
        return self._repeat or (self._cursor(self.last_at - 1) if self.page_count else None)

    @property
    def updated_at(self) -> int:
        return max((item.created_at for item in self._items), default=0)

    def _cursor(self, place: int) -> str:
        key = self._key_of(place, self._items[place])
        return base64.b64encode(MARK + orjson.dumps([self._scope, *key])).decode()

    def _past(self, cursor: str, *, inclusive: bool) -> int:
        """The index of the first item behind the cursor; with `inclusive`, of the one at it or behind it."""
        wanted = _read(cursor, self._scope)
        for place, item in enumerate(self._items):
            key = self._key_of(place, item)
            if key == wanted and inclusive:
                return place
            if key != wanted and (key < wanted if self._descending else key > wanted):
                return place
        return len(self._items)


class Edge:
    __slots__ = ("cursor", "node")

    def __init__(self, cursor: str, node: Any) -> None:
        self.cursor, self.node = cursor, node


def _read(cursor: str, scope: int) -> Key:
    try:
        found = orjson.loads(base64.b64decode(cursor, validate=True).removeprefix(MARK))
    except (binascii.Error, ValueError):
        found = None
    if not isinstance(found, list) or len(found) < 2 or found[0] != scope:
        raise Refusal("INVALID_CURSOR_ARGUMENTS", f"`{cursor}` does not appear to be a valid cursor.")
    return tuple(found[1:])
