"""Loading the pull requests, branches and commits that belong to work items.

Answers come in any order, and some tell only a part. So that the rows are the same in the end, each work item keeps in
``dev_status_as_of`` which answer was the last that told all, for each source and kind ("whole"), and the last whole
overview ("overview", "present"); each link keeps the answer that wrote it. Whatever is older than what is kept writes
nothing. Ids of stored answers are ages: they only grow. All of it happens under the lock of the work item's row.

``dev_status_read_at`` moves with each overview that is not older than the last: that an item was asked for at all means
that it changed, or was read long ago, so a sync that finds nothing new writes no row.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from etl.load import quarantine
from etl.load.copying import Row, stage
from etl.load.mentions import TABLE, link_work_items, pull_request_of
from etl.load.merging import Source, found
from etl.models.code import MENTION
from etl.sql import execute, fetch
from integrations.records import DevLink, ItemLinks, LinkKind, LinkOverview, Quarantined

# Where a quarantined link only waits for its work item (see `etl.load.parents`).
NO_ITEM = "work_item"

_KEYS = ("work_item_id", "source", "kind", "external_id")
_VALUES = ("external_repo", "pr_number", "url", "title", "state", "author", "last_changed_at")


@dataclass
class Held:
    """A work item whose row is locked, and what is known of its links. ``whole`` is keyed by `_pair`."""

    id: int
    read_at: datetime | None
    overview: int = 0
    present: list[str] = field(default_factory=list)
    whole: dict[str, int] = field(default_factory=dict)

    def is_current(self, pair: str, raw_id: int) -> bool:
        """Whether nothing newer has told all of these links, or that there are none."""
        ended = self.overview > raw_id and pair not in self.present
        return not ended and self.whole.get(pair, 0) <= raw_id


def link_items(
    source: Source, overviews: Sequence[LinkOverview], item_links: Sequence[ItemLinks], refused: list[Quarantined]
) -> int:
    """Makes the links what the answer says; how many rows changed.

    Adds to ``refused`` what PostgreSQL refuses, and all that is about work items that are not there (yet); takes out
    what a newer answer has made void.
    """
    if not overviews and not item_links:
        return 0
    held = _lock(source, {said.work_item_id for said in overviews} | {links.work_item_id for links in item_links})
    changed = 0
    for overview in overviews:
        item = held.get(overview.work_item_id)
        if item is None:
            refused.append(_waits(f"{overview.work_item_id}:summary", overview.work_item_id))
        else:
            changed += _end_absent(source, item, overview)
    changed += _load_links(source, held, item_links, refused)
    for item in held.values():
        _keep(item)
    names = [f"{overview.work_item_id}:summary" for overview in overviews if overview.work_item_id in held]
    names += [_name(links, kind) for links in item_links if links.work_item_id in held for kind in links.kinds]
    link_work_items(source.tenant_id, [item.id for item in held.values()])
    quarantine.resolve_beginning(source, [TABLE], names)
    return changed


def _lock(source: Source, external_ids: set[str]) -> dict[str, Held]:
    """The work items that there are, locked in the order of their ids as in `etl.load.items`."""
    row = found("work_items", "s.external_id", columns="f.id, f.dev_status_read_at, f.dev_status_as_of")
    rows = fetch(
        f"""SELECT s.external_id, w.id, w.dev_status_read_at, w.dev_status_as_of::text
            FROM unnest(%(ids)s) AS s(external_id) CROSS JOIN LATERAL ({row} FOR NO KEY UPDATE) w""",
        {"tenant": source.tenant_id, "integration": source.integration_id, "ids": sorted(external_ids)},
    )
    return {external_id: Held(item, read_at, **orjson.loads(as_of)) for external_id, item, read_at, as_of in rows}


def _keep(item: Held) -> None:
    """Writes down which answers the links are from now, where that has changed."""
    as_of: dict[str, Any] = {"whole": item.whole, "overview": item.overview, "present": item.present}
    text = orjson.dumps({name: value for name, value in as_of.items() if value}).decode()
    execute(
        """UPDATE work_items SET dev_status_as_of = %(as_of)s, dev_status_read_at = %(read)s
           WHERE id = %(id)s
             AND (dev_status_as_of, dev_status_read_at) IS DISTINCT FROM (%(as_of)s::jsonb, %(read)s)""",
        {"id": item.id, "as_of": text, "read": item.read_at},
    )


def _pair(source: str, kind: LinkKind) -> str:
    return f"{source} {kind}"


def _name(links: ItemLinks, kind: LinkKind) -> str:
    """How the names of quarantined links begin: by it a good answer finds those that it closes."""
    return f"{links.work_item_id}:{links.source}:{kind}:"


def _waits(name: str, work_item_id: str) -> Quarantined:
    return Quarantined(TABLE, name, NO_ITEM, f"work item {work_item_id} is not loaded")


def _end_absent(source: Source, item: Held, overview: LinkOverview) -> int:
    """Removes the links of applications and kinds that have none any more; how many."""
    item.read_at = max(item.read_at or source.extracted_at, source.extracted_at)
    if not overview.whole or item.overview > source.raw_id:
        return 0
    item.overview, item.present = source.raw_id, sorted(_pair(*pair) for pair in overview.present)
    # What was told since then, by whatever newer answer, stays.
    spared = item.present + [pair for pair, raw_id in item.whole.items() if raw_id > source.raw_id]
    return execute(
        """DELETE FROM work_items_prs_links WHERE work_item_id = %s AND integration_id = %s
             AND source <> %s AND source || ' ' || kind <> ALL(%s) AND coalesce(raw_data_id, 0) <= %s""",
        [item.id, source.integration_id, MENTION, spared, source.raw_id],
    )


def _load_links(
    source: Source, held: dict[str, Held], item_links: Sequence[ItemLinks], refused: list[Quarantined]
) -> int:
    rows: list[tuple[ItemLinks, DevLink]] = []
    ended = 0
    for links in item_links:
        item = held.get(links.work_item_id)
        if item is None:
            names = (f"{_name(links, link.kind)}{link.external_id}" for link in links.links)
            refused += [_waits(name, links.work_item_id) for name in names]
            continue
        current = [kind for kind in links.kinds if item.is_current(_pair(links.source, kind), source.raw_id)]
        _forget_void(links, current, refused)
        rows += [(links, link) for link in links.links if link.kind in current]
        if links.whole:
            ended += sum(_end_vanished(source, item, links, kind) for kind in current)
            item.whole.update({_pair(links.source, kind): source.raw_id for kind in current})
    return ended + _merge_all(source, held, rows, refused)


def _forget_void(links: ItemLinks, current: Sequence[LinkKind], refused: list[Quarantined]) -> None:
    """What could not be read of a kind that a newer answer told is of no interest any more."""
    void = tuple(_name(links, kind) for kind in links.kinds if kind not in current)
    refused[:] = [record for record in refused if record.table != TABLE or not record.external_id.startswith(void)]


def _end_vanished(source: Source, item: Held, links: ItemLinks, kind: LinkKind) -> int:
    return execute(
        """DELETE FROM work_items_prs_links WHERE work_item_id = %s AND integration_id = %s AND source = %s
             AND kind = %s AND external_id <> ALL(%s) AND coalesce(raw_data_id, 0) <= %s""",
        [
            item.id,
            source.integration_id,
            links.source,
            kind.value,
            [link.external_id for link in links.links if link.kind is kind],
            source.raw_id,
        ],
    )


def _merge_all(
    source: Source, held: dict[str, Held], rows: Sequence[tuple[ItemLinks, DevLink]], refused: list[Quarantined]
) -> int:
    changed: list[int] = []

    def merge(part: Sequence[tuple[ItemLinks, DevLink]]) -> None:
        changed.append(_merge(source, [_row(held[links.work_item_id].id, links, link) for links, link in part]))

    def refuse(one: tuple[ItemLinks, DevLink], reason: str) -> None:
        links, link = one
        name = f"{_name(links, link.kind)}{link.external_id}"
        refused.append(Quarantined(TABLE, name, f"{link.kind} {link.external_id}", reason))

    quarantine.load_halving(rows, merge, refuse)
    return sum(changed)


def _row(work_item_id: int, links: ItemLinks, link: DevLink) -> Row:
    return (
        work_item_id,
        links.source,
        link.kind.value,
        link.external_id,
        link.repository,
        link.pr_number,
        link.url,
        link.title,
        link.state,
        link.author,
        link.at,
        links.whole,
    )


def _merge(source: Source, rows: Sequence[Row]) -> int:
    stage(
        "staged_links",
        f"SELECT {', '.join([*_KEYS, *_VALUES])}, false AS whole FROM {TABLE}",
        (*_KEYS, *_VALUES, "whole"),
        rows,
    )
    parameters = {"tenant": source.tenant_id, "integration": source.integration_id, "raw": source.raw_id}
    return execute(_LINK_MERGE, parameters)


def _link_merge() -> str:
    values = [*_VALUES, "pr_id"]
    old, new = (", ".join(f"{alias}.{name}" for name in values) for alias in ("l", "s"))
    same = " AND ".join(f"f.{name} = s.{name}" for name in _KEYS)
    # A link that only a part of the truth confirms must not look older than that; else it is as old as what told all.
    confirmed = "NOT s.whole AND coalesce(l.raw_data_id, 0) < %(raw)s"
    called = "(lower({0}.external_repo), {0}.pr_number)"
    meant = pull_request_of("s.external_repo", "s.pr_number", "s.url")
    known = f"CASE WHEN s.kind = 'pull_request' THEN ({meant}) END"
    # The repository may have been renamed since: the link keeps its pull request.
    kept = f"SELECT f.pr_id FROM {TABLE} f WHERE {same} AND {called.format('f')} = {called.format('s')}"
    return f"""
        INSERT INTO {TABLE} AS l (tenant_id, integration_id, {", ".join(_KEYS)}, {", ".join(values)}, raw_data_id)
        SELECT %(tenant)s, %(integration)s, {", ".join(f"s.{name}" for name in _KEYS)}, {new}, %(raw)s
        FROM (SELECT s.*, coalesce({known}, ({kept})) AS pr_id FROM staged_links s) s
        LEFT JOIN LATERAL (SELECT * FROM {TABLE} f WHERE {same} LIMIT 1) l ON true
        WHERE l.id IS NULL OR (coalesce(l.raw_data_id, 0) <= %(raw)s
                               AND (({old}) IS DISTINCT FROM ({new}) OR ({confirmed})))
        ORDER BY {", ".join(f"s.{name}" for name in _KEYS)}
        ON CONFLICT ({", ".join(_KEYS)}) DO UPDATE
            SET {", ".join(f"{name} = EXCLUDED.{name}" for name in values)},
                raw_data_id = EXCLUDED.raw_data_id, last_updated_at = now()
            WHERE coalesce(l.raw_data_id, 0) <= EXCLUDED.raw_data_id"""


_LINK_MERGE = _link_merge()
