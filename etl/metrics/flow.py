"""Figures of work items: those that were finished in a time, and those that are being worked on now."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from etl.metrics.asking import Figure, Question, Spread, answer, truncated
from etl.models.items import LONGEST_INDEXED
from etl.sql import fetch
from integrations.records import Category

GROUPS = {"project": "p.key", "team": "w.team", "wit": "coalesce(m.wit_to, t.name)"}
FINISHED_AT = "w.work_last_completed_at"
# Since when it is worked on; where no history says so, since it is there.
BEGUN_AT = "coalesce(w.work_first_started_at, w.created)"
AGE = f"extract(epoch FROM now() - {BEGUN_AT})"

FINISHED = (
    Figure("completed", "count(*)"),
    Figure("story_points", "coalesce(sum(w.story_points), 0)", float),
    Figure("reworked", "count(*) FILTER (WHERE w.rework_indicator)"),
    Figure("never_started", "count(*) FILTER (WHERE w.direct_completion)"),
    Spread("cycle_time_seconds", "w.total_cycle_time_seconds"),
    Spread("lead_time_seconds", "w.total_lead_time_seconds"),
    Spread("work_time_seconds", "CASE WHEN w.total_work_starts > 0 THEN w.total_work_time_seconds END"),
)
IN_PROGRESS = (
    Figure("in_progress", "count(*)"),
    Figure("story_points", "coalesce(sum(w.story_points), 0)", float),
    Spread("age_seconds", AGE),
    Figure("oldest", f"(array_agg(w.key ORDER BY {BEGUN_AT}, w.key))[1]", str | None),
)

_ITEMS = """work_items w JOIN projects p ON p.id = w.project_id JOIN wits t ON t.id = w.wit_id
    LEFT JOIN wits_mappings m ON m.id = t.mapping_id AND m.active"""
# What a status means: the tenant's mapping first, the source's category else (as in `etl.transform.categories`). They
# are few, and are found first: joined, each would be looked for again for every project.
_WHOSE = """ WHERE w.tenant_id = %(tenant)s AND w.active AND w.status_id = ANY(ARRAY(
        SELECT s.id FROM statuses s
        LEFT JOIN statuses_mappings c ON c.tenant_id = s.tenant_id AND c.integration_id = s.integration_id
            AND c.status_external_id = s.external_id AND c.active
        WHERE s.tenant_id = %(tenant)s AND coalesce(c.category, s.category) = '{category}'))
      AND (%(integration)s::bigint IS NULL OR w.integration_id = %(integration)s)
      AND (%(projects)s::bigint[] IS NULL OR w.project_id = ANY(%(projects)s))
      AND (%(team)s::text IS NULL OR w.team = %(team)s)"""
_DONE, _AT_WORK = (_WHOSE.format(category=category.value) for category in (Category.DONE, Category.IN_PROGRESS))


def finished(question: Question) -> list[dict[str, Any]]:
    """Of the items that are done, and were so last in that time. What was opened again is not finished."""
    groups = {name: GROUPS[name] for name in question.by}
    if question.period:
        groups["period"] = truncated(question.period, FINISHED_AT)
    rows = f"{_ITEMS} {_DONE} AND {FINISHED_AT} >= %(start)s AND {FINISHED_AT} < %(end)s"
    return answer(question, groups, FINISHED, rows)


def usual_end(tenant_id: int, days: int) -> date:
    """The last of so many days to look at: today, UTC, or when something was finished last where that is longer ago."""
    today = datetime.now(UTC).date()
    ((latest,),) = fetch(
        "SELECT max(work_last_completed_at) FROM work_items WHERE tenant_id = %s AND work_last_completed_at < now()",
        [tenant_id],
    )
    day: date = latest.astimezone(UTC).date() if latest else today
    return today if today - day < timedelta(days=days) else day


def in_progress(question: Question) -> list[dict[str, Any]]:
    """Of the items that are in progress now, whatever the time that is asked for."""
    groups = {name: GROUPS[name] for name in question.by}
    return answer(question, groups, IN_PROGRESS, _ITEMS + _AT_WORK)


@dataclass(frozen=True)
class Ageing:
    """An item that is in progress now. ``age_seconds`` is what `in_progress` has the percentiles of."""

    id: int
    key: str
    summary: str
    status: str
    age_seconds: float


def ageing(question: Question, limit: int) -> list[Ageing]:
    """The items that are in progress now, whatever the time that is asked for: the oldest first, so many at most."""
    tables = f"{_ITEMS} JOIN statuses s ON s.id = w.status_id"
    rows = fetch(
        f"""SELECT w.id, w.key, w.summary, s.name, {AGE} FROM {tables} {_AT_WORK}
            ORDER BY {BEGUN_AT}, w.key, w.id LIMIT %(limit)s""",
        {**question.parameters(), "limit": limit},
    )
    return [Ageing(pk, key, summary, status, float(age)) for pk, key, summary, status, age in rows]


def teams(tenant_id: int, limit: int) -> list[str]:
    """The teams that the tenant's items are of, by name, so many at most: each is looked up after the one before."""
    first = """SELECT team FROM work_items WHERE tenant_id = %(tenant)s AND length(team) <= %(longest)s"""
    rows = fetch(
        f"""WITH RECURSIVE found(team) AS (
                ({first} ORDER BY team LIMIT 1)
                UNION ALL
                SELECT (SELECT w.team FROM ({first}) w WHERE w.team > found.team ORDER BY w.team LIMIT 1)
                FROM found WHERE found.team IS NOT NULL)
            SELECT team FROM found WHERE team IS NOT NULL LIMIT %(limit)s""",
        {"tenant": tenant_id, "longest": LONGEST_INDEXED, "limit": limit},
    )
    return [row[0] for row in rows]
