"""The flow page's charts, as etl/static/etl/charts.js draws them: figures of `etl.metrics`, and what is behind them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from statistics import median
from typing import Any

from django.db.models import Case, When
from django.db.models.functions import Coalesce
from django.urls import reverse

from custommapping.models import Wit
from etl.admin.behind import LinkedFilter, linked_value, list_of, of_projects, of_team
from etl.metrics import flow, pull_requests
from etl.metrics.asking import PERCENTILES, Period, Question, begun, following
from etl.metrics.behind import Days
from etl.models import Pr, WorkItem
from integrations.records import Category

Row = Mapping[str, Any]
Chart = dict[str, Any]

HOUR, DAY = 3600, 86400
MOST_LINES, MOST_BARS, MOST_POINTS = 6, 20, 300
NONE = "none"


@dataclass(frozen=True)
class Asked:
    """What the page is to show. ``apart``: what figures are told apart by, empty where they are not.

    ``tenant_id`` narrows lists to the tenant, None where the person sees no other's rows; ``projects`` are the keys of
    the tenant's projects by id.
    """

    question: Question
    tenant_id: int | None
    period: Period
    apart: str
    percentile: str
    projects: Mapping[int, str]

    @cached_property
    def periods(self) -> list[date]:
        """The first days of all periods, of those in which nothing happened too."""
        days = [begun(self.period, self.question.first)]
        while (after := following(self.period, days[-1])) <= self.question.last:
            days.append(after)
        return days

    def days_of(self, period: date) -> Days:
        """The part of a period that is asked for."""
        end = following(self.period, period) - timedelta(days=1)
        return Days(max(period, self.question.first), min(end, self.question.last))

    @property
    def all_days(self) -> Days:
        return Days(self.question.first, self.question.last)

    # Lists

    def items(self, by: str, group: str | None, **filters: Any) -> str:
        """The list of the work items of a group, told apart ``by`` that; of all where it is empty."""
        narrowed: dict[str, Any] = {} if self.question.team is None else of_team(self.question.team)
        if by == "team":
            narrowed = of_team(group)
        if by == "wit":
            narrowed["wit__id__in"] = ",".join(map(str, self._wits.get(group or "", ())))
        return list_of(WorkItem, tenant__id__exact=self.tenant_id, **self._of(by, group), **narrowed, **filters)

    def finished(self, by: str, group: str | None, days: Days) -> str:
        return self.items(by, group, finished=days)

    def merged(self, by: str, group: str | None, days: Days) -> str:
        if by == "project" and group is None:
            return self._prs(LinkedFilter.UNLINKED, merged_in=days)
        named = None if self.question.team is None else [self.question.team]
        linked = linked_value(self._ids(by, group), [group] if by == "team" else named)
        return self._prs(linked, merged_in=days)

    @property
    def opened(self) -> str:
        named = None if self.question.team is None else [self.question.team]
        linked = linked_value(self.question.projects, named)
        return self._prs(linked, active__exact=1, merged__isnull=True, closed__isnull=True)

    def _prs(self, linked: str | None, **filters: Any) -> str:
        """The list of pull requests of people, not of bots."""
        return list_of(Pr, tenant__id__exact=self.tenant_id, bot__exact=0, linked_to=linked, **filters)

    def _of(self, by: str, group: str | None) -> dict[str, Any]:
        return of_projects(self._ids(by, group))

    def _ids(self, by: str, group: str | None) -> Sequence[int] | None:
        """Which projects are meant: of each integration that has one of the group's key."""
        if by != "project":
            return self.question.projects
        return [pk for pk, key in self.projects.items() if key == group and pk in (self.question.projects or [pk])]

    @cached_property
    def _wits(self) -> dict[str, list[int]]:
        meant = Coalesce(Case(When(mapping__active=True, then="mapping__wit_to")), "name")
        found: dict[str, list[int]] = {}
        for name, pk in Wit.objects.filter(tenant=self.question.tenant_id).values_list(meant, "pk"):
            found.setdefault(name, []).append(pk)
        return found


