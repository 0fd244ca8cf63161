from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.providers.jira.readable import readable

from .samples import issue, record


def sprint(*parts: str) -> str:
    return f"com.atlassian.greenhopper.service.sprint.Sprint@38c6bd04[{','.join(parts)}]"


@pytest.mark.parametrize(
    ("written", "name"),
    [
        (sprint("id=1", "rapidViewId=2", "state=ACTIVE", "name=One", "goal=", "startDate=<null>", "sequence=1"), "One"),
        (sprint("id=1", "state=CLOSED", "name=One", "startDate=2018-05-09T06:39:30.147Z", "goal=<null>"), "One"),
        (sprint("id=1", "rapidViewId=2", "state=ACTIVE", "name=a,b]c", "completeDate=<null>"), "a,b]c"),
        (sprint("id=1", "name=a,b]"), "a,b]"),
        (sprint("id=1", "state=ACTIVE", "name=a,id=7,state=b,name=c", "startDate=<null>"), "a,id=7,state=b,name=c"),
        (sprint("id=1", "name=a[goal=b]", "goal=c"), "a[goal=b]"),
        (sprint("id=1", "name=[x], y=z, id=5", "endDate=<null>"), "[x], y=z, id=5"),
        (sprint("id=1", "name=two\nlines", "goal=win, name=all"), "two\nlines"),
        (sprint("id=17", "state=FUTURE", "name=", "goal=x"), "17"),
        (sprint("rapidViewId=2", "id=17", "name=<null>"), "17"),
        (sprint("state=FUTURE"), sprint("state=FUTURE")),
    ],
)
def test_a_sprint_of_data_center_is_known_by_its_name(written: str, name: str) -> None:
    assert readable(written) == name


def test_all_sprints_are_kept_in_their_order() -> None:
    assert readable([sprint("id=2", "name=B, late"), sprint("id=1", "name=A")]) == "B, late, A"
    assert readable([sprint("id=2", "name=B"), "plain"]) == "B, plain"


def test_a_user_that_an_app_writes_twice_is_read_once() -> None:
    assert readable("sample.user(sample.user)") == "sample.user"
    assert readable(["a+1(a+1)", "b(b)"]) == "a+1, b"


def test_a_document_is_its_text() -> None:
    paragraph = {"type": "paragraph", "content": [{"type": "text", "text": "Hello"}]}
    assert readable({"type": "doc", "version": 1, "content": [paragraph, paragraph]}) == "Hello\nHello"
    assert readable({"type": "doc", "version": 1, "content": []}) == ""


@pytest.mark.parametrize(
    "value",
    [
        None, 0, 5.0, True, "", "()", "x()", "(x)", "ab(ba)", "f(x)", "a)", "x]", [], ["a", "b"], [None], {},
        {"type": "doc"}, {"type": "doc", "content": "x"}, {"type": "option", "value": "doc"}, {"value": "x"},
        [{"id": 1, "name": "One"}], ["a(a)", 5], ["a(a)", {"value": "x"}],
    ],
)  # fmt: skip
def test_any_other_form_is_left_to_those_who_read_names(value: Any) -> None:
    assert readable(value) is None


def test_a_long_text_of_brackets_is_read_in_linear_time() -> None:
    assert readable("(" * 500_000 + ")" * 500_000) is None
    assert readable(sprint("name=" + ",name" * 200_000)) == ",name" * 200_000


@given(st.text())
def test_a_name_comes_back_as_it_was_written(name: str) -> None:
    assert readable(sprint("id=1", f"name={name}", "goal=x")) == (name or "1")
    assert readable(f"{name}({name})") == (name or None)


def test_an_issue_keeps_the_value_and_its_text() -> None:
    written = [sprint("id=1", "name=One")]
    found = record(issue(customfield_1=written, customfield_2={"value": "x"}, customfield_3=5))

    assert found.custom == {"customfield_1": written, "customfield_2": {"value": "x"}, "customfield_3": 5}
    assert found.custom_texts == {"customfield_1": "One"}
