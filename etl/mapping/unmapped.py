"""Which statuses and types nobody has mapped, and how much each is used."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Case, CharField, Exists, OuterRef, QuerySet, TextChoices, Value, When

from custommapping.models import Status, StatusMapping
from etl.sql import fetch


class Meaning(TextChoices):
    """Where the category of a status comes from."""

    MAPPED = "mapped", "from the tenant's mapping"
    SOURCE = "source", "from the source alone"
    NONE = "none", "from nowhere: it has none"


UNMAPPED = (Meaning.SOURCE, Meaning.NONE)


@dataclass(frozen=True, slots=True)
class Uses:
    """How many active work items are in a status now, and how many status changes enter or leave it."""

    work_items: int = 0
    changelogs: int = 0


def with_meaning(rows: QuerySet[Status]) -> QuerySet[Status]:
    """The statuses with ``meaning``, a value of `Meaning`."""
    mapping = StatusMapping.objects.filter(
        tenant=OuterRef("tenant"),
        integration=OuterRef("integration"),
        status_external_id=OuterRef("external_id"),
        active=True,
    )
    meaning = Case(
        When(Exists(mapping), then=Value(Meaning.MAPPED.value)),
        When(category__isnull=False, then=Value(Meaning.SOURCE.value)),
        default=Value(Meaning.NONE.value),
        output_field=CharField(),
    )
    return rows.annotate(meaning=meaning)


def status_uses(ids: Sequence[int]) -> dict[int, Uses]:
    """How much those statuses are used, by id. Each row is read once, however many statuses there are."""
    rows = fetch(
        """WITH items AS MATERIALIZED (
               SELECT status_id, count(*) AS number FROM work_items
               WHERE status_id = ANY(%(ids)s) AND active GROUP BY 1),
           changes AS MATERIALIZED (
               SELECT from_status_id, to_status_id, count(*) AS number FROM changelogs
               WHERE from_status_id = ANY(%(ids)s) OR to_status_id = ANY(%(ids)s) GROUP BY 1, 2)
           SELECT s.id, coalesce((SELECT number FROM items WHERE status_id = s.id), 0),
                  coalesce((SELECT sum(number) FROM changes WHERE s.id IN (from_status_id, to_status_id)), 0)::bigint
           FROM unnest(%(ids)s::bigint[]) s(id)""",
        {"ids": list(ids)},
    )
    return {status_id: Uses(items, changes) for status_id, items, changes in rows}


def wit_uses(ids: Sequence[int]) -> dict[int, int]:
    """How many active work items are of those types, by id."""
    rows = fetch(
        """SELECT s.id, count(w.id) FROM unnest(%s::bigint[]) s(id)
           LEFT JOIN work_items w ON w.wit_id = s.id AND w.active GROUP BY s.id""",
        [list(ids)],
    )
    return dict(rows)
