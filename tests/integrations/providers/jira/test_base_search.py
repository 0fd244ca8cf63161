"""JQL that people write stays within its parentheses."""

import pytest

from integrations.errors import Permanent
from integrations.provider import Connection
from integrations.providers.jira.base_search import checked_base_search


def written(text: str) -> Connection:
    return Connection(1, "Jira", {"base_search": text}, {})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "status = Open OR project = CD",
        "(status = Open AND (labels = a OR labels = b))",
        'summary ~ "a) OR (b"',
        "summary ~ 'ORDER BY (' AND labels in (x, y)",
        r'summary ~ "a \") b"',
        r"summary ~ a\(b",
        'summary ~ "it\'s"',
        "reorder = by AND border in (by)",
    ],
)
def test_what_keeps_its_shape_is_taken_as_it_is(text: str) -> None:
    assert checked_base_search(written(text)) == text


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("status = Open) OR (project = SECRET", "a parenthesis that is not opened"),
        ("(status = Open", "a parenthesis that is not closed"),
        ('summary ~ "a', "a quote that is not closed"),
        ("summary ~ 'a (", "a quote that is not closed"),
        ("status = Open ORDER BY created", "an ORDER BY"),
        ("status = Open order\n by created", "an ORDER BY"),
        ("summary ~ a\\", "a backslash at its end"),
    ],
)
def test_what_would_break_out_is_refused_by_name_and_value(text: str, fault: str) -> None:
    with pytest.raises(Permanent, match="setting base_search is ") as raised:
        checked_base_search(written(text))
    assert repr(text) in str(raised.value)
    assert fault in str(raised.value)
