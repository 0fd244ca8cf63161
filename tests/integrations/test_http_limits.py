"""What headers say of limits: as Jira Cloud, its gateway and Data Center write them, and as nobody should."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.http_limits import LONGEST_WAIT_SECONDS, is_limit, quota, spent_seconds, wait_seconds

DATE = datetime(2026, 3, 26, 15, 58, tzinfo=UTC)
IN_90 = format_datetime(DATE + timedelta(seconds=90), usegmt=True)
BEFORE = format_datetime(DATE - timedelta(seconds=90), usegmt=True)
QUOTA = '"global-app-quota";r=0;t=600'


def answered(headers: dict[str, str]) -> httpx.Headers:
    return httpx.Headers({"date": format_datetime(DATE, usegmt=True), **headers})


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "2.5"}, 2.5),
        ({"retry-after": IN_90}, 90),
        ({"retry-after": BEFORE}, 0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "99999999999"}, LONGEST_WAIT_SECONDS),
        ({"retry-after": "2, 7"}, 7),
        ({"retry-after": "2, soon"}, None),
        ({"x-ratelimit-reset": "2026-03-26T16:00Z"}, 120),
        ({"x-ratelimit-reset": "2026-03-26T17:00:30+01:00"}, 150),
        ({"x-ratelimit-reset": str(int(DATE.timestamp()) + 45)}, 45),
        ({"x-ratelimit-reset": "45"}, 45),
        ({"x-ratelimit-reset": "0"}, None),
        ({"x-ratelimit-reset": "2026-03-26T15:00Z"}, None),
        ({"x-ratelimit-reset": "999999999999999"}, None),
        ({"x-ratelimit-reset": "45", "x-ratelimit-remaining": "0"}, 45),
        ({"x-ratelimit-reset": "45", "x-ratelimit-remaining": "4711"}, None),
        ({"retry-after": "3", "x-ratelimit-reset": "2026-03-26T16:00Z"}, 3),
        ({"retry-after": "soon", "x-ratelimit-reset": "2026-03-26T16:00Z"}, 120),
        ({"ratelimit": QUOTA}, 600),
        ({"ratelimit": f'"burst";r=0;t=1, {QUOTA}, "other";r=9;t=3600'}, 600),
        ({"ratelimit": '"a, b";t=30;r=0'}, 30),
        ({"ratelimit": "default; r=0 ; t=20"}, 20),
        ({"ratelimit": '"global-app-quota";r=11000;t=600'}, None),
        ({"ratelimit": '"global-app-quota";t=600'}, None),
        ({"retry-after": "2", "ratelimit": QUOTA}, 2),
        ({"x-ratelimit-interval-seconds": "5", "x-ratelimit-fillrate": "10"}, 5),
    ],
)
def test_the_waiting_time_is_read_by_the_clock_of_the_site(headers: dict[str, str], seconds: float | None) -> None:
    assert wait_seconds(answered(headers)) == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "30"}, None),
        ({"x-ratelimit-reset": "2026-03-26T16:00Z"}, None),
        ({"x-ratelimit-remaining": "0"}, None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "2026-03-26T16:00Z"}, 120),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "2026-03-26T15:00Z"}, None),
        ({"x-ratelimit-remaining": "-3", "x-ratelimit-reset": "2026-03-26T16:00Z"}, 120),
        ({"x-ratelimit-remaining": "none", "x-ratelimit-reset": "2026-03-26T16:00Z"}, None),
        ({"x-ratelimit-remaining": "7", "x-ratelimit-reset": "2026-03-26T16:00Z"}, None),
        ({"x-ratelimit-remaining": "7", "x-ratelimit-interval-seconds": "5", "retry-after": "0"}, None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-interval-seconds": "5"}, 5),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-interval-seconds": "5", "retry-after": "3"}, 3),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-interval-seconds": "5", "retry-after": "0"}, None),
        ({"ratelimit": QUOTA}, 600),
        ({"ratelimit": '"global-app-quota";r=0;t=999999999'}, LONGEST_WAIT_SECONDS),
        ({"beta-ratelimit": QUOTA}, None),
        ({"x-ratelimit-nearlimit": "true", "ratelimit-policy": '"global-app-quota";q=65000;w=3600'}, None),
    ],
)
def test_a_good_answer_is_a_limit_only_where_nothing_is_left(headers: dict[str, str], seconds: float | None) -> None:
    assert spent_seconds(answered(headers)) == seconds


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, False),
        ({"retry-after": "30"}, True),
        ({"retry-after": "0"}, False),
        ({"retry-after": "soon"}, False),
        ({"x-ratelimit-remaining": "0"}, True),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "45"}, True),
        ({"x-ratelimit-remaining": "7", "x-ratelimit-reset": "45"}, False),
        ({"x-ratelimit-remaining": "7", "x-ratelimit-interval-seconds": "5", "retry-after": "0"}, False),
    ],
)
def test_a_refusal_is_one_of_a_limit_where_it_says_when_to_come_or_nothing_is_left(
    headers: dict[str, str], expected: bool
) -> None:
    assert is_limit(answered(headers)) is expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"x-ratelimit-limit": "100", "x-ratelimit-remaining": "many"}, None),
        ({"beta-ratelimit": '"global-app-quota";r=7;t=600'}, None),
        ({"x-ratelimit-remaining": "7"}, (7, None, "")),
        ({"x-ratelimit-limit": "100", "x-ratelimit-remaining": "7"}, (7, 100, "")),
        ({"x-ratelimit-limit": "100", "x-ratelimit-remaining": "-3"}, (0, 100, "")),
        (
            {"x-ratelimit-limit": "5000", "x-ratelimit-remaining": "4999", "x-ratelimit-resource": "graphql"},
            (4999, 5000, "graphql"),
        ),
        (
            {
                "ratelimit-policy": '"tenant, quota";q=65000;w=3600, burst;q=100;w=1',
                "ratelimit": '"tenant, quota";r=11000;t=600, burst;r=90;t=1',
            },
            (11000, 65000, "tenant, quota"),
        ),
        ({"ratelimit": '"global-app-quota";r=7;t=600', "x-ratelimit-remaining": "0"}, (0, None, "")),
    ],
)
def test_of_several_budgets_that_counts_of_which_the_smallest_part_is_left(
    headers: dict[str, str], expected: tuple[int, int | None, str] | None
) -> None:
    found = quota(answered(headers))
    assert (found and (found.left, found.limit, found.name)) == expected


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-ratelimit-reset": "2026-03-26T16:00Z"}, 120),
        ({"x-ratelimit-reset": str(int(DATE.timestamp()) + 90)}, 90),
        ({"x-ratelimit-reset": "45"}, 45),
        ({"x-ratelimit-reset": "2026-03-26T15:00Z"}, None),
        ({"x-ratelimit-interval-seconds": "5"}, None),
        ({}, None),
    ],
)
def test_a_budget_is_full_again_when_the_site_says_by_its_own_clock(
    headers: dict[str, str], seconds: float | None
) -> None:
    found = quota(answered({"x-ratelimit-remaining": "7", **headers}))
    assert found is not None
    left = found.resets_at and (found.resets_at - datetime.now(UTC)).total_seconds()
    assert left == (None if seconds is None else pytest.approx(seconds, abs=20))


NAMES = [
    "retry-after",
    "x-ratelimit-reset",
    "x-ratelimit-remaining",
    "x-ratelimit-limit",
    "x-ratelimit-interval-seconds",
    "ratelimit",
    "date",
]
VALUES = st.one_of(st.binary(max_size=40), st.from_regex(rb'"q";r=0;t=[0-9]+|[0-9]+', fullmatch=True))


@given(st.dictionaries(st.sampled_from(NAMES), VALUES))
def test_no_header_makes_anybody_fail_or_wait_for_more_than_a_day(headers: dict[str, bytes]) -> None:
    answer = httpx.Headers([(name.encode(), value) for name, value in headers.items()])
    for seconds in (wait_seconds(answer), spent_seconds(answer)):
        assert seconds is None or 0 <= seconds <= LONGEST_WAIT_SECONDS
    told = quota(answer)
    assert told is None or told.left >= 0
