"""`work-items`: which are found by what, and what is said of them."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from custommapping.models import CustomField, CustomFieldMapping
from etl.api import overflow as by_overflow
from etl.models import WorkItem
from etl.models.items import LONGEST_INDEXED
from etl.sql import execute, fetch
from integrations.records import WitRecord
from pulse.postgres.scope import owner_scope
from pulse.tenancy.models import Tenant
from tests.etl.api.callers import Caller, member
from tests.support.loading import Loading, offline_integration
from tests.support.records import STATUSES, at, issue, items, moved, statuses

OPTION = {"self": "https://site.test/1", "value": "High", "id": "10100"}
PERSON = {"accountId": "5b10", "displayName": "Ada Quill", "name": "ada"}
CASCADE = {"value": "Europe", "id": "1", "child": {"value": "France", "id": "2"}}
VALUES: dict[str, Any] = {
    "text": "plain",
    "number": 8.0,
    "truth": True,
    "option": OPTION,
    "person": PERSON,
    "cascade": CASCADE,
    "labels": ["red", "blue"],
    "options": [OPTION, {"value": "Low", "id": "10101"}],
    "people": [PERSON],
    "object": {"workspace": "w", "objects": [{"label": "Server"}]},
}


@pytest.fixture
def loading(db: None) -> Loading:
    return Loading.of(offline_integration())


@pytest.fixture
def caller(loading: Loading) -> Caller:
    return Caller(member("otto", Tenant.objects.get(name="Acme")))


def found(caller: Caller, **query: Any) -> list[str]:
    """The keys of the items that are found."""
    answer = caller.get("work-items", **query)
    assert answer.status_code == 200, answer.content
    return [item["key"] for item in answer.json()["results"]]


def overflow(caller: Caller, field: str, text: str) -> list[str]:
    return found(caller, **{f"overflow.{field}": text})


@pytest.mark.parametrize(
    ("field", "texts"),
    [
        ("text", ["plain"]),
        ("number", ["8", "8.0"]),
        ("truth", ["true"]),
        ("option", ["High", "10100"]),
        ("person", ["Ada Quill", "ada", "5b10"]),
        ("cascade", ["Europe", "Europe / France"]),
        ("labels", ["red", "blue", '["blue", "red"]']),
        ("options", ["High", "Low", "10101"]),
        ("people", ["Ada Quill"]),
        ("object", ['{"workspace": "w"}', '{"objects": [{"label": "Server"}]}']),
    ],
)
def test_an_overflow_field_is_found_by_what_its_value_is_called(
    caller: Caller, loading: Loading, field: str, texts: list[str]
) -> None:
    loading.load(items(issue("1", custom={field: VALUES[field]}), issue("2", custom={"other": VALUES[field]})))

    assert [overflow(caller, field, text) for text in texts] == [["ABC-1"]] * len(texts)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("text", "plai"), ("text", "Plain"), ("number", "80"), ("truth", "false"), ("option", "high"),
        ("person", "Ada"), ("cascade", "France"), ("cascade", "Europe / Spain"), ("labels", "red, blue"),
        ("labels", '["red", "green"]'), ("object", "{}x"), ("object", '{"workspace": "x"}'), ("missing", "plain"),
    ],
)  # fmt: skip
def test_an_overflow_field_is_not_found_by_anything_else(
    caller: Caller, loading: Loading, field: str, text: str
) -> None:
    loading.load(items(issue("1", custom=VALUES)))

    assert overflow(caller, field, text) == []


def test_several_overflow_fields_are_all_to_match(caller: Caller, loading: Loading) -> None:
    loading.load(items(issue("1", custom={"a": "x", "b": "y"}), issue("2", custom={"a": "x", "b": "z"})))

    assert found(caller, **{"overflow.a": "x", "overflow.b": "z"}) == ["ABC-2"]


def test_an_overflow_field_is_looked_up_in_its_index(loading: Loading) -> None:
    loading.load(items(*(issue(str(number), custom={"customfield_1": number}) for number in range(300))))
    # No index is used behind row-level security: a function of the owner's looks there.
    ((looks,),) = fetch("SELECT prosrc FROM pg_proc WHERE proname = 'work_items_holding'", [])

    with owner_scope():
        execute("ANALYZE work_items", [])
        execute("SET LOCAL enable_seqscan = off", [])
        execute("SELECT set_config('pulse.tenant', %s, true)", [str(loading.integration.tenant_id)])
        asked = re.sub(r"\b(or_)?wanted", """'{"customfield_1": 8}'""", looks).replace("most", "10")
        plan = str(fetch(f"EXPLAIN {asked}", []))

    assert "work_items_overflow" in plan


@pytest.mark.parametrize(("most", "common"), [(3, 1), (4, 1), (0, 0.03)], ids=["many", "few", "in each place"])
def test_an_overflow_value_that_many_items_have_is_found_in_each_of_them(
    caller: Caller, loading: Loading, monkeypatch: pytest.MonkeyPatch, most: int, common: float
) -> None:
    monkeypatch.setattr(by_overflow, "LOOKED_AT", 4)
    loading.load(items(*(issue(str(number), custom={"labels": ["red"]}) for number in range(4)), issue("9")))
    monkeypatch.setattr(by_overflow, "MOST_BY_INDEX", most)
    monkeypatch.setattr(by_overflow, "COMMON", common)

    assert sorted(overflow(caller, "labels", "red")) == ["ABC-0", "ABC-1", "ABC-2", "ABC-3"]


def test_a_mapped_column_is_found_however_long_its_text_is(caller: Caller, loading: Loading) -> None:
    loading.load(items(*(issue(str(number)) for number in range(3))))
    texts = {"ABC-0": "x" * LONGEST_INDEXED, "ABC-1": "x" * (LONGEST_INDEXED + 1), "ABC-2": "x"}
    for key, text in texts.items():
        WorkItem.objects.filter(key=key).update(custom_field_07=text)

    assert [found(caller, custom_field_07=text) for text in texts.values()] == [[key] for key in texts]


def test_items_of_a_time_come_in_its_order_page_after_page_and_others_as_they_were_loaded(
    caller: Caller, loading: Loading
) -> None:
    loading.load(items(*(issue(str(number), updated=at(9 - number // 2)) for number in range(6))))
    query: dict[str, Any] = {"updated_from": at(1).isoformat(), "limit": 2}
    pages = [caller.get("work-items", **query).json()]
    while cursor := pages[-1]["next"]:
        pages.append(caller.get("work-items", **query, cursor=cursor).json())

    by_time = [[item["key"] for item in page["results"]] for page in pages]
    assert by_time == [["ABC-4", "ABC-5"], ["ABC-2", "ABC-3"], ["ABC-0", "ABC-1"]]
    assert found(caller) == [f"ABC-{number}" for number in range(6)]
    assert caller.get("work-items", limit=2, cursor=pages[0]["next"]).status_code == 400


def test_an_overflow_value_is_told_with_its_fields_name_its_text_and_as_it_came(
    caller: Caller, loading: Loading
) -> None:
    known = {"tenant": loading.integration.tenant, "integration": loading.integration}
    CustomField.objects.create(**known, external_id="option", name="Severity", field_type="option")
    loading.load(items(issue("1", custom={"option": OPTION, "number": 8.0})))

    item = caller.get("work-items").json()["results"][0]

    assert item["overflow"] == {
        "number": {"name": None, "text": "8", "raw": 8.0},
        "option": {"name": "Severity", "text": "High", "raw": OPTION},
    }


def test_an_item_is_found_by_the_columns_that_fields_were_mapped_to(caller: Caller, loading: Loading) -> None:
    known = {"tenant": loading.integration.tenant, "integration": loading.integration}
    fields = {
        column: CustomField.objects.create(**known, external_id=name, name=name, field_type="string")
        for column, name in (("team_field", "a"), ("story_points_field", "b"), ("custom_field_01", "c"))
    }
    CustomFieldMapping.objects.create(**known, **fields)
    loading.load(items(issue("1", custom={"a": "Falcons", "b": 3, "c": " x "}), issue("2", custom={"a": "Owls"})))

    assert found(caller, team="Falcons") == ["ABC-1"]
    assert found(caller, story_points="3.0") == ["ABC-1"]
    assert found(caller, custom_field_01=" x ") == ["ABC-1"]
    assert found(caller, team="Falcons", custom_field_01="y") == []
    item = caller.get("work-items", team="Falcons").json()["results"][0]
    assert (item["team"], item["story_points"], item["custom_field_01"]) == ("Falcons", 3, " x ")
    assert (item["custom_field_20"], item["overflow"]) == (None, {})


def test_an_item_is_found_by_its_project_its_key_and_its_integration(caller: Caller, loading: Loading) -> None:
    other = Loading.of(offline_integration(name="Other"))
    loading.load(items(issue("1"), issue("2", project_id="7", project_key="XYZ")))
    other.load(items(issue("3")))

    assert found(caller, project="ABC") == ["ABC-1", "ABC-3"]
    assert found(caller, project="ABC", integration_id=other.integration.pk) == ["ABC-3"]
    assert found(caller, key="ABC-2") == ["ABC-2"]
    assert found(caller, key="ABC-9") == []


def test_an_item_is_found_by_its_type_and_its_status(caller: Caller, loading: Loading) -> None:
    loading.load(items(issue("1"), issue("2", status="3", wit=WitRecord("11", "Bug")), issue("3", status="3")))

    assert found(caller, wit="Bug") == ["ABC-2"]
    assert found(caller, status="Building") == ["ABC-2", "ABC-3"]
    assert found(caller, wit="Task", status="Building") == ["ABC-3"]


def test_an_item_is_found_by_its_times_from_on_and_before(caller: Caller, loading: Loading) -> None:
    loading.load(items(issue("1"), issue("2", version=5, resolved=at(4)), issue("3", version=30)))

    assert found(caller, updated_from=at(5).isoformat()) == ["ABC-2", "ABC-3"]
    assert found(caller, updated_to=at(5).isoformat()) == ["ABC-1"]
    assert found(caller, updated_from="2024-03-01", updated_to="2024-03-02") == ["ABC-1", "ABC-2"]
    assert found(caller, resolved_from="2024-03-01") == ["ABC-2"]
    assert found(caller, created_to="2024-03-01") == []


@pytest.mark.parametrize("name", ["wit", "status"])
def test_a_type_or_status_that_is_not_there_is_told(caller: Caller, loading: Loading, name: str) -> None:
    Loading.of(offline_integration("Rival")).load(items(issue("1", wit=WitRecord("1", "X"), status="3")))

    answer = caller.get("work-items", **{name: "X"})

    assert (answer.status_code, answer.json()["errors"]) == (404, {name: ["there is no 'X'"]})


def test_a_project_that_is_not_there_is_told(caller: Caller, loading: Loading) -> None:
    other = Loading.of(offline_integration("Rival"))
    other.load(items(issue("1", project_id="7", project_key="XYZ")))

    answer = caller.get("work-items", project="XYZ")

    assert (answer.status_code, answer.json()["errors"]) == (404, {"project": ["there is no 'XYZ'"]})


def test_items_that_are_gone_are_found_only_where_they_are_asked_for(caller: Caller, loading: Loading) -> None:
    loading.load(items(issue("1"), issue("2")))
    WorkItem.objects.filter(key="ABC-2").update(active=False, deleted_at=at(0))

    assert found(caller) == ["ABC-1"]
    assert found(caller, active="false") == ["ABC-2"]


def test_an_item_is_told_whole(caller: Caller, loading: Loading) -> None:
    loading.load(statuses(*STATUSES.values()))
    loading.load(items(moved("1", "1", "3", "5", description="Long words", parent_id="99")))

    item = caller.get(f"work-items/{loading.item().pk}").json()

    assert item["external_id"] == "1"
    assert (item["key"], item["project"], item["wit"], item["status"]) == ("ABC-1", "ABC", "Task", "Closed")
    assert (item["description"], item["parent_external_id"], item["parent_id"]) == ("Long words", "99", None)
    assert (item["total_completions"], item["total_work_time_seconds"], item["story_points"]) == (1, 3600, None)
    assert item["updated"] == "2024-03-01T11:00:00Z"


def test_a_list_tells_what_was_asked_for(caller: Caller, loading: Loading) -> None:
    loading.load(items(issue("1", custom={"a": "x"})))

    items_of = [caller.get("work-items", fields=fields).json()["results"][0] for fields in ("key", "key, overflow")]

    assert items_of[0] == {"key": "ABC-1"}
    assert list(items_of[1]) == ["key", "overflow"]
    assert "description" not in caller.get("work-items").json()["results"][0]
    assert "description" in caller.get("work-items", fields="description").json()["results"][0]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"fields": "key,secret"}, '"key,secret": "secret" is none of: id, integration_id'),
        ({"story_points": "many"}, '"many": A valid number is required.'),
        ({"updated_from": "yesterday"}, '"yesterday": Datetime has wrong format.'),
        ({"custom_field_21": "x"}, "is unknown; known are:"),
        ({"custom_field_01": ""}, '"": This field may not be blank.'),
        ({"overflow.": "x"}, "is unknown; known are:"),
        ({"overflow.a b": "x"}, "is unknown; known are:"),
        ({"overflow.a": ""}, '"": This field may not be blank.'),
        ({"overflow.a": "a\x00"}, "Null characters are not allowed."),
        ({"overflow.a": "x" * 1001}, "no more than 1000 characters"),
    ],
)
def test_a_bad_filter_is_named_with_its_value(owner: Caller, query: dict[str, str], message: str) -> None:
    answer = owner.get("work-items", **query)

    assert (answer.status_code, list(answer.json()["errors"])) == (400, list(query))
    assert message in answer.json()["errors"][next(iter(query))][0]


@pytest.mark.parametrize(
    "text",
    ["[" * 900 + "]" * 900, "1e999", "NaN", '{"a":' * 400 + "1" + "}" * 400, "\\u0000", '"\\u0000"', '{"\\u0000": 1}'],
)
def test_a_hostile_value_finds_nothing(caller: Caller, loading: Loading, text: str) -> None:
    loading.load(items(issue("1", custom=VALUES)))

    assert caller.get("work-items", **{"overflow.text": text[:1000]}).json()["results"] == []


def test_a_page_costs_the_same_queries_however_many_items_it_has(caller: Caller, loading: Loading) -> None:
    loading.load(items(*[issue(str(number), custom={"a": OPTION}) for number in range(30)]))
    counted = []
    for limit in (2, 30):
        with CaptureQueriesContext(connection) as queries:
            assert len(found(caller, limit=limit)) == limit
        counted.append(len(queries))

    assert counted[0] == counted[1]


def test_a_list_reads_no_long_column_that_was_not_asked_for(caller: Caller, loading: Loading) -> None:
    loading.load(items(issue("1", custom={"a": OPTION})))

    with CaptureQueriesContext(connection) as queries:
        found(caller, fields="key")

    read = " ".join(query["sql"] for query in queries.captured_queries)
    assert '"work_items"."key"' in read
    assert '"work_items"."description"' not in read
    assert '"work_items"."custom_fields_overflow"' not in read
