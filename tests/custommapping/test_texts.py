"""What a value becomes: the text and the number."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from custommapping.texts import to_number, to_text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, Decimal(5)), (0, Decimal(0)), (3.5, Decimal("3.5")), (-1, Decimal(-1)), ("8", Decimal(8)),
        (" 2.5 ", Decimal("2.5")), ("0", Decimal(0)), (0.1, Decimal("0.1")),
        (None, None), ("", None), ("five", None), (True, None), (False, None), ([5], None), ({"value": 5}, None),
        (float("nan"), None), (float("inf"), None), ("NaN", None), ("-Infinity", None),
        ("0.0", Decimal(0)), ("-1", Decimal(-1)), ("1_000", None), ("3,5", None), ("2019-08-12", None),
        (99_999_999_999_998, Decimal(99_999_999_999_998)), (10**14, None), (-(10**14), None), (1e20, None),
        ("1e999999", None), ("1e-999999", None), (5e-324, Decimal("5e-324")),
    ],
)  # fmt: skip
def test_a_number_is_read_from_numbers_and_their_text_and_from_nothing_else(
    value: Any, expected: Decimal | None
) -> None:
    assert to_number(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain", "plain"), (" kept ", " kept "), (5, "5"), (5.0, "5"), (2.5, "2.5"), (0, "0"), (0.0, "0"),
        (-3.0, "-3"),
        (True, "true"), (False, "false"), (None, None), ("", None), ([], None), ({}, None), ([None, ""], None),
        ({"self": "…", "value": "Blue", "id": "10"}, "Blue"),
        ({"accountId": "a", "displayName": "Zoe"}, "Zoe"),
        ({"id": "36885", "name": "Falcons", "title": "The Falcons"}, "Falcons"),
        ({"key": "ABC"}, "ABC"), ({"id": 7}, "7"), ({"value": 0}, "0"), ({"value": None, "name": "x"}, "x"),
        ({"value": [], "name": "x"}, "x"),
        ({"value": "Europe", "child": {"value": "France", "child": {"value": "Paris"}}}, "Europe / France / Paris"),
        ({"value": "Europe", "child": {}}, "Europe"), ({"value": "Europe", "child": None}, "Europe"),
        ([{"value": "a"}, {"value": "b"}], "a, b"), (["a", 2, 3.0], "a, 2, 3"), ([{}, "a"], "a"),
        ({"unknown": "shape"}, None),
        ({"name": "ada", "key": "JIRAUSER10100", "displayName": "Ada Quill"}, "Ada Quill"),
        ({"accountId": "5b10"}, "5b10"), ({"accountId": "5b10", "displayName": ""}, "5b10"),
        ([{"id": 15, "name": "Sprint 1", "state": "closed"}, {"id": 16, "name": "Sprint 2"}], "Sprint 1, Sprint 2"),
        ("36885b3c-1bf0-4f85-a357-c5b858c31de4", "36885b3c-1bf0-4f85-a357-c5b858c31de4"),
        ({"id": "36885", "name": "", "title": "The Falcons", "isShared": False}, "The Falcons"),
        ({"showField": False, "nonEditableReason": {"reason": "PLUGIN_LICENSE_ERROR"}}, None),
        ("0.0", "0.0"), (" ", None), ("\n\t", None), ([" ", "a"], "a"), ({"value": " ", "name": "x"}, "x"),
        (1e20, "1" + "0" * 20), (1e300, "1" + "0" * 300), (-2.5e-7, "-0.00000025"), (-0.0, "0"), (0.1, "0.1"),
        (float("nan"), "nan"), (1000000.0, "1000000"),
        ({"self": "…", "id": "10001", "key": "PAY", "name": "Payments", "projectTypeKey": "software"}, "Payments"),
        ({"self": "…", "id": "10100", "name": "2.4.0", "archived": False, "releaseDate": "2024-12-31"}, "2.4.0"),
        ({"name": "jira-users", "groupId": "5b1", "self": "…"}, "jira-users"),
        ({"languageCode": "de", "displayName": "Deutsch"}, "Deutsch"),
        ({"id": 12, "value": "Acme Billing"}, "Acme Billing"), ({"id": 12, "key": "ACME", "name": "Acme"}, "Acme"),
        ({"id": "10042", "key": "PAY-1", "fields": {"summary": "x"}}, "PAY-1"),
        ([{"value": "a", "child": {"value": "b"}}, {"value": "c"}], "a / b, c"),
    ],
)  # fmt: skip
def test_a_text_is_what_a_person_would_read(value: Any, expected: str | None) -> None:
    assert to_text(value) == expected


def test_what_is_larger_than_any_column_of_numbers_is_text_alone() -> None:
    assert (to_number(10**5000), to_number("9" * 100_000)) == (None, None)
    assert to_text(10**5000) == "1" + "0" * 5000
    assert to_text("x" * 1_000_000) == "x" * 1_000_000


def test_what_is_nested_deeper_than_anybody_reads_has_no_text_and_stops_nobody() -> None:
    lists: Any = "a"
    names: Any = "a"
    options: Any = {"value": "a"}
    for _ in range(10_000):
        lists, names, options = [lists], {"value": names}, {"value": "a", "child": options}

    assert (to_text(lists), to_text(names)) == (None, None)
    assert to_text([names, "b"]) == "b"
    assert str(to_text(options)).startswith("a / a / a")


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.sampled_from(["value", "name", "child", "x"]), inner)),
    max_leaves=8,
)


@given(value=_JSON)
def test_any_value_becomes_a_stable_text_that_is_not_empty_or_none(value: Any) -> None:
    found = to_text(value)

    assert found is None or found
    assert to_text(found) == found


@given(value=_JSON)
def test_any_value_becomes_a_finite_number_or_none(value: Any) -> None:
    found = to_number(value)

    assert found is None or found.is_finite()


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("2024-12-31T10:00:00.000+0100", "2024-12-31T09:00:00Z"), ("2024-12-31T10:00:00+01:00", "2024-12-31T09:00:00Z"),
        ("2024-12-31T09:00:00.999Z", "2024-12-31T09:00:00Z"), ("2024-12-31T09:00:00Z", "2024-12-31T09:00:00Z"),
        ("2025-01-01T05:30:00.000+0530", "2025-01-01T00:00:00Z"),
        ("2024-12-31T23:30:00.5-0930", "2025-01-01T09:00:00Z"),
        ("0001-01-01T00:00:00.000+0100", "0001-01-01T00:00:00.000+0100"),
        ("9999-12-31T23:59:59.000-0100", "9999-12-31T23:59:59.000-0100"),
        ("2024-02-30T10:00:00.000+0100", "2024-02-30T10:00:00.000+0100"),
        ("2024-12-31", "2024-12-31"), ("2024-12-31T10:00:00", "2024-12-31T10:00:00"),
        ("2024-12-31 10:00:00+0100", "2024-12-31 10:00:00+0100"),
        ("at 2024-12-31T09:00:00Z", "at 2024-12-31T09:00:00Z"),
        ("٢٠٢٤-12-31T09:00:00Z", "٢٠٢٤-12-31T09:00:00Z"),
    ],
)  # fmt: skip
def test_an_instant_is_told_in_utc_whatever_zone_the_site_writes(written: str, text: str) -> None:
    assert to_text(written) == text
    assert to_text([written, {"value": written}]) == f"{text}, {text}"


@given(st.datetimes(timezones=st.timezones()))
def test_an_instant_is_the_same_text_in_every_zone(moment: datetime) -> None:
    assume(2 <= moment.year <= 9998)
    zones = (UTC, timezone(timedelta(hours=9, minutes=30)), timezone(timedelta(hours=-11)))

    assert len({to_text(moment.astimezone(zone).isoformat(timespec="milliseconds")) for zone in zones}) == 1


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_written_with_digits_alone_and_is_the_same_number(value: float) -> None:
    text = str(to_text(value))

    assert float(text) == value
    assert set(text) <= set("0123456789.-")
    assert not text.endswith(".0")
