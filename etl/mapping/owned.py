"""Reading custom values of loaded items back from the stored answers that they were last written from."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from custommapping.models import MAPPED_COLUMNS
from etl.sql import fetch
from etl.transform.stage import read_items
from integrations.json_text import parse_site
from integrations.models import Integration
from integrations.provider import Provider

Values = tuple[Mapping[str, Any], Mapping[str, str]]
"""What is in custom fields, by source id, and the texts of those that the source writes in a form of its own."""

# So many at once bound the memory.
ANSWERS_AT_ONCE = 20

_COLUMNS = ", ".join(f"w.{column}" for column in MAPPED_COLUMNS)
# Of few fields each is looked up, of many all that an item has are gone through.
MANY_FIELDS = 50
_LOOKED_UP = "SELECT f AS key, {holder} -> f AS value FROM unnest(%(wanted)s::text[]) f"
_GONE_THROUGH = """
    SELECT key, value FROM jsonb_each(CASE jsonb_typeof({holder}) WHEN 'object' THEN {holder} ELSE '{{}}' END)
    WHERE key = ANY(%(wanted)s::text[])"""
# All but what is asked for stays in the database: it knows where in an answer a field stands without reading the rest.
_ITEMS = f"""
    SELECT w.raw_data_id, w.external_id, w.key, {_COLUMNS},
        ARRAY(SELECT e.key FROM ({{overflow}}) e WHERE e.value IS NOT NULL),
        (SELECT jsonb_object_agg(e.key, e.value)::text FROM ({{fields}}) e WHERE e.value <> 'null')
    FROM (SELECT r.id, r.raw_data #> %(items)s AS items FROM raw_extraction_data r WHERE r.id = ANY(%(answers)s)) r
    CROSS JOIN LATERAL (
        SELECT e #>> %(id)s AS external_id, e #> %(fields)s AS fields
        FROM jsonb_array_elements(CASE jsonb_typeof(r.items) WHEN 'array' THEN r.items ELSE '[]' END) e) i
    CROSS JOIN LATERAL (
        SELECT * FROM work_items f WHERE f.tenant_id = %(tenant)s AND f.integration_id = %(integration)s
            AND f.external_id = i.external_id LIMIT 1) w
    WHERE w.raw_data_id = r.id AND w.active ORDER BY r.id DESC, w.id"""


@dataclass(frozen=True, slots=True)
class OwnedItem:
    """``columns`` are the filled columns as they stand, ``overflow`` those of the fields asked for that stand there.

    ``custom`` and ``texts`` are the fields' values as the provider reads them.
    """

    external_id: str
    key: str
    columns: Mapping[str, Any]
    overflow: frozenset[str]
    custom: Mapping[str, Any]
    texts: Mapping[str, str]


def owners(integration: Integration) -> list[int]:
    """The answers that own active items, the newest first."""
    rows = fetch(
        """SELECT raw_data_id FROM work_items WHERE tenant_id = %s AND integration_id = %s AND active
             AND raw_data_id IS NOT NULL GROUP BY 1 ORDER BY 1 DESC""",
        [integration.tenant_id, integration.pk],
    )
    return [row[0] for row in rows]


def owned_items(integration: Integration, fields: Sequence[str]) -> Iterator[OwnedItem]:
    """The active items with their values in those custom fields, by source id; of the newest answers first."""
    provider = integration.provider_code
    if not provider.item_paths:
        return
    paths, answers = provider.item_paths, owners(integration)
    parameters = {
        "tenant": integration.tenant_id,
        "integration": integration.pk,
        "wanted": list(fields),
        "items": list(paths.items),
        "id": list(paths.id),
        "fields": list(paths.fields),
    }
    found = _GONE_THROUGH if len(fields) >= MANY_FIELDS else _LOOKED_UP
    sql = _ITEMS.format(
        overflow=found.format(holder="w.custom_fields_overflow"), fields=found.format(holder="i.fields")
    )
    for start in range(0, len(answers), ANSWERS_AT_ONCE):
        rows = fetch(sql, {**parameters, "answers": answers[start : start + ANSWERS_AT_ONCE]})
        versions = Counter((row[0], row[1]) for row in rows)
        for row in rows:
            raw_id, external_id = row[:2]
            if versions[raw_id, external_id] == 1:
                yield _item(row, _values(provider, row[-1]))
            elif versions.pop((raw_id, external_id), 0):
                yield _item(row, _newest_values(integration, raw_id, external_id, fields))


def _item(row: Sequence[Any], values: Values) -> OwnedItem:
    _, external_id, key, *columns, overflow, _ = row
    stands = {column: value for column, value in zip(MAPPED_COLUMNS, columns, strict=True) if value is not None}
    return OwnedItem(external_id, key, stands, frozenset(overflow), *values)


def _values(provider: Provider, fields: str | None) -> Values:
    return provider.custom_values(parse_site(fields)) if fields else ({}, {})


def _newest_values(integration: Integration, raw_id: int, external_id: str, fields: Sequence[str]) -> Values:
    """Of an item that an answer has several times: only a transform can say which one counts."""
    wanted, found = set(fields), read_items(integration, raw_id, {external_id}).work_items
    custom = {field: value for record in found for field, value in record.custom.items() if field in wanted}
    return custom, {field: text for record in found for field, text in record.custom_texts.items() if field in wanted}
