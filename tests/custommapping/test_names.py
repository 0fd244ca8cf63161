"""What is a name, and what is none."""

from typing import Any

import pytest

from custommapping.names import name_problem


@pytest.mark.parametrize("name", ["Build", "In review", "Überprüfung", "审查", "می‌خواهم", "👩‍💻", "x" * 20])
def test_a_name_is_any_text_in_one_line(name: str) -> None:
    assert name_problem(name, 20) is None


@pytest.mark.parametrize(
    "name", ["", " ", " Build", "Build ", "a\nb", "a\tb", "a\x00", "\ud800", "x" * 21, None, 3, []]
)
def test_what_is_no_name_is_told_with_its_value(name: Any) -> None:
    assert (
        name_problem(name, 20) == f"{name!r} must be text in one line of 1 to 20 characters, without spaces around it"
    )


def test_a_long_value_is_cut() -> None:
    assert len(name_problem("x" * 10_000, 20) or "") < 200
