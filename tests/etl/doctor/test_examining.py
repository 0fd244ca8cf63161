"""The examinations stand side by side: what is broken breaks no other."""

from collections.abc import Callable

import pytest
from django.db import OperationalError

from etl.doctor import EXAMINATIONS, examine
from etl.doctor.results import Examination, Found, State, failed, ok, warning
from etl.queue.broker import BrokerUnavailable

pytestmark = pytest.mark.django_db


def seen(found: Found) -> Callable[[], Found]:
    return lambda: found


def test_an_examination_that_breaks_is_a_failure_and_the_others_go_on() -> None:
    def broken() -> Found:
        raise ZeroDivisionError("by zero")

    found = examine([Examination("a", broken), Examination("b", seen(ok("fine")))])
    assert (found["a"].state, found["a"].said) == (State.FAILED, "ZeroDivisionError: by zero")
    assert found["a"].advice
    assert found["b"] == ok("fine")


@pytest.mark.parametrize("error", [OperationalError("gone\nfor good"), BrokerUnavailable("gone\nfor good")])
def test_a_service_that_goes_away_meanwhile_is_told_in_one_line(error: Exception) -> None:
    def broken() -> Found:
        raise error

    found = examine([Examination("a", broken), Examination("b", seen(ok("fine")))])
    assert (found["a"].state, found["a"].said) == (State.FAILED, "gone for good")
    assert found["a"].advice.startswith("it answered a moment ago")
    assert found["b"].state is State.OK


def test_a_package_that_is_missing_is_told_so() -> None:
    def lacking() -> Found:
        raise ModuleNotFoundError("No module named 'x'")

    assert "pip install" in examine([Examination("a", lacking)])["a"].advice


def test_what_needs_something_broken_is_left_out_and_what_needs_that_too() -> None:
    found = examine(
        [
            Examination("a", seen(failed("no", "do"))),
            Examination("b", seen(ok("never")), ("a",)),
            Examination("c", seen(ok("never")), ("b",)),
            Examination("d", seen(warning("so so", "do"))),
            Examination("e", seen(ok("fine")), ("d",)),
        ]
    )
    assert [one.state for one in found.values()] == ["failed", "skipped", "skipped", "warning", "ok"]
    assert found["b"].said == "needs: a"


def test_each_examination_needs_only_what_comes_before_it() -> None:
    names: list[str] = []
    for examination in EXAMINATIONS:
        assert set(examination.needs) <= set(names), examination.name
        names.append(examination.name)
