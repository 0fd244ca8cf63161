"""What saving a mapping would change, computed from the stored answers as a re-transform would."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from custommapping.fields import FieldMapping, read_mapping, sorted_out
from custommapping.mapping import checked
from custommapping.models import MAPPED_COLUMNS
from etl.mapping.owned import OwnedItem, owned_items
from integrations.models import Integration

EXAMPLES = 20
# As ``story_points`` rounds.
_SMALLEST = Decimal("0.000001")

Texts = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Example:
    """An item that would change: the texts of the columns that would, by column; None where one is empty."""

    key: str
    external_id: str
    before: Texts
    after: Texts


@dataclass(frozen=True, slots=True)
class Preview:
    """How many ``items`` would change, in which columns how many of them, and up to twenty of them."""

    items: int
    by_column: Mapping[str, int]
    examples: list[Example]


@dataclass
class _Chosen:
    """Examples as they are gathered: of each column some, however few items have it."""

    of_each: int
    seen: Counter[str] = field(default_factory=Counter)
    telling: list[Example] = field(default_factory=list)
    others: list[Example] = field(default_factory=list)

    def look_at(self, item: OwnedItem, changed: Mapping[str, tuple[Any, Any]]) -> None:
        tells = any(self.seen[column] < self.of_each for column in changed)
        into = self.telling if tells else self.others
        if len(into) < EXAMPLES:
            self.seen.update(changed.keys())
            into.append(_example(item, changed))

    def best(self) -> list[Example]:
        return [*self.telling, *self.others][:EXAMPLES]


def preview(integration: Integration, columns: Mapping[str, str | None]) -> Preview:
    """What would change if these columns, with the source ids of their fields, became the whole mapping.

    Raises Refused where they cannot.
    """
    chosen = checked(integration, columns)
    mapping = FieldMapping({found.external_id: column for column, found in chosen.items()})
    known = read_mapping(integration.tenant_id, integration.pk)
    concerned = {**known.columns, **mapping.columns}
    items, by_column = 0, Counter[str]()
    examples = _Chosen(max(1, EXAMPLES // max(1, len({*known.columns.values(), *chosen}))))
    for item in owned_items(integration, list(concerned)):
        after, overflow = sorted_out(item.custom, item.texts, mapping)
        changed = _changed(item.columns, after)
        if changed or overflow.keys() != item.overflow:
            items += 1
            by_column.update(changed.keys())
            examples.look_at(item, changed)
    counts = {column: by_column[column] for column in MAPPED_COLUMNS if column in by_column}
    return Preview(items, counts, examples.best())


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """(before, after) of the columns that differ."""
    found = {}
    for column in before.keys() | after.keys():
        old, new = before.get(column), after.get(column)
        if isinstance(new, Decimal):
            new = new.quantize(_SMALLEST, ROUND_HALF_UP)
        if old != new:
            found[column] = (old, new)
    return found


def _example(item: OwnedItem, changed: Mapping[str, tuple[Any, Any]]) -> Example:
    pairs = [(column, *changed[column]) for column in MAPPED_COLUMNS if column in changed]
    before, after = ({pair[0]: _text(pair[place]) for pair in pairs} for place in (1, 2))
    return Example(item.key, item.external_id, before, after)


def _text(value: Any) -> str | None:
    """A column's value as people write it: numbers without trailing zeros."""
    if isinstance(value, Decimal):
        text = format(value, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    return value if value is None else str(value)
