"""What figures are asked for, and the parts of the statements that all of them have in common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from custommapping.errors import Refused
from etl.sql import fetch

# Half of all are below the first, and nearly all are below the last.
PERCENTILES: Mapping[str, float] = {"p50": 0.5, "p85": 0.85, "p95": 0.95}
MOST_GROUPS = 5000


class Period(StrEnum):
    """Each begins at midnight, UTC; weeks on Mondays."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


# One day more leads into the next period, and not past it.
_LONGEST_DAYS: Mapping[Period, int] = {
    Period.DAY: 1,
    Period.WEEK: 7,
    Period.MONTH: 31,
    Period.QUARTER: 92,
    Period.YEAR: 366,
}


@dataclass(frozen=True)
class Question:
    """Figures of what was finished from ``first`` to ``last``, both days included (UTC), of the rest where it is named.

    ``by`` names what they are told apart by, and with a ``period`` they are by that too. ``projects`` are ids.
    """

    tenant_id: int
    first: date
    last: date
    by: Sequence[str] = ()
    period: Period | None = None
    integration_id: int | None = None
    projects: Sequence[int] | None = None
    team: str | None = None

    def parameters(self) -> dict[str, Any]:
        return {
            "tenant": self.tenant_id,
            "start": midnight(self.first),
            "end": midnight(self.last + timedelta(days=1)),
            "integration": self.integration_id,
            "projects": None if self.projects is None else list(self.projects),
            "team": self.team,
            "at": list(PERCENTILES.values()),
            "limit": MOST_GROUPS + 1,
        }


@dataclass(frozen=True)
class Figure:
    """A figure's name, how it is had of the rows of a group, as SQL, and what it is in an answer."""

    name: str
    sql: str
    type: Any = int


@dataclass(frozen=True)
class Spread(Figure):
    """The percentiles of ``sql``, of the rows where it is not null."""


def answer(question: Question, groups: Mapping[str, str], figures: Sequence[Figure], rows: str) -> list[dict[str, Any]]:
    """The figures of each group, in the groups' order. Raises Refused where there are more than `MOST_GROUPS`.

    ``groups`` are the groups' names and how each is had of a row, as SQL, and ``rows`` is what follows FROM.
    """
    selected = [*groups.values(), *(_selected(figure) for figure in figures)]
    numbers = ", ".join(str(number) for number in range(1, len(groups) + 1))
    grouped = f"GROUP BY {numbers} ORDER BY {numbers}" if groups else ""
    found = fetch(
        f"SELECT {', '.join(selected)} FROM {rows} {grouped} LIMIT %(limit)s",
        question.parameters(),
    )
    if len(found) > MOST_GROUPS:
        message = f"there are more than {MOST_GROUPS} groups: ask for a longer period, fewer days, or one project"
        raise Refused({"by": message})
    return [_told(row, list(groups), figures) for row in found]


def begun(period: Period, day: date) -> date:
    """The first day of the period that the day is in."""
    match period:
        case Period.DAY:
            return day
        case Period.WEEK:
            return day - timedelta(days=day.weekday())
        case Period.MONTH:
            return day.replace(day=1)
        case Period.QUARTER:
            return day.replace(month=day.month - (day.month - 1) % 3, day=1)
        case Period.YEAR:
            return day.replace(month=1, day=1)


def following(period: Period, first: date) -> date:
    """The first day of the period after the one that begins on that day."""
    return begun(period, first + timedelta(days=_LONGEST_DAYS[period]))


def truncated(period: Period, moment: str) -> str:
    """The first day of the period of a column's moment, as SQL."""
    return f"date_trunc('{period}', {moment}, 'UTC')::date"


def _selected(figure: Figure) -> str:
    if isinstance(figure, Spread):
        return f"percentile_cont(%(at)s::float8[]) WITHIN GROUP (ORDER BY {figure.sql})"
    return figure.sql


def _told(row: Sequence[Any], groups: Sequence[str], figures: Sequence[Figure]) -> dict[str, Any]:
    told: dict[str, Any] = dict(zip(groups, row, strict=False))
    for figure, value in zip(figures, row[len(groups) :], strict=True):
        told[figure.name] = _percentiles(value) if isinstance(figure, Spread) else _plain(value)
    return told


def _percentiles(values: Sequence[float | None] | None) -> dict[str, float | None]:
    """None where there is no row to tell of."""
    return {name: _rounded(value) for name, value in zip(PERCENTILES, values or [None] * len(PERCENTILES), strict=True)}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


def midnight(day: date) -> datetime:
    """When the day begins, UTC."""
    return datetime.combine(day, time(), UTC)
