"""The mapping through the API: seen, previewed, saved and applied."""

from typing import Any

import pytest

from custommapping.models import CustomField
from etl.models import EtlJobRun, RunKind
from integrations.models import Integration
from tests.etl.admin.rows import Rows
from tests.etl.api.callers import Caller
from tests.integrations.providers.jira.samples import issue
from tests.support.driving import worked_off
from tests.support.making import a_run, an_integration
from tests.support.mapping import a_field, column, transformed

pytestmark = pytest.mark.usefixtures("recording")


@pytest.fixture
def jira(acme: Rows) -> Integration:
    """An integration of Acme with a text and a number field, and one issue that has both."""
    integration = an_integration(tenant="Acme")
    a_field(integration, 1), a_field(integration, 2, "number")
    transformed(a_run(integration, RunKind.IMPORT), issue(1, customfield_1="Falcons", customfield_2=5.0))
    return integration


def body(integration: Integration, **columns: str | None) -> dict[str, Any]:
    return {"integration_id": integration.pk, "columns": columns}


def test_a_mapping_is_previewed_saved_and_applied(owner: Caller, jira: Integration) -> None:
    wanted = body(jira, team="customfield_1", story_points="customfield_2")

    would = owner.post("custom-fields/mapping/preview", wanted).json()
    assert (would["items"], would["by_column"]) == (1, {"team": 1, "story_points": 1})
    assert would["examples"] == [
        {
            "key": "ORB-1",
            "external_id": "50001",
            "before": {"team": None, "story_points": None},
            "after": {"team": "Falcons", "story_points": "5"},
        }
    ]
    saved = owner.put("custom-fields/mapping", {**wanted, "version": 0}).json()
    assert (saved["version"], saved["columns"]["team"]["name"]) == (1, "Field 1")
    assert saved["retransform_due_at"]
    worked_off(EtlJobRun.objects.get(pk=saved["run_id"]))

    assert column(jira, "team") == {"ORB-1": "Falcons"}
    seen = owner.get("custom-fields/mapping", integration_id=jira.pk).json()
    assert (seen["run_id"], seen["retransform_due_at"]) == (None, None)
    assert [name for name, field in seen["columns"].items() if field] == ["team", "story_points"]


def test_the_second_of_two_who_save_is_told(owner: Caller, administrator: Caller, jira: Integration) -> None:
    owner.put("custom-fields/mapping", {**body(jira, team="customfield_1"), "version": 0})

    answer = administrator.put("custom-fields/mapping", {**body(jira), "version": 0})

    assert (answer.status_code, answer.json()["type"]) == (409, "outdated")
    assert "version 1" in answer.json()["errors"]["version"][0]


@pytest.mark.parametrize("path", ["custom-fields/mapping", "custom-fields/mapping/preview"])
def test_each_column_that_is_refused_is_named(owner: Caller, jira: Integration, path: str) -> None:
    wanted = body(jira, story_points="customfield_1", team="customfield_9", nonsense="customfield_1")
    send = owner.post if path.endswith("preview") else owner.put

    answer = send(path, wanted if path.endswith("preview") else {**wanted, "version": 0})

    assert answer.status_code == 400
    assert set(answer.json()["errors"]) == {"columns.story_points", "columns.team", "columns.nonsense"}
    assert "'customfield_9'" in answer.json()["errors"]["columns.team"][0]


def test_a_field_that_changed_since_it_was_mapped_is_shown_with_its_problem(owner: Caller, jira: Integration) -> None:
    owner.put("custom-fields/mapping", {**body(jira, story_points="customfield_2"), "version": 0})
    for change, words in (({"field_type": "string"}, "'string'"), ({"active": False}, "does not list")):
        CustomField.objects.filter(external_id="customfield_2").update(**change)

        seen = owner.get("custom-fields/mapping", integration_id=jira.pk).json()

        assert words in seen["columns"]["story_points"]["problem"]


def test_what_is_stale_is_re_transformed_on_demand(
    owner: Caller, jira: Integration, monkeypatch: pytest.MonkeyPatch
) -> None:
    whose = {"integration_id": jira.pk}
    assert owner.post("custom-fields/mapping/retransform", whose).json() == {"run_id": None}
    monkeypatch.setattr(type(jira.provider_code), "reader_version", 99)

    run = EtlJobRun.objects.get(pk=owner.post("custom-fields/mapping/retransform", whose).json()["run_id"])

    assert run.kind == RunKind.REPROCESS
    answer = owner.post("custom-fields/mapping/retransform", whose)
    assert (answer.status_code, answer.json()["type"]) == (409, "conflict")


@pytest.mark.parametrize("columns", [[], "team", {"team": ["customfield_1"]}, {"team": True}, {"x": {}}])
def test_columns_that_are_no_columns_are_refused(owner: Caller, jira: Integration, columns: Any) -> None:
    answer = owner.put("custom-fields/mapping", {"integration_id": jira.pk, "version": 0, "columns": columns})

    assert answer.status_code == 400
    assert all(name.partition(".")[0] == "columns" for name in answer.json()["errors"])
