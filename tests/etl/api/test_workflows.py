"""`workflows`."""

from typing import Any

import pytest

from tests.etl.admin.rows import Rows
from tests.etl.api.callers import Caller
from tests.support.loading import Loading
from tests.support.meanings import a_project, a_workflow, mapped_statuses, with_statuses


@pytest.fixture
def loading(acme: Rows) -> Loading:
    return with_statuses()


def names(caller: Caller, **query: Any) -> list[str]:
    return [row["name"] for row in caller.get("workflows", **query).json()["results"]]


def test_workflows_are_made_found_changed_and_deleted(owner: Caller, loading: Loading) -> None:
    pay, web = a_project(loading.integration), a_project(with_statuses(name="Other").integration, "WEB")
    ours = owner.post("workflows", {"name": "Ours", "steps": ["Plan", "Build"]}).json()
    owner.post("workflows", {"name": "Pay", "project_id": pay.pk, "steps": ["Audit"]})
    owner.post("workflows", {"name": "Web", "project_id": web.pk, "steps": ["Deploy"]})

    assert names(owner) == ["Ours", "Pay", "Web"]
    assert names(owner, integration_id=loading.integration.pk) == ["Ours", "Pay"]
    assert names(owner, project_id=web.pk) == ["Ours", "Web"]
    changed = owner.put(f"workflows/{ours['id']}", {"name": "Alle", "steps": ["Plan", "Bau"]}).json()
    assert (changed["steps"], changed["project"]) == (["Plan", "Bau"], None)
    assert owner.get(f"workflows/{ours['id']}").json() == changed
    assert owner.delete(f"workflows/{ours['id']}").json() == {"deleted": ours["id"]}
    assert owner.get(f"workflows/{ours['id']}").status_code == 404


def test_who_takes_a_used_step_away_is_told_and_may_force_it(owner: Caller, loading: Loading) -> None:
    flow = a_workflow(loading.integration, "Plan", "Build")
    mapping = {"status_external_id": "3", "category": "In Progress", "flow_step": "Build"}
    owner.send("PATCH", "statuses/mappings", body={"integration_id": loading.integration.pk, "mappings": [mapping]})
    without = {"name": "Ours", "steps": ["Plan"]}

    for told in (owner.put(f"workflows/{flow.pk}", without), owner.delete(f"workflows/{flow.pk}")):
        assert (told.status_code, list(told.json()["errors"])) == (400, ["force"])
        assert "'Build' by Building" in told.json()["errors"]["force"][0]
    assert owner.put(f"workflows/{flow.pk}", {**without, "force": True}).status_code == 200

    assert mapped_statuses(loading.integration) == {"3": ("In Progress", "")}


def test_the_second_of_two_who_save_is_told(owner: Caller, administrator: Caller, loading: Loading) -> None:
    flow = owner.post("workflows", {"name": "Ours", "steps": ["Plan"]}).json()
    seen = {"last_updated_at": flow["last_updated_at"]}
    owner.put(f"workflows/{flow['id']}", {"name": "Ours", "steps": ["Plan", "Build"], **seen})

    answer = administrator.put(f"workflows/{flow['id']}", {"name": "Ours", "steps": ["Plan", "Ship"], **seen})

    assert (answer.status_code, answer.json()["type"]) == (409, "outdated")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"steps": []}, "steps"),
        ({"steps": "Plan"}, "steps"),
        ({"steps": ["Plan", "plan"]}, "steps"),
        ({"steps": [{}]}, "steps.0"),
        ({"name": ""}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"project_id": 10**9}, "project_id"),
        ({"force": True}, "force"),
    ],
)
def test_bad_workflows_are_refused(owner: Caller, loading: Loading, change: dict[str, Any], field: str) -> None:
    answer = owner.post("workflows", {"name": "Ours", "steps": ["Plan"], **change})

    assert answer.status_code in (400, 404)
    assert [name.partition(".")[0] for name in answer.json()["errors"]] == [field.partition(".")[0]]
    assert names(owner) == []
