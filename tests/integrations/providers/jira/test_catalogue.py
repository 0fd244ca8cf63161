from dataclasses import astuple
from typing import Any

import pytest

from integrations.errors import Permanent
from integrations.provider import RawAnswer
from integrations.providers.jira.normalise import FIELDS, PROJECT_STATUSES, PROJECTS, STATUSES, normalise
from integrations.records import Batch, Category, ProjectStatuses, ProjectWits

from .samples import ADA, CATEGORY, KIND, STATUS, Json

BUG = {"id": 10302, "name": "Bug", "subtask": None}


def project(number: int, **more: Any) -> Json:
    return {"id": str(20000 + number), "key": f"P{number}", "name": f"Project {number}"} | more


def read_projects(*values: Any, **metadata: Any) -> Batch:
    return normalise(RawAnswer(PROJECTS, "projects:0", {"values": list(values), "isLast": True}, metadata))


def test_projects_are_read_with_the_types_that_they_offer() -> None:
    batch = read_projects(
        project(1, description="All of it", lead=ADA, projectTypeKey="software", issueTypes=[KIND, BUG, KIND]),
        project(2, lead=None, archived=True, issueTypes=[BUG]),
        project(3),
    )
    assert astuple(batch.projects[0]) == (
        ("20001", "P1", "Project 1", "software", "All of it", "5b10-ada", "Ada Quill", False)
    )
    assert (batch.projects[1].lead_id, batch.projects[1].archived) == (None, True)
    assert [astuple(wit) for wit in batch.wits] == [
        ("10301", "Story", "A tale", False, 0),
        ("10302", "Bug", "", False, None),
    ]
    assert batch.project_wits == [ProjectWits("20001", ("10301", "10302")), ProjectWits("20002", ("10302",))]
    assert list(batch.quarantined) == []


@pytest.mark.parametrize("scope", [["p2"], ["20002"], ["nowhere", "P2"]])
def test_only_projects_in_scope_are_loaded(scope: list[str]) -> None:
    batch = read_projects(project(1, issueTypes=[KIND]), project(2, issueTypes=[BUG]), scope=scope)
    assert [found.key for found in batch.projects] == ["P2"]
    assert [wit.name for wit in batch.wits] == ["Bug"]


@pytest.mark.parametrize("scope", [None, 5, "P2", [], {}])
def test_a_scope_that_is_no_list_holds_all(scope: Any) -> None:
    assert len(read_projects(project(1), project(2), scope=scope).projects) == 2


def test_a_type_that_cannot_be_read_ends_no_pair() -> None:
    batch = read_projects(project(1, issueTypes=[KIND, {"name": "no id"}]), project(2, issueTypes=[KIND]))
    assert [found.key for found in batch.projects] == ["P1", "P2"]
    assert batch.project_wits == [ProjectWits("20002", ("10301",))]
    assert [(found.table, found.path) for found in batch.quarantined] == [("wits", "values[0].issueTypes[1].id")]


def test_a_project_that_cannot_be_read_is_quarantined_alone() -> None:
    batch = read_projects("gone", project(1, key=None), project(2, issueTypes={}), project(3))
    assert [found.key for found in batch.projects] == ["P2", "P3"]
    assert [(found.table, found.external_id, found.path) for found in batch.quarantined] == [
        ("projects", "", "values[0]"),
        ("projects", "20001", "values[1].key"),
        ("projects_wits", "20002", "values[2].issueTypes"),
    ]


def test_data_center_lists_all_projects_in_one_array() -> None:
    ada = {"key": "JIRAUSER10100", "name": "ada", "displayName": "Ada Quill"}
    content = [project(1, lead=ada, projectTypeKey="software", issueTypes=[BUG]), project(2), {"id": "9"}]
    batch = normalise(RawAnswer(PROJECTS, "projects", content, {"scope": ["P1", "9"]}))
    assert [astuple(found) for found in batch.projects] == [
        ("20001", "P1", "Project 1", "software", "", "JIRAUSER10100", "Ada Quill", False)
    ]
    assert batch.project_wits == [ProjectWits("20001", ("10302",))]
    assert [(found.external_id, found.path) for found in batch.quarantined] == [("9", "[2].key")]


def test_a_project_in_the_bin_counts_as_archived() -> None:
    batch = read_projects(project(1, deleted=True), project(2, archived=True, deleted=False), project(3, deleted=None))
    assert [found.archived for found in batch.projects] == [True, True, False]
    assert read_projects(project(1, deleted="yes")).quarantined[0].path == "values[0].deleted"


