"""Errors that are alike have one cause."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.letters.causes import LONGEST, cause_of


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        ("Jira: jira_dev_status: 403 Forbidden", "Jira: jira_dev_status: # Forbidden"),
        ("tenant_id is 'one', not a whole number", "tenant_id is *, not a whole number"),
        ('the site said "no such issue" of ABC-12', "the site said * of #"),
        ("GET https://acme.example/rest/api/3/issue/10001?x=1 answered 500", "GET * answered #"),
        (
            "raw row 789 cannot be parsed: line 1 column 2 (char 1)",
            "raw row # cannot be parsed: line # column # (char #)",
        ),
        ("job_id 3 is not a job of tenant_id 4", "job_id # is not a job of tenant_id #"),
        ("point 6f9619ff-8b86-d011-b42d-00c04fc964ff is gone", "point # is gone"),
        ("commit 9fceb02d0ae598e95dc970b74767f19372d61af8 is gone", "commit # is gone"),
        ("no row [1, 2, 3] in qdrant_vectors can be seen", "no row [#] in qdrant_vectors can be seen"),
        ("projects ABC-1, ABC-2 and 'x', 'y'", "projects # and *"),
        ("the body is not JSON: b'\\xff'", "the body is not JSON: *"),
        ("it isn't there, it can't be", "it isn't there, it can't be"),
        ("customfield_10001 is none", "customfield_# is none"),
        ("waited 1.5 s, until 12:30:01", "waited # s, until #"),
        ("\n  first line  \nsecond 2", "first line"),
        ("", ""),
        ("the added facade", "the added facade"),
    ],
)
def test_what_is_an_errors_own_is_left_out(error: str, cause: str) -> None:
    assert cause_of(error) == cause


@given(st.text(max_size=400))
def test_a_cause_is_short_and_one_line_without_a_number(error: str) -> None:
    cause = cause_of(error)

    assert len(cause) <= LONGEST
    assert "\n" not in cause
    assert not any(character in "0123456789" for character in cause)


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_errors_that_differ_in_numbers_only_are_alike(one: int, other: int) -> None:
    assert cause_of(f"unit {one} of run {other} failed") == cause_of(f"unit {other} of run {one} failed")