@dataclass(frozen=True)
class Table:
    """Figures by group and period. ``link`` leads to what is behind those of a group in some days."""

    asked: Asked
    by: str
    rows: Sequence[Row]
    counted: str
    link: Callable[[str, str | None, Days], str]

    @cached_property
    def groups(self) -> list[str | None]:
        """Those with the most, the most first."""
        if not self.by:
            return [None]
        counts: dict[str | None, int] = {}
        for row in self.rows:
            counts[row[self.by]] = counts.get(row[self.by], 0) + row[self.counted]
        return sorted(counts, key=lambda group: (-counts[group], group or ""))[:MOST_LINES]

    @property
    def all_groups(self) -> int:
        """How many there are."""
        return len({row[self.by] for row in self.rows}) if self.by else 1

    @cached_property
    def _cells(self) -> dict[tuple[str | None, date], Row]:
        return {(row[self.by] if self.by else None, row["period"]): row for row in self.rows}

    def times(self, figure: str, seconds: int, unit: str) -> Chart:
        """Percentiles of a figure in seconds: all of them, or the chosen one of each group."""
        if self.by:
            lines = [(_name(group), group, self.asked.percentile) for group in self.groups]
        else:
            lines = [(name, None, name) for name in PERCENTILES]
        datasets = [self._dataset(label, group, _percentile(figure, at, seconds)) for label, group, at in lines]
        return self._chart("line", datasets, unit=unit)

    def plain(self, figure: str, unit: str = "") -> Chart:
        """A number of each period, of the groups on top of each other."""
        datasets = [
            self._dataset(_name(group) if self.by else figure, group, lambda row: row[figure], 0)
            for group in self.groups
        ]
        return self._chart("bar", datasets, stacked=True, unit=unit)

    def _chart(self, type_of: str, datasets: list[Chart], **more: Any) -> Chart:
        labels = [shown_period(self.asked.period, day) for day in self.asked.periods]
        return {"type": type_of, "labels": labels, "datasets": datasets, "of": self.asked.period.value.title(), **more}

    def _dataset(self, label: str, group: str | None, value: Callable[[Row], Any], empty: Any = None) -> Chart:
        cells = [self._cells.get((group, day)) for day in self.asked.periods]
        links = [
            self.link(self.by, group, self.asked.days_of(day)) if cell else None
            for day, cell in zip(self.asked.periods, cells, strict=True)
        ]
        return {"label": label, "data": [value(cell) if cell else empty for cell in cells], "links": links}


def shown_period(period: Period, day: date) -> str:
    """A period by its first day: 2024, 2024 Q1, 2024-03, or 2024-03-04."""
    match period:
        case Period.YEAR:
            return f"{day:%Y}"
        case Period.QUARTER:
            return f"{day:%Y} Q{(day.month + 2) // 3}"
        case Period.MONTH:
            return f"{day:%Y-%m}"
        case _:
            return day.isoformat()


def page_of(asked: Asked) -> dict[str, Any]:
    """All that the page shows. Raises Refused where there is too much of it."""
    question = asked.question
    (done,), (now,) = flow.finished(question), flow.in_progress(question)
    (merged,) = pull_requests.merged(question, bots=False)
    (opened,) = pull_requests.open_now(question, bots=False)
    items, prs = _items(asked), _prs(asked)
    charts = {
        "cycle": items.times("cycle_time_seconds", DAY, "days"),
        "lead": items.times("lead_time_seconds", DAY, "days"),
        "throughput": items.plain("completed"),
        "wip": _wip(asked),
        "ageing": _ageing(asked, done),
        "review": prs.times("time_to_first_review_seconds", HOUR, "hours"),
        "pr_cycle": prs.times("cycle_time_seconds", HOUR, "hours"),
        "merged": prs.plain("merged"),
    }
    return {
        "counts": _counts(asked, done, now, merged, opened),
        "times": _times(done, merged, now),
        "charts": charts,
        "note": _note(items, prs, now["in_progress"]),
    }


def _items(asked: Asked) -> Table:
    by = [asked.apart] if asked.apart else []
    rows = flow.finished(replace(asked.question, by=by, period=asked.period))
    return Table(asked, asked.apart, rows, "completed", asked.finished)


def _prs(asked: Asked) -> Table:
    apart = asked.apart if asked.apart in pull_requests.GROUPS else ""
    by = [apart] if apart else []
    rows = pull_requests.merged(replace(asked.question, by=by, period=asked.period), bots=False)
    return Table(asked, apart, rows, "merged", asked.merged)


def _note(items: Table, prs: Table, in_progress: int) -> str:
    """What is not drawn."""
    said = []
    if max(items.all_groups, prs.all_groups) > MOST_LINES:
        said.append(f"Lines and bars are of the {MOST_LINES} with the most; the others are in the API's metrics.")
    if in_progress > MOST_POINTS:
        said.append(f"Of the items in progress the {MOST_POINTS} oldest are drawn.")
    return " ".join(said)


