"""`wits`, `wits/mappings` and `wits/hierarchies`."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integrations.records import Batch, WitRecord
from tests.etl.admin.rows import Rows
from tests.etl.api.callers import Caller
from tests.support.loading import Loading
from tests.support.meanings import mapped_wits, with_items, with_statuses


@pytest.fixture
def loading(acme: Rows) -> Loading:
    """Of Acme: two items of the type Task, and the types Bug and Story, of which there is none."""
    loading = with_items(with_statuses(), "13", "1")
    loading.load(Batch(wits=[WitRecord("20", "Bug"), WitRecord("30", "Story")]))
    return loading


def save(caller: Caller, loading: Loading, *mappings: dict[str, Any]) -> Any:
    return caller.send(
        "PATCH", "wits/mappings", body={"integration_id": loading.integration.pk, "mappings": list(mappings)}
    )


def found(caller: Caller, **query: Any) -> list[tuple[str, int]]:
    return [(row["name"], row["work_items"]) for row in caller.get("wits", counts="true", **query).json()["results"]]


def test_types_are_mapped_to_names_and_levels_of_the_tenants_own(owner: Caller, loading: Loading) -> None:
    level = owner.post("wits/hierarchies", {"name": "Work", "level": 0}).json()["id"]

    saved = save(owner, loading, {"wit_from": "Task", "wit_to": "Chore", "hierarchy_id": level},
                 {"wit_from": "Bug", "wit_to": "Defect"})  # fmt: skip

    assert saved.json() == {"mappings_changed": 2, "types_changed": 2}
    assert found(owner, unmapped="true") == [("Story", 0)]
    assert found(owner, unmapped="false", integration_id=loading.integration.pk) == [("Bug", 0), ("Task", 2)]
    task = owner.get("wits", search="tas").json()["results"][0]
    assert (task["mapping"]["wit_to"], task["mapping"]["hierarchy"]["name"]) == ("Chore", "Work")
    rows = owner.get("wits/mappings").json()["results"]
    assert [(row["wit_from"], row["wit_to"]) for row in rows] == [("Bug", "Defect"), ("Task", "Chore")]
    assert owner.delete(f"wits/mappings/{rows[0]['id']}").json() == {"mappings_changed": 1, "types_changed": 1}
    assert list(mapped_wits(loading.integration)) == ["Task"]


def test_a_page_costs_the_same_however_many_types_it_has(owner: Caller, loading: Loading) -> None:
    with CaptureQueriesContext(connection) as one:
        owner.get("wits", limit=1, counts="true")
    with CaptureQueriesContext(connection) as all_of_them:
        assert len(found(owner)) == 3

    assert len(all_of_them) == len(one)


def test_levels_are_made_changed_and_deleted(owner: Caller, loading: Loading) -> None:
    epic = owner.post("wits/hierarchies", {"name": "Epic", "level": 1}).json()
    owner.post("wits/hierarchies", {"name": "Story", "level": 0})

    saga = owner.put(f"wits/hierarchies/{epic['id']}", {"name": "Saga", "level": 2}).json()
    late = owner.put(f"wits/hierarchies/{epic['id']}", {
        "name": "Epic", "level": 1, "last_updated_at": epic["last_updated_at"]
    })  # fmt: skip

    assert (saga["name"], saga["level"], late.status_code) == ("Saga", 2, 409)
    levels = owner.get("wits/hierarchies").json()["results"]
    assert [(row["name"], row["level"]) for row in levels] == [("Saga", 2), ("Story", 0)]
    assert owner.delete(f"wits/hierarchies/{epic['id']}").json() == {"deleted": epic["id"]}


def test_who_deletes_a_level_that_is_used_is_told_and_may_force_it(owner: Caller, loading: Loading) -> None:
    level = owner.post("wits/hierarchies", {"name": "Epic", "level": 1}).json()["id"]
    save(owner, loading, {"wit_from": "Story", "wit_to": "Feature", "hierarchy_id": level})

    told = owner.delete(f"wits/hierarchies/{level}")

    assert (told.status_code, told.json()["errors"]) == (
        400, {"force": ["types stand on 'Epic': Story. Give them another level first, or force it"]},
    )  # fmt: skip
    assert owner.delete(f"wits/hierarchies/{level}", force="true").status_code == 200
    assert mapped_wits(loading.integration) == {"Story": ("Feature", None)}


def test_what_is_wrong_is_named_and_nothing_is_saved(owner: Caller, loading: Loading, rival: Rows) -> None:
    foreign = with_statuses("Rival").integration
    other = Caller(owner.user).post("wits/hierarchies", {"name": "Epic", "level": 1}).json()["id"]

    answer = save(owner, loading, {"wit_from": "Bug", "wit_to": "Defect", "hierarchy_id": other + 1000},
                  {"wit_from": "Bugg", "wit_to": "Defect"}, {"wit_from": "Task", "wit_to": "Chore"})  # fmt: skip

    assert (answer.status_code, list(answer.json()["errors"])) == (
        400, ["mappings.0.hierarchy_id", "mappings.1.wit_from"],
    )  # fmt: skip
    assert (mapped_wits(loading.integration), mapped_wits(foreign)) == ({}, {})
