"""`statuses` and `statuses/mappings`."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integrations.records import StatusRecord
from tests.etl.admin.rows import Rows
from tests.etl.api.callers import Caller
from tests.support.loading import Loading
from tests.support.meanings import a_workflow, mapped_statuses, with_items, with_statuses
from tests.support.records import statuses


@pytest.fixture
def loading(acme: Rows) -> Loading:
    """Of Acme: three items, five statuses, a sixth without a category, and a workflow for all."""
    loading = with_items(with_statuses(), "135", "13", "1")
    loading.load(statuses(StatusRecord("77", "Testing")))
    a_workflow(loading.integration, "Build", "Ship")
    return loading


def found(caller: Caller, **query: Any) -> list[str]:
    return [row["external_id"] for row in caller.get("statuses", **query).json()["results"]]


def save(caller: Caller, loading: Loading, *mappings: dict[str, Any]) -> Any:
    return caller.send(
        "PATCH", "statuses/mappings", body={"integration_id": loading.integration.pk, "mappings": list(mappings)}
    )


def test_statuses_are_shown_with_what_they_mean_and_how_much_they_are_used(owner: Caller, loading: Loading) -> None:
    save(owner, loading, {"status_external_id": "3", "category": "Done", "flow_step": "Build"})

    row = next(row for row in owner.get("statuses", counts="true").json()["results"] if row["external_id"] == "3")

    assert {name: row[name] for name in ("name", "category", "effective_category", "meaning")} == {
        "name": "Building", "category": "In Progress", "effective_category": "Done", "meaning": "mapped",
    }  # fmt: skip
    assert (row["work_items"], row["changelogs"], row["steps"]) == (1, 3, ["Build", "Ship"])
    assert (row["mapping"]["category"], row["mapping"]["flow_step"]) == ("Done", "Build")


def test_unmapped_ones_are_found_and_told_apart(owner: Caller, loading: Loading) -> None:
    save(owner, loading, {"status_external_id": "3", "category": "Done"})

    assert found(owner, unmapped="true") == ["1", "5", "4", "2", "77"]
    assert found(owner, unmapped="false") == ["3"]
    assert found(owner, meaning="none") == ["77"]
    assert found(owner, meaning="source", search="CLOS") == ["5"]
    assert found(owner, unmapped="true", integration_id=with_statuses(name="Other").integration.pk, search="3") == ["3"]


def test_a_page_costs_the_same_however_many_statuses_it_has(owner: Caller, loading: Loading) -> None:
    with CaptureQueriesContext(connection) as one:
        owner.get("statuses", limit=1)
    with CaptureQueriesContext(connection) as all_of_them:
        assert len(found(owner)) == 6

    assert len(all_of_them) == len(one)


def test_mappings_are_saved_listed_and_taken_away_and_metrics_follow(owner: Caller, loading: Loading) -> None:
    saved = save(owner, loading, {"status_external_id": "3", "category": "Done"},
                 {"status_external_id": "77", "category": "To Do", "flow_step": "Ship"})  # fmt: skip

    assert saved.json() == {"mappings_changed": 2, "work_items_changed": 2}
    assert loading.item("2").total_completions == 1
    rows = owner.get("statuses/mappings", integration_id=loading.integration.pk).json()["results"]
    assert [(row["status_external_id"], row["category"], row["flow_step"]) for row in rows] == [
        ("3", "Done", ""), ("77", "To Do", "Ship"),
    ]  # fmt: skip
    gone = owner.delete(f"statuses/mappings/{rows[0]['id']}")
    assert gone.json() == {"mappings_changed": 1, "work_items_changed": 2}
    assert (loading.item("2").total_completions, list(mapped_statuses(loading.integration))) == (0, ["77"])
    assert owner.delete(f"statuses/mappings/{rows[0]['id']}").status_code == 404


def test_the_second_of_two_who_save_is_told(owner: Caller, administrator: Caller, loading: Loading) -> None:
    mine, theirs = ({"status_external_id": "3", "category": category} for category in ("Done", "To Do"))
    save(owner, loading, {**mine, "last_updated_at": None})
    seen = owner.get("statuses/mappings").json()["results"][0]["last_updated_at"]

    answer = save(administrator, loading, {**theirs, "last_updated_at": None})

    assert (answer.status_code, answer.json()["type"]) == (409, "outdated")
    assert answer.json()["errors"] == {"mappings.0": ["somebody else changed '3' meanwhile"]}
    assert save(administrator, loading, {**theirs, "last_updated_at": seen}).status_code == 200


@pytest.mark.parametrize(
    ("mappings", "field"),
    [
        ([], "mappings"),
        ("3", "mappings"),
        ([{"status_external_id": "3"}], "mappings.0.category"),
        ([{"status_external_id": "3", "category": "done"}], "mappings.0.category"),
        ([{"status_external_id": "99", "category": "Done"}], "mappings.0.status_external_id"),
        ([{"status_external_id": "3", "category": "Done", "flow_step": "Fly"}], "mappings.0.flow_step"),
        ([{"status_external_id": "3", "category": "Done", "step": "Build"}], "mappings.0.step"),
        ([{"status_external_id": "3", "category": "Done", "last_updated_at": "x"}], "mappings.0.last_updated_at"),
        ([{"status_external_id": str(number), "category": "Done"} for number in range(1001)], "mappings"),
    ],
)
def test_bad_mappings_are_named_and_nothing_is_saved(
    owner: Caller, loading: Loading, mappings: Any, field: str
) -> None:
    body = {"integration_id": loading.integration.pk, "mappings": mappings}

    answer = owner.send("PATCH", "statuses/mappings", body=body)

    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])
    assert mapped_statuses(loading.integration) == {}