def _wip(asked: Asked) -> Chart:
    by = asked.apart or ("wit" if asked.question.projects else "project")
    rows = flow.in_progress(replace(asked.question, by=[by]))
    most = sorted(rows, key=lambda row: (-row["in_progress"], row[by] or ""))[:MOST_BARS]
    links = [asked.items(by, row[by], category=Category.IN_PROGRESS.value) for row in most]
    data = {"label": "in progress", "data": [row["in_progress"] for row in most], "links": links}
    labels = [_name(row[by]) for row in most]
    return {"type": "bar", "labels": labels, "datasets": [data], "of": {"wit": "Type"}.get(by, by.title())}


def _ageing(asked: Asked, done: Row) -> Chart:
    """Each item in progress above its status, and how long items took that were finished."""
    items = flow.ageing(asked.question, MOST_POINTS)
    ages: dict[str, list[float]] = {}
    for item in items:
        ages.setdefault(item.status, []).append(item.age_seconds)
    labels = sorted(ages, key=lambda status: (median(ages[status]), status))
    limits = {name: in_units(value, DAY) for name, value in done["cycle_time_seconds"].items()}
    late = done["cycle_time_seconds"]["p85"]
    old = [item for item in items if late is not None and item.age_seconds > late]
    datasets = [
        _points("age", [item for item in items if item not in old], labels),
        _points("age, above p85", old, labels),
        *({"label": f"{name} of cycle time", "type": "line", "data": [value]} for name, value in limits.items()),
    ]
    return {"type": "scatter", "labels": labels, "datasets": datasets, "unit": "days", "of": "Status"}


def _points(label: str, items: Iterable[flow.Ageing], labels: Sequence[str]) -> Chart:
    shown = list(items)
    points = [
        {"x": labels.index(item.status), "y": item.age_seconds / DAY, "name": f"{item.key} {item.summary}"}
        for item in shown
    ]
    links = [reverse("admin:etl_workitem_change", args=[item.id]) for item in shown]
    return {"label": label, "data": points, "links": links}


def _counts(asked: Asked, done: Row, now: Row, merged: Row, opened: Row) -> list[dict[str, Any]]:
    days = asked.all_days
    at_work = asked.items("", None, category=Category.IN_PROGRESS.value)
    points = f"{done['story_points']:g} story points, " if done["story_points"] else ""
    oldest = f"oldest: {now['oldest']}" if now["oldest"] else ""
    return [
        {
            "name": "Completed",
            "value": done["completed"],
            "note": f"{points}{done['reworked']} reworked",
            "link": asked.finished("", None, days),
        },
        {"name": "In progress now", "value": now["in_progress"], "note": oldest, "link": at_work},
        {
            "name": "Pull requests merged",
            "value": merged["merged"],
            "note": f"{merged['without_review']} without review",
            "link": asked.merged("", None, days),
        },
        {
            "name": "Pull requests open now",
            "value": opened["open"],
            "note": f"{opened['drafts']} drafts",
            "link": asked.opened,
        },
    ]


def _times(done: Row, merged: Row, now: Row) -> list[dict[str, Any]]:
    """Percentiles of the whole time."""
    return [
        _percentiles("Cycle time", done["cycle_time_seconds"], DAY, "days"),
        _percentiles("Lead time", done["lead_time_seconds"], DAY, "days"),
        _percentiles("Age of what is in progress", now["age_seconds"], DAY, "days"),
        _percentiles("Time to first review", merged["time_to_first_review_seconds"], HOUR, "hours"),
        _percentiles("Pull request cycle time", merged["cycle_time_seconds"], HOUR, "hours"),
    ]


def _percentiles(name: str, values: Mapping[str, float | None], seconds: int, unit: str) -> dict[str, Any]:
    return {"name": name, "unit": unit, **{at: in_units(value, seconds) for at, value in values.items()}}


def _percentile(figure: str, at: str, seconds: int) -> Callable[[Row], float | None]:
    return lambda row: in_units(row[figure][at], seconds)


def in_units(value: float | None, seconds: int) -> float | None:
    """Seconds as so many of a larger unit."""
    return None if value is None else value / seconds


def _name(group: str | None) -> str:
    return NONE if group is None else group
