"""Figures of pull requests that were merged in a time, and of those that are open now.

A pull request is of the projects and teams whose work items it is linked to: it counts once for each of them.
"""

from typing import Any

from etl.metrics.asking import Figure, Question, Spread, answer, truncated

GROUPS = {"repository": "r.full_name", "author": "pr.author", "project": "k.project", "team": "k.team"}
# What the links tell.
LINKED = {"project": "p.key AS project", "team": "w.team"}
CHANGED_LINES = "pr.additions + pr.deletions"

MERGED = (
    Figure("merged", "count(*)"),
    Figure("without_review", "count(*) FILTER (WHERE pr.first_review_at IS NULL)"),
    Spread("cycle_time_seconds", "pr.cycle_time_seconds"),
    Spread("time_to_first_review_seconds", "pr.time_to_first_review_seconds"),
    Spread("review_rounds", "pr.review_rounds"),
    Spread("changed_lines", CHANGED_LINES),
)
OPEN = (
    Figure("open", "count(*)"),
    Figure("drafts", "count(*) FILTER (WHERE pr.draft)"),
    Figure("without_review", "count(*) FILTER (WHERE pr.first_review_at IS NULL)"),
    Spread("age_seconds", "extract(epoch FROM now() - pr.created)"),
)

_WHOSE = """ WHERE pr.tenant_id = %(tenant)s AND pr.active
      AND (%(integration)s::bigint IS NULL OR pr.integration_id = %(integration)s)"""
_BY_PEOPLE = " AND NOT pr.bot"


def merged(question: Question, *, bots: bool) -> list[dict[str, Any]]:
    """Of those merged in that time; those of bots too where ``bots``."""
    groups = {name: GROUPS[name] for name in question.by}
    if question.period:
        groups["period"] = truncated(question.period, "pr.merged")
    return answer(
        question, groups, MERGED, f"{_rows(question, bots)} AND pr.merged >= %(start)s AND pr.merged < %(end)s"
    )


def open_now(question: Question, *, bots: bool) -> list[dict[str, Any]]:
    """Of those that are open, whatever the time that is asked for."""
    groups = {name: GROUPS[name] for name in question.by}
    return answer(question, groups, OPEN, f"{_rows(question, bots)} AND pr.merged IS NULL AND pr.closed IS NULL")


def _rows(question: Question, bots: bool) -> str:
    """The rows that are asked for, as SQL, to which further conditions can be added."""
    tables = f"prs pr JOIN repositories r ON r.id = pr.repository_id {_links(question)}"
    return f"{tables} {_WHOSE} {'' if bots else _BY_PEOPLE}"


def _links(question: Question) -> str:
    """The joined projects and teams, each once for a pull request: only those that have some, where some are named."""
    named = question.projects is not None or question.team is not None
    told = [LINKED[name] for name in question.by if name in LINKED]
    if not (named or told):
        return ""
    return f"""{"" if named else "LEFT "}JOIN (
        SELECT DISTINCT {", ".join(["l.pr_id", *told])} FROM work_items_prs_links l
        JOIN work_items w ON w.id = l.work_item_id JOIN projects p ON p.id = w.project_id
        WHERE l.tenant_id = %(tenant)s AND l.active AND l.pr_id IS NOT NULL AND w.active
          AND (%(projects)s::bigint[] IS NULL OR w.project_id = ANY(%(projects)s))
          AND (%(team)s::text IS NULL OR w.team = %(team)s)) k ON k.pr_id = pr.id"""
