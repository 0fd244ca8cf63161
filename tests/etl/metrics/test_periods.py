"""Periods are begun where the database begins them."""

import re
from datetime import date, timedelta

import pytest

from etl.metrics.asking import Period, begun, following, truncated
from etl.metrics.behind import Days
from etl.sql import fetch

DAYS = [date(2023, 12, 20) + timedelta(days=number) for number in range(0, 500, 3)]


@pytest.mark.django_db
@pytest.mark.parametrize("period", list(Period))
def test_a_day_is_in_the_period_that_the_database_says(period: Period) -> None:
    rows = fetch(f"SELECT {truncated(period, 'd::timestamptz')} FROM unnest(%s::date[]) d ORDER BY d", [DAYS])

    assert [begun(period, day) for day in DAYS] == [row[0] for row in rows]


@pytest.mark.parametrize("period", list(Period))
def test_a_period_is_followed_by_the_next_one(period: Period) -> None:
    for day in DAYS:
        first = begun(period, day)
        after = following(period, first)
        assert begun(period, after) == after > day
        assert begun(period, after - timedelta(days=1)) == first


def test_days_are_what_they_were_written_as() -> None:
    assert str(Days.parse("2024-03-01..2024-03-31")) == "2024-03-01..2024-03-31"


@pytest.mark.parametrize("text", ["", "2024-03-01", "2024-03-02..2024-03-01", "x..y", "2024-03-01..9999-12-31"])
def test_what_are_no_days_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(text))):
        Days.parse(text)