def test_types_that_are_called_the_same_are_told_apart_by_id() -> None:
    scoped = {"id": "10399", "name": "Story", "scope": {"type": "PROJECT", "project": {"id": "20002"}}}
    batch = read_projects(project(1, issueTypes=[KIND]), project(2, issueTypes=[scoped]))
    assert [(found.external_id, found.name) for found in batch.wits] == [("10301", "Story"), ("10399", "Story")]


def test_a_site_without_projects_is_an_empty_batch() -> None:
    answer = RawAnswer(PROJECTS, "projects:0", {"errorMessages": ["none"]}, {"status": 404})
    assert normalise(answer) == Batch()


def test_statuses_are_read_by_id_even_where_names_repeat() -> None:
    scoped = {"id": "7", "name": "Open", "scope": {"type": "PROJECT", "project": {"id": "20001"}}}
    batch = normalise(RawAnswer(STATUSES, "statuses", [STATUS, {"id": "8", "name": "Open"}, scoped, {"name": "x"}]))
    assert [(found.external_id, found.category, found.project_id) for found in batch.statuses] == [
        ("10101", Category.IN_PROGRESS, None),
        ("8", None, None),
        ("7", None, "20001"),
    ]
    assert [(found.table, found.path) for found in batch.quarantined] == [("statuses", "[3].id")]


def project_statuses(content: Any, external_id: str = "any", **metadata: Any) -> Batch:
    return normalise(RawAnswer(PROJECT_STATUSES, external_id, content, metadata))


OTHER = {"id": "9", "name": "Done", "statusCategory": CATEGORY | {"key": "done"}}


def test_the_statuses_of_a_project_are_those_of_all_its_types() -> None:
    content = [KIND | {"statuses": [STATUS, OTHER]}, BUG | {"statuses": [OTHER]}, BUG | {"statuses": []}]
    batch = project_statuses(content, project_id="20001")
    assert [found.external_id for found in batch.statuses] == ["10101", "9"]
    assert batch.project_statuses == [ProjectStatuses("20001", ("10101", "9"))]
    assert batch.wits == []
    assert project_statuses(content, "project:20001:statuses").project_statuses == batch.project_statuses


def test_a_status_that_cannot_be_read_ends_no_relation() -> None:
    batch = project_statuses([KIND | {"statuses": [STATUS, None]}, BUG], project_id="20001")
    assert [found.external_id for found in batch.statuses] == ["10101"]
    assert batch.project_statuses == []
    assert [(found.table, found.path) for found in batch.quarantined] == [
        ("projects_statuses", "[1].statuses"),
        ("statuses", "[0].statuses[1]"),
    ]


def test_project_statuses_without_their_project_are_permanent() -> None:
    with pytest.raises(Permanent, match=r"'any': metadata.project_id is None"):
        project_statuses([])


def test_custom_fields_are_told_from_the_others() -> None:
    points = {"id": "customfield_10028", "name": "Points", "custom": True, "schema": {"type": "number", "customId": 1}}
    content = [
        {"id": "issuekey", "name": "Key", "custom": False},
        points,
        {"id": "customfield_2", "name": "Bare", "custom": True},
        {"custom": True, "name": "no id"},
    ]
    batch = normalise(RawAnswer(FIELDS, "fields", content))
    assert [(found.external_id, found.name, found.field_type) for found in batch.custom_fields] == [
        ("customfield_10028", "Points", "number"),
        ("customfield_2", "Bare", ""),
    ]
    assert batch.custom_fields[0].schema == {"type": "number", "customId": 1}
    assert [(found.table, found.path) for found in batch.quarantined] == [("custom_fields", "[3].id")]


@pytest.mark.parametrize("entity_type", [STATUSES, FIELDS, PROJECT_STATUSES])
def test_an_object_in_place_of_a_list_is_permanent(entity_type: str) -> None:
    with pytest.raises(Permanent, match="an object of errorMessages, not an array"):
        normalise(RawAnswer(entity_type, "project:1:statuses", {"errorMessages": []}))


def test_an_unknown_entity_type_is_permanent() -> None:
    with pytest.raises(Permanent, match=r"'jira_boards' is unknown; known are: .*jira_issues"):
        normalise(RawAnswer("jira_boards", "x", []))
