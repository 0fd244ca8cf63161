"""How far the vector store is from what the rows of the bridge table say of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from etl.sql import fetch
from etl.verification import points
from integrations.errors import Transient
from integrations.models import Integration

EXAMPLES = 20


@dataclass(frozen=True)
class Differing:
    """Of a table's rows so many; ``external_ids`` are the first of them."""

    table_name: str
    count: int
    external_ids: Sequence[str]


@dataclass(frozen=True)
class Drift:
    """``lost``: completed by the rows, not in the store. ``surplus``: in the store, of what is not there any more."""

    lost: Sequence[Differing]
    surplus: Sequence[Differing]


def drift(integration: Integration) -> Drift:
    """Lists all points of the integration: a second for each 50,000. Raises Transient where the store cannot."""
    found = points.look(integration)
    if found.problem:
        raise Transient(found.problem)
    surplus = [Differing(table, len(ids), ids[:EXAMPLES]) for table, ids in sorted(found.surplus.items()) if ids]
    return Drift(_lost(found.lost), surplus)


def _lost(ids: Sequence[int]) -> list[Differing]:
    rows = fetch(
        f"""SELECT table_name, count(*), (array_agg(external_id ORDER BY external_id))[:{EXAMPLES}]
            FROM qdrant_vectors WHERE id = ANY(%s) GROUP BY 1 ORDER BY 1""",
        [list(ids)],
    )
    return [Differing(*row) for row in rows]
