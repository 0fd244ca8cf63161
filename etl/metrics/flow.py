"""Figures of work items: those that were finished in a time, and those that are being worked on now."""

from typing import Any

from etl.metrics.asking import Figure, Question, Spread, answer, truncated
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

# What a status means: the tenant's mapping first, the source's category else (as in `etl.transform.categories`).
_ITEMS = """work_items w JOIN projects p ON p.id = w.project_id JOIN wits t ON t.id = w.wit_id
    LEFT JOIN wits_mappings m ON m.id = t.mapping_id AND m.active
    JOIN statuses s ON s.id = w.status_id
    LEFT JOIN statuses_mappings c ON c.tenant_id = s.tenant_id AND c.integration_id = s.integration_id
        AND c.status_external_id = s.external_id AND c.active
    WHERE w.tenant_id = %(tenant)s AND w.active AND coalesce(c.category, s.category) = '{category}'
      AND (%(integration)s::bigint IS NULL OR w.integration_id = %(integration)s)
      AND (%(projects)s::bigint[] IS NULL OR w.project_id = ANY(%(projects)s))
      AND (%(team)s::text IS NULL OR w.team = %(team)s)"""


def finished(question: Question) -> list[dict[str, Any]]:
    """Of the items that are done, and were so last in that time. What was opened again is not finished."""
    groups = {name: GROUPS[name] for name in question.by}
    if question.period:
        groups["period"] = truncated(question.period, FINISHED_AT)
    rows = f"{_ITEMS.format(category=Category.DONE.value)} AND {FINISHED_AT} >= %(start)s AND {FINISHED_AT} < %(end)s"
    return answer(question, groups, FINISHED, rows)


def in_progress(question: Question) -> list[dict[str, Any]]:
    """Of the items that are in progress now, whatever the time that is asked for."""
    groups = {name: GROUPS[name] for name in question.by}
    return answer(question, groups, IN_PROGRESS, _ITEMS.format(category=Category.IN_PROGRESS.value))
