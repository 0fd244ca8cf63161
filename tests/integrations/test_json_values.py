from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.json_values import UnreadableError, described, flag, instant, listing, section


def test_a_value_of_the_right_kind_is_given_as_it_is() -> None:
    holder: dict[str, Any] = {"a": {"x": 1}, "b": [None], "c": True, "d": None}
    assert section(holder, "a") is holder["a"]
    assert listing(holder, "b") is holder["b"]
    assert (flag(holder, "c"), flag(holder, "d"), flag(holder, "e")) == (True, False, False)


@pytest.mark.parametrize(
    ("read", "value", "words"),
    [
        (section, [], "issue.x is [], not an object"),
        (section, None, "issue.x is missing, not an object"),
        (listing, {}, "issue.x is {}, not an array"),
        (flag, 0, "issue.x is 0, not true or false"),
        (flag, 10**400, "issue.x is a huge number, not true or false"),
        (instant, "soon", "issue.x is 'soon', not a date and time with its zone in the years 1 to 9999"),
        (instant, 5, "issue.x is 5, not a date and time with its zone in the years 1 to 9999"),
    ],
)
def test_any_other_is_named_with_its_place(read: Any, value: Any, words: str) -> None:
    with pytest.raises(UnreadableError) as refused:
        read({"x": value}, "x", "issue")
    assert (refused.value.path, refused.value.reason, str(refused.value)) == ("issue.x", words, words)
    assert refused.value.under("page").path == "page.issue.x"


def test_a_long_value_is_cut_in_the_message() -> None:
    with pytest.raises(UnreadableError) as refused:
        section({"x": "y" * 1_000_000}, "x")
    assert len(refused.value.reason) < 200


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2025-03-01T09:00:00Z", datetime(2025, 3, 1, 9, tzinfo=UTC)),
        ("2025-03-01T09:00:00.193+0100", datetime(2025, 3, 1, 8, 0, 0, 193_000, tzinfo=UTC)),
        ("2025-03-01 09:00:00-07:00", datetime(2025, 3, 1, 16, tzinfo=UTC)),
    ],
)
def test_an_instant_is_in_utc_however_it_is_written(written: str, expected: datetime) -> None:
    found = instant({"x": written}, "x")
    assert found == expected
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    "written",
    ["2025-03-01T09:00:00", "2025-03-01", "12017-01-01T00:00:00Z", "0001-01-01T00:00:00+01:00", ""],
)
def test_what_no_calendar_has_or_has_no_zone_is_no_instant(written: str) -> None:
    with pytest.raises(UnreadableError):
        instant({"x": written}, "x")


def test_what_was_found_instead_is_described_in_a_few_words() -> None:
    assert described({"b": 1, "a": 2}) == "an object of a, b"
    assert described({}) == "an object of nothing"
    assert described([1]) == "of type list"
    assert described({str(number): 0 for number in range(99)}).count(",") == 9
