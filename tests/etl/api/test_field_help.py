"""Suggestions, export and import, and profiles through the API."""

from typing import Any

import pytest

from etl.models import RunKind
from integrations.models import Integration
from tests.etl.admin.rows import Rows
from tests.etl.api.callers import Caller
from tests.integrations.providers.jira.samples import issue
from tests.support.making import a_run, an_integration
from tests.support.mapping import a_field, transformed

pytestmark = pytest.mark.usefixtures("recording")


@pytest.fixture
def jira(acme: Rows) -> Integration:
    """An integration of Acme with a field for team and one for story points, and two issues."""
    integration = an_integration(tenant="Acme")
    a_field(integration, 1, name="Team"), a_field(integration, 2, "number", name="Story Points")
    transformed(a_run(integration, RunKind.IMPORT), issue(1, customfield_1="Falcons", customfield_2=5.0), issue(2))
    return integration


def mapped(answer: Any) -> dict[str, str]:
    """The fields of the columns that a mapping fills."""
    return {column: field["external_id"] for column, field in answer.json()["columns"].items() if field}


def test_from_a_profile_to_an_accepted_suggestion(owner: Caller, jira: Integration) -> None:
    whose = {"integration_id": jira.pk}
    assert owner.post("custom-fields/profile", whose).json() == {"changed": 2}
    assert owner.post("custom-fields/profile", whose).json() == {"changed": 0}

    found = owner.get("custom-fields/suggestions", **whose).json()

    assert found["columns"]["team"]["reason"] == "its name 'Team' is a usual one; 50% of 2 items fill it"
    assert found["columns"]["team"]["field"].pop("id")
    assert found["columns"]["team"]["field"] == {
        "external_id": "customfield_1",
        "name": "Team",
        "field_type": "string",
        "items_seen": 2,
        "items_filled": 1,
        "examples": ["Falcons"],
    }
    assert list(found["columns"]) == ["team", "story_points"]
    first = owner.post("custom-fields/suggestions/accept", {**whose, "version": 0, "columns": ["story_points"]})
    assert (mapped(first), first.json()["version"]) == ({"story_points": "customfield_2"}, 1)
    assert first.json()["run_id"]
    second = owner.post("custom-fields/suggestions/accept", {**whose, "version": 1})
    assert mapped(second) == {"team": "customfield_1", "story_points": "customfield_2"}


def test_a_mapping_goes_from_one_site_to_another(owner: Caller, jira: Integration) -> None:
    columns = {"team": "customfield_1", "story_points": "customfield_2"}
    owner.put("custom-fields/mapping", {"integration_id": jira.pk, "version": 0, "columns": columns})
    other = an_integration("Other", tenant="Acme")
    a_field(other, 101, name="team"), a_field(other, 102, "number", name="STORY POINTS")

    document = owner.get("custom-fields/mapping/export", integration_id=jira.pk).json()
    answer = owner.post(
        "custom-fields/mapping/import", {"integration_id": other.pk, "version": 0, "document": document}
    )

    assert mapped(answer) == {"team": "customfield_101", "story_points": "customfield_102"}
    assert mapped(owner.get("custom-fields/mapping", integration_id=jira.pk)) == columns


def test_an_import_is_refused_with_all_its_reasons_and_changes_nothing(owner: Caller, jira: Integration) -> None:
    whose = {"integration_id": jira.pk, "version": 0}
    document = owner.get("custom-fields/mapping/export", integration_id=jira.pk).json()
    document["columns"] = {"team": {"name": "Nobody's"}, "story_points": {"name": "Team"}, "x": None}

    answer = owner.post("custom-fields/mapping/import", {**whose, "document": document})

    paths = {f"document.columns.{column}" for column in ("team", "story_points", "x")}
    assert (answer.status_code, set(answer.json()["errors"])) == (400, paths)
    assert mapped(owner.get("custom-fields/mapping", integration_id=jira.pk)) == {}
    answer = owner.post("custom-fields/mapping/import", {**whose, "document": {"columns": {}}})
    assert list(answer.json()["errors"]) == ["document"]


@pytest.mark.parametrize("path", ["custom-fields/suggestions/accept", "custom-fields/mapping/import"])
def test_the_second_of_two_who_save_is_told(owner: Caller, jira: Integration, path: str) -> None:
    document = owner.get("custom-fields/mapping/export", integration_id=jira.pk).json()
    given = {"integration_id": jira.pk, "version": 0} | ({"document": document} if "import" in path else {})
    first = {"integration_id": jira.pk, "version": 0, "columns": {"team": "customfield_1"}}
    owner.put("custom-fields/mapping", first)

    answer = owner.post(path, given)

    assert (answer.status_code, answer.json()["type"]) == (409, "outdated")


@pytest.mark.parametrize("columns", [["nonsense"], [], "team", [{}], {"team": True}])
def test_columns_that_are_none_are_refused(owner: Caller, jira: Integration, columns: Any) -> None:
    body = {"integration_id": jira.pk, "version": 0, "columns": columns}

    answer = owner.post("custom-fields/suggestions/accept", body)

    assert answer.status_code == 400
    assert all(name.partition(".")[0] == "columns" for name in answer.json()["errors"])


def test_a_column_without_a_suggestion_is_refused(owner: Caller, jira: Integration) -> None:
    body = {"integration_id": jira.pk, "version": 0, "columns": ["team", "code_changed"]}

    answer = owner.post("custom-fields/suggestions/accept", body)

    assert answer.json()["errors"] == {"columns.code_changed": ["nothing is suggested for this column"]}


@pytest.mark.parametrize("document", [None, [], "x", 5, {"format": "x"}, {"columns": []}])
def test_a_document_that_is_none_is_refused(owner: Caller, jira: Integration, document: Any) -> None:
    answer = owner.post("custom-fields/mapping/import", {"integration_id": jira.pk, "version": 0, "document": document})

    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["document"])


def test_overflow_shows_the_text_that_a_column_would_have(owner: Caller, jira: Integration) -> None:
    decided = [{"id": "1", "name": "Board", "finalDecision": "approved"}]
    transformed(a_run(jira, RunKind.IMPORT), issue(3, customfield_1=decided))

    (item,) = owner.get("work-items", key="ORB-3").json()["results"]

    assert item["overflow"]["customfield_1"] == {"name": "Team", "text": "Board: approved", "raw": decided}
