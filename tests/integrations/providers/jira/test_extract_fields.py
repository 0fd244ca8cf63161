"""Custom fields: the list of all, and what projects offer for new issues where the account may create them."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from integrations.errors import Permanent
from integrations.provider import Answer, Connection, Partition, PlanContext, ProjectRef, RawAnswer
from integrations.providers.jira import client
from integrations.providers.jira.provider import JiraProvider
from integrations.records import Batch
from integrations.sandbox import Faults, SandboxServer, Site, SiteSpec
from integrations.sandbox.http import ApiError

from .scripted import CLOUD, scripted

jira = JiraProvider()
STEP = "jira_custom_fields"
SITE = Site(SiteSpec(issues=5, seed=3))
PROJECTS = [ProjectRef(project.id, project.key) for project in SITE.spec.projects]
PAIRS = {(project.id, kind.id) for project in SITE.spec.projects for kind in project.types}
TYPES = "GET /rest/api/3/issue/createmeta/1/issuetypes"


@pytest.fixture(scope="module", params=["Cloud", "Server"])
def running(request: pytest.FixtureRequest) -> Iterator[SandboxServer]:
    with SandboxServer(SITE, deployment=request.param) as server:
        yield server


@pytest.fixture
def server(running: SandboxServer) -> SandboxServer:
    running.faults = Faults()
    return running


def connect(server: SandboxServer, **settings: str) -> Connection:
    return Connection(
        1, "Sandbox", {"base_url": server.url, "email": server.email, **settings}, {"api_token": server.token}
    )


def discover(connection: Connection, projects: list[ProjectRef]) -> list[tuple[Answer, Batch]]:
    """All answers of the step in the order of the calls, each with what it means."""
    found = []
    waiting = jira.plan(STEP, connection, PlanContext(projects))
    while waiting:
        partition = waiting.pop(0)
        answer = jira.fetch(STEP, connection, partition)
        raw = RawAnswer(answer.entity_type, answer.external_id, orjson.loads(answer.body), answer.metadata)
        found.append((answer, jira.normalise(raw)))
        following = [Partition(partition.key, answer.next_cursor)] if answer.next_cursor is not None else []
        waiting += [*following, *answer.partitions]
    return found


def test_all_fields_come_first_and_then_what_each_type_of_each_project_offers(server: SandboxServer) -> None:
    (first, listed), *others = discover(connect(server), PROJECTS)
    assert first.entity_type == "jira_fields"
    assert all(field.operations == () for field in listed.custom_fields)
    offered = [(answer, batch) for answer, batch in others if answer.entity_type == "jira_createmeta_fields"]
    assert {(answer.metadata["project_id"], answer.metadata["type_id"]) for answer, _ in offered} == PAIRS
    names = {(field.external_id, field.name, field.field_type) for field in listed.custom_fields}
    for _, batch in offered:
        assert {(field.external_id, field.name, field.field_type) for field in batch.custom_fields} == names
        assert {field.operations for field in batch.custom_fields} == {("set",)}
        assert batch.quarantined == []


def test_no_answer_has_the_name_of_another(server: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = discover(connect(server), PROJECTS[:1])
    monkeypatch.setattr(client, "CREATEMETA_A_PAGE", 2)
    paged = discover(connect(server), PROJECTS[:1])
    names = [(answer.entity_type, answer.external_id) for answer, _ in paged]
    assert len(set(names)) == len(names) > len(whole)
    fields = [{field.external_id for _, batch in read for field in batch.custom_fields} for read in (whole, paged)]
    assert fields[0] == fields[1]


def test_an_account_that_only_reads_still_gets_all_fields(server: SandboxServer) -> None:
    server.faults.lacking = ("CREATE_ISSUES",)
    (_, listed), *others = discover(connect(server), PROJECTS)
    assert len(listed.custom_fields) >= 30
    assert [answer.entity_type for answer, _ in others] == ["jira_createmeta_types"] * len(PROJECTS)
    assert all("the account may not create issues in " in answer.warning for answer, _ in others)
    assert all(batch == Batch() for _, batch in others)


def test_projects_out_of_scope_are_not_asked(server: SandboxServer) -> None:
    read = discover(connect(server, exclude_projects=PROJECTS[0].key), PROJECTS)
    asked = {answer.metadata.get("project_id") for answer, _ in read[1:]}
    assert asked == {project.external_id for project in PROJECTS[1:]}


@pytest.mark.parametrize("status", [403, 404])
def test_a_refusal_is_no_failure(status: int) -> None:
    with scripted(CLOUD, {"GET /rest/api/3/field": [], TYPES: ApiError(status, "no")}) as site:
        _, (answer, batch) = discover(site.connection(), [ProjectRef("1", "ORB")])
    assert answer.warning.startswith("the account may not create issues in ORB")
    assert (answer.metadata["status"], batch) == (status, Batch())


def test_fields_of_a_type_that_are_refused_are_none() -> None:
    answers = {"GET /rest/api/3/field": [], TYPES: {"issueTypes": [{"id": "7"}, "odd"], "total": 2}}
    with scripted(CLOUD, {**answers, f"{TYPES}/7": ApiError(403, "no")}) as site:
        *_, (answer, batch) = discover(site.connection(), [ProjectRef("1", "ORB")])
    assert (answer.entity_type, batch, answer.next_cursor) == ("jira_createmeta_fields", Batch(), None)


def read(content: Any) -> Batch:
    return jira.normalise(RawAnswer("jira_createmeta_fields", "fields", content))


def test_only_custom_fields_are_read_and_odd_ones_quarantined() -> None:
    listed = [
        {"fieldId": "summary", "name": "Summary", "schema": {"type": "string", "system": "summary"}},
        {"fieldId": "customfield_1", "name": "Team", "operations": ["set", 5]},
        {"fieldId": "customfield_2", "schema": {"type": 3, "custom": "x"}},
        {"fieldId": "customfield_3", "operations": "set"},
        None,
    ]
    batch = read({"fields": listed, "total": 5})
    assert [(field.external_id, field.name, field.operations) for field in batch.custom_fields] == [
        ("customfield_1", "Team", ("set",))
    ]
    assert [lost.path for lost in batch.quarantined] == ["fields[2].schema.type", "fields[3].operations", "fields[4]"]


def test_an_answer_of_another_shape_is_refused() -> None:
    with pytest.raises(Permanent, match="not an object with an array 'issueTypes', 'fields' or 'values'"):
        read({"issues": []})


@pytest.mark.parametrize(
    ("content", "entity_type"),
    [
        ({"issueTypes": []}, "jira_createmeta_types"),
        ({"values": [{"id": "1", "subtask": False}]}, "jira_createmeta_types"),
        ({"fields": [{"fieldId": "summary"}]}, "jira_createmeta_fields"),
        ({"values": [{"fieldId": "summary"}]}, "jira_createmeta_fields"),
    ],
)
def test_recorded_pages_are_recognised(content: Any, entity_type: str) -> None:
    assert jira.recognise(STEP, content)[0] == entity_type


@pytest.mark.parametrize("content", [{"values": [{"id": "1", "key": "ORB"}]}, {"fields": "all"}, {}, {"values": []}])
def test_what_is_no_page_of_fields_is_not_recognised(content: Any) -> None:
    with pytest.raises(Permanent, match="takes the list of /field or a page of /issue/createmeta"):
        jira.recognise(STEP, content)
