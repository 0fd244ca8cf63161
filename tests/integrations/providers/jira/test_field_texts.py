"""The text of every type of custom field, as Cloud and as Data Center write it: the table of docs/custom-fields.md."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custommapping.texts import to_text
from integrations.providers.jira.app_values import app_text, interval_text
from integrations.providers.jira.issues import custom_values

HOST = "https://jira.example.com/rest/api"


def text_of(value: Any) -> str | None:
    """As a load makes it: the provider's text, else the value's own."""
    custom, texts = custom_values({"customfield_1": value})
    return to_text(texts.get("customfield_1", custom.get("customfield_1")))


def option(value: str, **more: Any) -> dict[str, Any]:
    return {"self": f"{HOST}/customFieldOption/1", "value": value, "id": "1", **more}


def person(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """As Cloud and as Data Center write it."""
    cloud = {"self": f"{HOST}/user?accountId=5b1", "accountId": "5b1", "displayName": name, "accountType": "atlassian"}
    return cloud, {"self": f"{HOST}/user", "name": "ada", "key": "JIRAUSER1", "displayName": name, "active": True}


def document(*lines: str) -> dict[str, Any]:
    content = [{"type": "paragraph", "content": [{"type": "text", "text": line}]} for line in lines]
    return {"type": "doc", "version": 1, "content": content}


def cycle(started: int = 1, **more: Any) -> dict[str, Any]:
    time = {"iso8601": "2024-12-31T10:00:00+0100", "friendly": "Today 10:00", "epochMillis": started}
    return {"startTime": time, "goalDuration": {"millis": 14400000, "friendly": "4h"}, **more}


def level(*completed: Any, ongoing: Any = None) -> dict[str, Any]:
    known = {"id": "17", "name": "Time to resolution", "_links": {"self": HOST}, "completedCycles": list(completed)}
    return known | ({"ongoingCycle": ongoing} if ongoing else {})


def sprint(name: str) -> str:
    return f"com.atlassian.greenhopper.service.sprint.Sprint@1[id=1,rapidViewId=2,state=ACTIVE,name={name},goal=]"


ADA, ADA_AT_HOME = person("Ada Quill")
ZOE, ZOE_AT_HOME = person("Zoe")
APPROVAL = {"id": "1", "name": "Waiting for approval", "canAnswerApproval": True, "approvers": [{"approver": ADA}]}
REQUEST = {
    "_links": {"web": "https://acme.atlassian.net/servicedesk/customer/portal/1/IT-1"},
    "requestType": {"id": "25", "name": "Get IT help", "description": "…", "portalId": "1", "issueTypeId": "10012"},
    "currentStatus": {"status": "Waiting for support", "statusDate": {"friendly": "Today"}},
}
PULL_REQUEST = '{pullrequest={dataType=pullrequest, state=OPEN, stateCount=1}, json={"cachedValue":{}}}'
BEAN = (
    "{summaryBean=com.atlassian.jira.plugin.devstatus.rest.SummaryBean@1[summary={branch=x[overall=y[count=%s,"
    "lastUpdated=<null>]]},errors=[],configErrors=[]], devSummaryJson={}}"
)
Form = tuple[str, Any, Any, str | None]


def alike(kind: str, value: Any, text: str | None) -> Form:
    """A type that both write alike."""
    return kind, value, value, text


FORMS: list[Form] = [
    # (type, as Cloud writes it, as Data Center writes it, text)
    ("text", "4.12.0", "4.12.0", "4.12.0"),
    ("text that is empty", "", None, None),
    ("rich text", document("One", "Two"), "One\nTwo", "One\nTwo"),
    ("rich text that is empty", document(), "", None),
    ("number", 5.0, 5, "5"),
    ("fraction", 2.5, 2.5, "2.5"),
    ("large number", 1e6, 1000000, "1000000"),
    ("date", "2024-12-31", "2024-12-31", "2024-12-31"),
    ("date-time", "2024-12-31T10:00:00.000+0100", "2024-12-31T04:00:00.000-0500", "2024-12-31T09:00:00Z"),
    ("option", option("Blue"), option("Blue", disabled=False), "Blue"),
    ("options", [option("Blue"), option("Red")], [option("Blue", disabled=False), option("Red")], "Blue, Red"),
    ("cascade", option("Europe", child=option("France")), option("Europe", child=option("France")), "Europe / France"),
    ("cascade, parent alone", option("Europe"), option("Europe", child=None), "Europe"),
    ("user", ADA, ADA_AT_HOME, "Ada Quill"),
    ("users", [ADA, ZOE], [ADA_AT_HOME, ZOE_AT_HOME], "Ada Quill, Zoe"),
    ("group", {"name": "it", "groupId": "27", "self": HOST}, {"name": "it", "self": HOST}, "it"),
    ("groups", [{"name": "it", "groupId": "27"}, {"name": "hr"}], [{"name": "it"}, {"name": "hr"}], "it, hr"),
    ("version", {"id": "1", "name": "2.4", "archived": False}, {"id": "1", "name": "2.4", "released": True}, "2.4"),
    ("versions", [{"id": "1", "name": "2.4"}, {"id": "2", "name": "3"}], [{"name": "2.4"}, {"name": "3"}], "2.4, 3"),
    ("component", [{"id": "1", "name": "Web"}], [{"id": "1", "name": "Web", "description": "x"}], "Web"),
    alike("project", {"id": "1", "key": "PAY", "name": "Payments"}, "Payments"),
    ("labels", ["a", "b"], ["a", "b"], "a, b"),
    ("sprints", [{"id": 1, "name": "One"}, {"id": 2, "name": "Two"}], [sprint("One"), sprint("Two")], "One, Two"),
    ("epic link", "PAY-1", "PAY-1", "PAY-1"),
    ("rank", "0|i0000r:r", "0|i0000r:r", "0|i0000r:r"),
    ("team", {"id": "36885b3c", "name": "Falcons", "avatarUrl": ""}, {"id": 3, "title": "Falcons"}, "Falcons"),
    (
        "parent link",
        {"hasEpicLinkFieldDependency": False, "showField": True, "data": {"id": 10004, "key": "PLAN-1"}},
        "PLAN-1",
        "PLAN-1",
    ),
    (
        "parent link without a licence",
        {"hasEpicLinkFieldDependency": False, "showField": False, "nonEditableReason": {"reason": "LICENSE"}},
        None,
        None,
    ),
    ("boolean", True, True, "true"),
    ("boolean, no", False, False, "false"),
    ("request type", REQUEST, REQUEST, "Get IT help"),
    ("request type without a name", {"requestType": {"id": 25}}, {"requestType": {"id": "25"}}, "25"),
    ("organisations", [{"id": "1", "name": "Acme", "uuid": "x"}], [{"id": "1", "name": "Acme", "_links": {}}], "Acme"),
    ("SLA that runs", level(ongoing=cycle()), level(ongoing=cycle(breached=False, paused=False)), "running"),
    alike("SLA that is paused", level(ongoing=cycle(paused=True, breached=False)), "paused"),
    alike("SLA that is breached", level(ongoing=cycle(paused=True, breached=True)), "breached"),
    alike("SLA that was met", level(cycle(breached=False)), "met"),
    alike("SLA that was missed", level(cycle(2, breached=True), cycle(1, breached=False)), "breached"),
    alike("SLA that was met last", level(cycle(1, breached=True), cycle(2, breached=False)), "met"),
    alike("SLA that runs anew", level(cycle(breached=True), ongoing=cycle(breached=False)), "running"),
    ("SLA that never began", level(), level(), None),
    (
        "approvals",
        [APPROVAL | {"finalDecision": "approved"}, APPROVAL | {"name": "Board", "finalDecision": "pending"}],
        [APPROVAL | {"finalDecision": "approved"}, APPROVAL | {"name": "Board", "finalDecision": "pending"}],
        "Waiting for approval: approved, Board: pending",
    ),
    ("satisfaction", {"rating": 5}, {"rating": 5, "comment": "x"}, "5"),
    ("language", {"languageCode": "de", "displayName": "Deutsch"}, {"displayName": "Deutsch"}, "Deutsch"),
    ("asset", [{"label": "Server 1", "objectKey": "IT-1", "id": "w:1"}], ["Server 1 (IT-1)"], "Server 1 (IT-1)"),
    ("asset by its key", [{"objectKey": "IT-1", "objectId": "1"}], ["IT-1"], "IT-1"),
    ("asset by its id", [{"workspaceId": "w", "id": "w:12", "objectId": "12"}], ["12"], "12"),
    ("Tempo account", {"id": 12, "value": "Acme Billing"}, {"id": 12, "key": "AB", "name": "Acme Billing"},
     "Acme Billing"),
    ("Tempo team", {"id": 5, "name": "Web"}, {"id": 5, "name": "Web"}, "Web"),
    ("issue", {"id": "1", "key": "PAY-1", "fields": {"summary": "x"}}, "PAY-1", "PAY-1"),
    ("interval", '{"start":"2024-10-01","end":"2024-12-31"}', "2024-10-01/2024-12-31", "2024-10-01/2024-12-31"),
    ("development", PULL_REQUEST, BEAN % 1, "true"),
    ("development, none", "{}", BEAN % 0, None),
    ("checklist", [{"id": 1, "name": "Plan", "checked": True}, {"id": 2, "name": "Do"}], ["Plan", "Do"], "Plan, Do"),
    ("object of an unknown shape", {"amount": 5, "currency": "EUR"}, {"amount": 5}, None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("cloud", "data_center", "text"), [form[1:] for form in FORMS], ids=[form[0] for form in FORMS]
)
def test_a_field_has_the_same_text_on_both_kinds_of_site(cloud: Any, data_center: Any, text: str | None) -> None:
    assert (text_of(cloud), text_of(data_center)) == (text, text)


@pytest.mark.parametrize(
    "value",
    [
        {}, option("x", requestType={"name": "y"}), {"name": "x", "rating": 5}, {"workspaceId": "w"},
        {"name": "x", "completed": []},
    ],
)  # fmt: skip
def test_an_object_of_another_form_is_left_to_those_who_read_names(value: dict[str, Any]) -> None:
    assert app_text(value) is None


@pytest.mark.parametrize(
    "value",
    [
        {"requestType": None}, {"requestType": []}, {"requestType": {"name": {}}}, {"completedCycles": None},
        {"completedCycles": [None, 5]}, {"completedCycles": {}}, {"ongoingCycle": None}, {"ongoingCycle": []},
        {"hasEpicLinkFieldDependency": True, "data": []}, {"finalDecision": None}, {"objectId": None}, {"rating": None},
    ],
)  # fmt: skip
def test_an_object_that_says_nothing_where_its_form_has_words_has_no_text(value: dict[str, Any]) -> None:
    assert app_text(value) == ""
    assert text_of(value) is None


def test_odd_times_of_cycles_are_read_in_their_order() -> None:
    odd = [cycle("x", breached=True), {"startTime": None, "breached": False}]  # type: ignore[arg-type]

    assert text_of(level(*odd)) == "met"


@pytest.mark.parametrize(
    "text",
    [
        "{}", '{"start":"2024-10-01"}', '{"start":"2024-10-01","end":5}', '{"start":"2024-10-01","end":"2024-12-31"',
        '{"start":"a","end":"b"}', '{"end":"2024-12-31"}', '{"start":"2024-10-01","end":"2024-12-31"} ',
    ],
)  # fmt: skip
def test_a_text_that_is_no_interval_is_none(text: str) -> None:
    assert interval_text(text) is None


def test_a_text_that_only_looks_like_development_is_kept() -> None:
    for text in ("{code}pullrequest={x}{code}", "{panel}", "{pull request=1}", "set {branch=1}"):
        assert text_of(text) == text


def test_of_a_list_of_mixed_forms_none_is_lost() -> None:
    assert text_of([{"requestType": {"name": "a"}}, {"name": "b"}]) == "b"
    assert text_of([{"name": "b"}, "c", None, 5.0]) == "b, c, 5"
    assert text_of([document("a"), document(), document("b")]) == "a, b"


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ["value", "name", "requestType", "completedCycles", "ongoingCycle", "finalDecision", "objectId", "data",
                 "hasEpicLinkFieldDependency", "rating", "startTime", "epochMillis", "type", "content"]
            ),
            inner,
        ),
    ),
    max_leaves=10,
)  # fmt: skip


@given(value=_JSON)
def test_any_value_has_one_text_or_none(value: Any) -> None:
    text = text_of(value)

    assert text is None or text.strip()
    assert text_of(text) == text
