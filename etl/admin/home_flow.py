"""What the home page tells of how work flows: the last weeks beside those before, from `etl.metrics`."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from etl.admin.flow_charts import DAY, Asked, Table, in_units
from etl.metrics import flow
from etl.metrics.asking import PERCENTILES, Period, Question
from etl.metrics.behind import Days
from pulse.postgres.scope import tenant_scope
from pulse.tenancy.models import Tenant

SPANS = (30, 90)
MEDIAN = "p50"
TIMES = {"Median cycle time": "cycle_time_seconds", "Median lead time": "lead_time_seconds"}

Card = dict[str, Any]


def flow_of(tenant: Tenant, *, named: bool) -> dict[str, Any]:
    """Cards and the chart of a tenant. ``named``: lists are narrowed to it, since the person sees others' rows too."""
    longest = max(SPANS)
    with tenant_scope(tenant.pk):
        end = flow.usual_end(tenant.pk, longest)
        cards = [card for days in SPANS for card in _cards(_asked(tenant, end, days, named), days)]
        asked = _asked(tenant, end, longest, named)
        rows = flow.finished(replace(asked.question, period=asked.period))
    chart = Table(asked, "", rows, "completed", asked.finished).times("cycle_time_seconds", DAY, "days")
    said = f"Work items of {tenant}, up to {end}"
    if end < datetime.now(UTC).date():
        said = f"{said}, when one was finished last: none was in the last {longest} days"
    return {"said": f"{said}.", "cards": cards, "chart": chart}


def _asked(tenant: Tenant, end: date, days: int, named: bool) -> Asked:
    """So many days, the last of which is the end."""
    question = Question(tenant.pk, first=end - timedelta(days=days - 1), last=end)
    return Asked(question, tenant.pk if named else None, Period.WEEK, "", next(iter(PERCENTILES)), {})


def _cards(asked: Asked, days: int) -> list[Card]:
    first = asked.question.first
    before = replace(asked.question, first=first - timedelta(days=days), last=first - timedelta(days=1))
    (now,), (then,) = flow.finished(asked.question), flow.finished(before)
    link = asked.finished("", None, Days(asked.question.first, asked.question.last))
    finished = {
        "name": f"Finished, {days} days",
        "value": now["completed"],
        "note": _change(now["completed"], then["completed"], days, ""),
    }
    times = [_time(name, now[figure], then[figure], days) for name, figure in TIMES.items()]
    return [{**card, "link": link, "state": ""} for card in (*times, finished)]


def _time(name: str, now: Mapping[str, float | None], then: Mapping[str, float | None], days: int) -> Card:
    value, before = in_units(now[MEDIAN], DAY), in_units(then[MEDIAN], DAY)
    note = _change(value, before, days, " days")
    return {"name": f"{name}, {days} days", "value": value, "unit": "days", "note": note}


def _change(value: float | None, before: float | None, days: int, unit: str) -> str:
    """How the figure differs from that of as many days before."""
    if value is None or before is None:
        return "nothing to compare with" if before is None else ""
    was = f"{before:.1f}".removesuffix(".0")
    arrow = "↑" if value > before else "↓" if value < before else "→"
    share = f" {abs(value - before) / before:.0%}" if before else ""
    return f"{arrow}{share} from {was}{unit} in the {days} days before"
