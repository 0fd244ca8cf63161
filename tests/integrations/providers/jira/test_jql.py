"""The JQL of a question, and times in every zone."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.providers.jira.jql import (
    FIRST_CREATED,
    UNKNOWN_ZONE,
    bounded,
    cut,
    issue_query,
    lower_bound,
    upper_bound,
)
from integrations.providers.jira.questions import milliseconds, narrowed, question_of
from tests.integrations.providers.jira.questions import CONNECTION, PROJECT

NEW_YORK, SAMOA = ZoneInfo("America/New_York"), ZoneInfo("Pacific/Apia")
# Clocks do nothing odd in most of them: those are drawn as often as all others together.
ODD = ["America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Tehran", "Asia/Kathmandu", "Pacific/Apia"]
ZONES = st.sampled_from(ODD) | st.sampled_from(sorted(available_timezones() - {"localtime"}))
# From 1985 to 2040.
INSTANTS = st.integers(473_385_600_000, 2_208_988_800_000)


def question(**parts: Any) -> dict[str, Any]:
    return {**question_of(CONNECTION, PROJECT), **parts}


def read_back(text: str, zone: ZoneInfo) -> list[datetime]:
    """All instants that a site may take the text for."""
    return [
        datetime.strptime(text, '"%Y/%m/%d %H:%M"').replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)
    ]


def test_the_query_is_bounded_and_newest_first() -> None:
    asked = question(project_key='O"R\\B')
    assert issue_query(asked, None) == r'project = "O\"R\\B" ORDER BY updated DESC, id DESC'
    assert issue_query(asked, None, order=FIRST_CREATED).endswith(" ORDER BY created ASC, id ASC")


def test_all_conditions_of_a_question_stand_in_its_query() -> None:
    asked = question(
        since=5, start_date="2024-12-31", window=[86_400_000, None], base_search="type = Bug OR type = Task"
    )
    assert bounded(asked, None, until=9) == (
        'project = "ORB" AND updated >= 5 AND updated >= 1735603200000 AND updated <= 9 AND created >= 86400000'
        " AND (type = Bug OR type = Task)"
    )
    assert bounded(question(window=[None, 60_000]), None) == 'project = "ORB" AND created < 60000'


def test_data_center_gets_times_in_the_zone_of_the_account() -> None:
    since = milliseconds(datetime(2024, 7, 1, 12, 0, 59, tzinfo=UTC))
    asked = question(since=since, start_date="2024-06-01", window=[since, None])
    assert bounded(asked, NEW_YORK) == (
        'project = "ORB" AND updated >= "2024/07/01 08:00" AND updated >= "2024/06/01"'
        ' AND created >= "2024/07/01 08:00"'
    )


def test_where_clocks_go_back_a_lower_bound_is_moved_before_both_readings() -> None:
    # 01:30 comes twice on that day: at 05:30 and at 06:30 in UTC.
    early, late = (milliseconds(datetime(2025, 11, 2, hour, 30, tzinfo=UTC)) for hour in (5, 6))
    assert lower_bound(early, NEW_YORK) == '"2025/11/02 00:30"'
    assert lower_bound(late, NEW_YORK) == '"2025/11/02 01:30"'


@given(ZONES, INSTANTS)
def test_a_lower_bound_never_leaves_out_the_instant_however_it_is_read(name: str, instant: int) -> None:
    zone, wanted = ZoneInfo(name), datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=instant)
    readings = read_back(lower_bound(instant, zone), zone)
    assert max(readings) <= wanted
    # Nor does it read much more than it has to: a few hours where clocks change, else less than a minute.
    assert wanted - min(readings) < timedelta(days=1, hours=2)


def test_a_backfill_asks_for_what_was_updated_in_its_range() -> None:
    first, end = datetime(2024, 7, 1, 12, 0, 59, tzinfo=UTC), datetime(2024, 7, 2, 12, 0, 1, tzinfo=UTC)

    asked = narrowed(question(), first, end)

    assert (
        bounded(asked, None)
        == f'project = "ORB" AND updated >= {milliseconds(first)} AND updated < {milliseconds(end)}'
    )
    assert bounded(asked, NEW_YORK) == (
        'project = "ORB" AND updated >= "2024/07/01 08:00" AND updated < "2024/07/02 08:01"'
    )
    assert bounded(narrowed(question(), None, end), None) == f'project = "ORB" AND updated < {milliseconds(end)}'
    assert narrowed(question(), None, None) == question()


@given(ZONES, INSTANTS)
def test_an_upper_bound_never_leaves_out_what_is_before_the_instant_however_it_is_read(name: str, instant: int) -> None:
    zone, wanted = ZoneInfo(name), datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=instant)
    readings = read_back(upper_bound(instant, zone), zone)
    assert min(readings) >= wanted
    assert max(readings) - wanted < timedelta(days=1, hours=3)


@given(ZONES, INSTANTS)
def test_bounds_that_are_told_without_knowing_the_zone_leave_out_nothing_in_any(name: str, instant: int) -> None:
    zone, wanted = ZoneInfo(name), datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=instant)
    assert max(read_back(lower_bound(instant, UNKNOWN_ZONE), zone)) <= wanted
    assert min(read_back(upper_bound(instant, UNKNOWN_ZONE), zone)) >= wanted


def test_the_westernmost_zone_is_not_taken_for_an_unknown_one() -> None:
    assert upper_bound(0, ZoneInfo("Etc/GMT+12")) == '"1969/12/31 12:00"'


@pytest.mark.parametrize("name", ODD[:3])
def test_no_quarter_of_an_hour_is_lost_around_a_change_of_the_clocks(name: str) -> None:
    zone = ZoneInfo(name)
    days = [datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=number) for number in range(365)]
    changing = [day for day in days if zone.utcoffset(day) != zone.utcoffset(day + timedelta(days=1))]
    assert len(changing) >= 2
    for instant in (day + timedelta(minutes=15 * quarter) for day in changing for quarter in range(-96, 192)):
        assert min(read_back(upper_bound(milliseconds(instant), zone), zone)) >= instant
        readings = read_back(lower_bound(milliseconds(instant), zone), zone)
        assert max(readings) <= instant
        assert len(set(readings)) == 1 or max(readings) == instant


@given(ZONES, st.dates(date(1985, 1, 1), date(2040, 1, 1)), st.integers(1, 400))
def test_days_stay_in_order_as_bounds_of_windows(name: str, day: date, later: int) -> None:
    begin = milliseconds(datetime.combine(day, datetime.min.time(), UTC))
    assert cut(begin, ZoneInfo(name)) < cut(begin + later * 86_400_000, ZoneInfo(name))


def test_windows_that_meet_are_cut_at_the_same_text() -> None:
    older, newer = (bounded(question(window=window), SAMOA) for window in ([None, 86_400_000], [86_400_000, None]))
    assert older.split(" < ")[1] == newer.split(" >= ")[1] == '"1970/01/01 13:00"'


@pytest.mark.parametrize("day", ["2024-12-31", "20241231", "2025-W01-2"])
def test_a_start_date_means_the_same_day_however_iso_writes_it(day: str) -> None:
    asked = question(start_date=day)
    assert bounded(asked, NEW_YORK).endswith('updated >= "2024/12/31"')
    assert bounded(asked, None).endswith("updated >= 1735603200000")
