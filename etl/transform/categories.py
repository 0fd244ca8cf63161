"""What statuses mean for flow, and recomputing metrics where that changes.

A status's category may come to be known, or change, after work items that went through it were loaded. So a load
that changes one holds an exclusive lock of the integration, loads that only read hold a shared one, and whoever
changes a category recomputes the metrics of every item it touches, set by set.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter, itemgetter

from etl.load.copying import stage
from etl.sql import execute, fetch
from etl.transform.metrics import METRIC_NAMES, Categories, Change, FlowMetrics, flow_metrics
from integrations.records import Category

CHUNK = 1000

_values = attrgetter(*METRIC_NAMES)


def lock(integration_id: int, *, exclusive: bool) -> None:
    """Until the transaction's end."""
    shared = "" if exclusive else "_shared"
    execute(f"SELECT pg_advisory_xact_lock{shared}(hashtext('pulse categories'), %s)", [integration_id])


def read_categories(tenant_id: int, integration_id: int) -> dict[str, Category | None]:
    """What each status means: the tenant's mapping first, the source's category else."""
    rows = fetch(
        """SELECT s.external_id, coalesce(m.category, s.category) FROM statuses s
           LEFT JOIN statuses_mappings m ON m.tenant_id = s.tenant_id AND m.integration_id = s.integration_id
                AND m.status_external_id = s.external_id AND m.active
           WHERE s.tenant_id = %s AND s.integration_id = %s""",
        [tenant_id, integration_id],
    )
    return {row[0]: Category(row[1]) if row[1] else None for row in rows}


def changed(before: Categories, after: Categories) -> list[str]:
    """The statuses that mean something else now."""
    return [status for status, category in after.items() if before.get(status) != category]


def _touched(tenant_id: int, integration_id: int, statuses: Sequence[str]) -> list[int]:
    """The work items that are, or ever were, in one of those statuses, in the order in which everybody locks them."""
    rows = fetch(
        """WITH meant AS (
               SELECT id FROM statuses WHERE tenant_id = %s AND integration_id = %s AND external_id = ANY(%s))
           SELECT id FROM work_items WHERE id IN (
               SELECT id FROM work_items WHERE status_id IN (SELECT id FROM meant)
               UNION SELECT work_item_id FROM changelogs WHERE from_status_id IN (SELECT id FROM meant)
               UNION SELECT work_item_id FROM changelogs WHERE to_status_id IN (SELECT id FROM meant))
           ORDER BY external_id""",
        [tenant_id, integration_id, list(statuses)],
    )
    return [row[0] for row in rows]


def history_order(history_id: str) -> tuple[int, str]:
    """Orders history ids as the numbers that they are, where they are."""
    return (int(history_id), "") if history_id.isascii() and history_id.isdigit() else (0, history_id)


# Looked up item by item: a join would read the changelogs of all items for every chunk. Locked in the order of the
# loads' own locks, since a run that links items to their parents does so beside all of them.
_HISTORIES = """
    SELECT w.id, w.created, w.status_id, c.transition_change_date, c.from_status_id, c.to_status_id, c.external_id,
           c.item_number
    FROM unnest(%s) WITH ORDINALITY AS s(id, place)
    CROSS JOIN LATERAL (SELECT id, created, status_id FROM work_items f WHERE f.id = s.id LIMIT 1 FOR NO KEY UPDATE) w
    LEFT JOIN LATERAL (SELECT * FROM changelogs f WHERE f.work_item_id = s.id OFFSET 0) c ON true
    ORDER BY s.place, c.transition_change_date"""


def _recomputed(
    ids: Sequence[int], names: Mapping[int | None, str], categories: Categories
) -> Iterator[tuple[int, FlowMetrics]]:
    """``names`` are the source ids of the statuses, by id."""
    rows = fetch(_HISTORIES, [list(ids)])
    for (item_id, created, status), group in groupby(rows, key=itemgetter(0, 1, 2)):
        changes = sorted((row for row in group if row[3]), key=lambda row: (row[3], history_order(row[6]), row[7]))
        path = [Change(at, names.get(left), names.get(entered)) for _, _, _, at, left, entered, _, _ in changes]
        yield item_id, flow_metrics(created, names[status], path, categories)


def recompute(tenant_id: int, integration_id: int, statuses: Sequence[str], categories: Categories) -> int:
    """Recomputes the metrics of the items that those statuses touch; how many changed. Holds the exclusive lock."""
    touched, count = _touched(tenant_id, integration_id, statuses), 0
    rows = fetch("SELECT id, external_id FROM statuses WHERE tenant_id = %s AND integration_id = %s",
                 [tenant_id, integration_id])  # fmt: skip
    names = dict(rows)
    for start in range(0, len(touched), CHUNK):
        count += _write(_recomputed(touched[start : start + CHUNK], names, categories))
    return count


def _write(metrics: Iterable[tuple[int, FlowMetrics]]) -> int:
    columns = ", ".join(METRIC_NAMES)
    rows = [(item_id, *_values(found)) for item_id, found in metrics]
    stage("staged_metrics", f"SELECT id, {columns} FROM work_items", ("id", *METRIC_NAMES), rows)
    sets = ", ".join(f"{name} = s.{name}" for name in METRIC_NAMES)
    old, new = (", ".join(f"{alias}.{name}" for name in METRIC_NAMES) for alias in ("w", "s"))
    return execute(
        f"UPDATE work_items w SET {sets}, last_updated_at = now() FROM staged_metrics s"
        f" WHERE w.id = s.id AND ({old}) IS DISTINCT FROM ({new})",
        [],
    )
