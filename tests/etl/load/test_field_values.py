"""Values of custom fields in the shapes that Jira gives: what stands in their columns, and what is kept beside."""

from decimal import Decimal
from typing import Any

import pytest

from custommapping.models import CustomField, CustomFieldMapping
from etl.models import QuarantinedRecord, WorkItem
from integrations.providers.jira.normalise import normalise
from tests.integrations.providers.jira.samples import issue, page
from tests.support.loading import Loading

SPRINT = "com.atlassian.greenhopper.service.sprint.Sprint@38c6bd04[id={0},state=CLOSED,name={1},goal=<null>]"
TEXT, MENTION = {"type": "text", "text": "Steps for "}, {"type": "mention", "attrs": {"id": "5b10", "text": "@Ada"}}
LIST = {"type": "bulletList", "content": [{"type": "listItem", "content": [{"type": "text", "text": "one"}]}]}
DOCUMENT = {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": [TEXT, MENTION]}, LIST]}


@pytest.fixture
def mapped(loading: Loading) -> Loading:
    """An integration whose fields 1, 2 and 3 are the team, the story points and the first custom column."""
    tenant, integration = loading.integration.tenant, loading.integration
    columns = ("team_field", "story_points_field", "custom_field_01")
    fields = {
        column: CustomField.objects.create(
            tenant=tenant, integration=integration, external_id=f"customfield_{number}", name=column, field_type="any"
        )
        for number, column in enumerate(columns, start=1)
    }
    CustomFieldMapping.objects.create(tenant=tenant, integration=integration, **fields)
    return loading


def loaded(loading: Loading, **values: Any) -> WorkItem:
    loading.load(normalise(page(issue(1, **values))))
    return loading.item("50001")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([SPRINT.format(1, "a,b]c"), SPRINT.format(2, "Two")], "a,b]c, Two"),
        ([{"id": 1, "name": "One", "state": "closed"}, {"id": 2, "name": "Two", "state": "active"}], "One, Two"),
        ({"value": "Asia", "id": "10041", "child": {"value": "Japan", "id": "10042"}}, "Asia / Japan"),
        ({"value": "Asia", "id": "10041"}, "Asia"),
        ([{"value": "Red", "id": "1"}, {"value": "Blue", "id": "2"}], "Red, Blue"),
        ({"accountId": "5b10", "displayName": "Ada Quill", "active": False}, "Ada Quill"),
        ([{"name": "ada", "key": "JIRAUSER1", "displayName": "Ada Quill"}], "Ada Quill"),
        ("ada.quill(ada.quill)", "ada.quill"),
        ({"id": "36885b3c", "name": "Falcons", "isShared": True}, "Falcons"),
        ("36885b3c-1bf0-4f85-a357-c5b858c31de4", "36885b3c-1bf0-4f85-a357-c5b858c31de4"),
        (DOCUMENT, "Steps for @Ada\none"),
        ("2017000-09-05T00:00:00.000+0000", "2017000-09-05T00:00:00.000+0000"),
        (False, "false"),
        (3.0, "3"),
        ("tab\there\\n\nand 🎉", "tab\there\\n\nand 🎉"),
        ("x" * 1_000_000, "x" * 1_000_000),
    ],
    ids=range(16),
)
def test_a_value_becomes_the_text_that_a_person_reads(mapped: Loading, value: Any, text: str) -> None:
    item = loaded(mapped, customfield_1=value, customfield_3=value, customfield_9=value)

    assert (item.team, item.custom_field_01) == (text, text)
    assert item.custom_fields_overflow == {"customfield_9": value}


@pytest.mark.parametrize(
    ("value", "number"), [(3.0, 3), (23, 23), ("0.0", 0), (0, 0), ("-1", -1), (2.5, Decimal("2.5"))]
)
def test_a_number_is_one_however_it_is_written(mapped: Loading, value: Any, number: Decimal) -> None:
    item = loaded(mapped, customfield_2=value)

    assert (item.story_points, item.custom_fields_overflow) == (number, {})


@pytest.mark.parametrize("value", ["five", 1e20, {"value": 5}, True, "99999999999999.9999999"])
def test_what_is_no_number_or_too_large_is_kept_as_it_is(mapped: Loading, value: Any) -> None:
    item = loaded(mapped, customfield_2=value)

    assert (item.story_points, item.custom_fields_overflow) == (None, {"customfield_2": value})


@pytest.mark.parametrize("value", [None, "", "{}", "[]", [], {}, ...])
def test_nothing_is_null_and_not_0(mapped: Loading, value: Any) -> None:
    item = loaded(mapped, customfield_1=value, customfield_2=value, customfield_3=value)

    assert (item.team, item.story_points, item.custom_field_01, item.custom_fields_overflow) == (None, None, None, {})


def test_a_shape_that_has_no_text_is_kept_as_it_is(mapped: Loading) -> None:
    unlicensed = {"showField": False, "nonEditableReason": {"reason": "PLUGIN_LICENSE_ERROR"}}
    item = loaded(mapped, customfield_1=unlicensed, customfield_3={"type": "doc", "content": [{"type": "rule"}]})

    assert (item.team, item.custom_field_01) == (None, None)
    assert set(item.custom_fields_overflow) == {"customfield_1", "customfield_3"}


def test_a_date_that_no_calendar_has_is_kept_beside_an_empty_column(mapped: Loading) -> None:
    item = loaded(mapped, resolutiondate="2017000-09-05T00:00:00.000+0000", duedate="12/okt/2022")

    assert (item.resolved, item.due) == (None, None)
    assert item.custom_fields_overflow == {
        "resolutiondate": "2017000-09-05T00:00:00.000+0000", "duedate": "12/okt/2022"
    }  # fmt: skip
    assert not QuarantinedRecord.objects.exists()


def test_a_value_nested_too_deeply_costs_its_own_issue_alone(mapped: Loading) -> None:
    deep: Any = "a"
    for _ in range(1000):
        deep = [deep]

    mapped.load(normalise(page(issue(1), issue(2, customfield_9=deep), issue(3))))

    assert set(WorkItem.objects.values_list("external_id", flat=True)) == {"50001", "50003"}
    entry = QuarantinedRecord.objects.get()
    assert (entry.external_id, entry.path) == ("50002", "issue ORB-2")
    assert "cannot be written as JSON" in entry.reason
