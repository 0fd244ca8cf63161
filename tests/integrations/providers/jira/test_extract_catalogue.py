"""How the catalogue of projects, types, statuses and fields is asked for, in both dialects."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from integrations.errors import Permanent
from integrations.provider import Answer, Connection, Partition, PlanContext, ProjectRef, RawAnswer
from integrations.providers.jira.provider import JiraProvider
from integrations.records import Batch
from integrations.sandbox.http import ApiError

from .samples import KIND, STATUS
from .scripted import CLOUD, SERVER, SERVER_INFO, ScriptedSite, scripted

jira = JiraProvider()
PROJECTS, STATUSES = (step.name for step in jira.steps[:2])
SEARCH = "GET /rest/api/3/project/search"
MYSELF = {"GET /rest/api/3/myself": {"accountId": "1"}, "GET /rest/api/2/myself": {"name": "ada"}}
BUG = KIND | {"id": "1", "name": "Bug"}
TASK = KIND | {"id": "2", "name": "Task"}


def project(number: int, *kinds: Any) -> dict[str, Any]:
    """As both dialects show it with its types."""
    return {"id": str(number), "key": f"P{number}", "name": f"Project {number}", "issueTypes": list(kinds)}


LISTED = [project(1, BUG, TASK), project(2, BUG), project(3, TASK)]


@pytest.fixture
def site() -> Iterator[ScriptedSite]:
    """A Data Center site of three projects."""
    with scripted(SERVER, {**MYSELF, "GET /rest/api/2/project": LISTED}) as running:
        yield running


def read(connection: Connection, step: str, *projects: ProjectRef) -> list[tuple[Answer, Batch]]:
    """All answers of a step, each with what it means."""
    found = []
    for planned in jira.plan(step, connection, PlanContext(projects)):
        partition: Partition | None = planned
        while partition is not None:
            answer = jira.fetch(step, connection, partition)
            raw = RawAnswer(answer.entity_type, answer.external_id, orjson.loads(answer.body), answer.metadata)
            found.append((answer, jira.normalise(raw)))
            partition = Partition(planned.key, answer.next_cursor) if answer.next_cursor is not None else None
    return found


def keys(batch: Batch) -> list[str]:
    return [found.key for found in batch.projects]


def test_data_center_gives_all_projects_with_their_types_at_once(site: ScriptedSite) -> None:
    ((answer, batch),) = read(site.connection(), PROJECTS)
    assert (answer.warning, answer.next_cursor, answer.entity_type) == ("", None, "jira_projects")
    assert orjson.loads(answer.body) == LISTED
    assert answer.metadata["projects"] == ["1", "2", "3"]
    assert keys(batch) == ["P1", "P2", "P3"]
    assert {wit.name for wit in batch.wits} == {"Bug", "Task"}
    assert [(pair.project_id, pair.wit_ids) for pair in batch.project_wits] == [
        ("1", ("1", "2")),
        ("2", ("1",)),
        ("3", ("2",)),
    ]
    assert site.calls == [SERVER_INFO, "GET /rest/api/2/myself", "GET /rest/api/2/project"]


def test_types_that_the_list_of_projects_lacks_are_asked_for_project_by_project(site: ScriptedSite) -> None:
    site.answers["GET /rest/api/2/project"] = [{**found, "issueTypes": None} for found in (*LISTED, LISTED[0])]
    for found in LISTED[:2]:
        site.answers[f"GET /rest/api/2/project/{found['id']}"] = found
    connection = site.connection(exclude_projects="P2")

    ((listed, batch),) = read(connection, PROJECTS)
    answers = [jira.fetch(PROJECTS, connection, partition) for partition in listed.partitions]
    first, gone = (
        jira.normalise(RawAnswer(answer.entity_type, answer.external_id, orjson.loads(answer.body), answer.metadata))
        for answer in answers
    )

    assert (keys(batch), batch.project_wits, batch.wits) == (["P1", "P3", "P1"], [], [])
    assert [(pairs.project_id, pairs.wit_ids) for pairs in first.project_wits] == [("1", ("1", "2"))]
    assert [kind.name for kind in first.wits] == ["Bug", "Task"]
    # The third project was archived meanwhile.
    assert (answers[1].metadata["status"], gone.is_empty) == (404, True)
    assert jira.recognise(PROJECTS, LISTED[0]) == (answers[0].entity_type, answers[0].external_id)


def test_a_type_that_cannot_be_read_ends_no_pair_of_a_project_asked_for_alone() -> None:
    content = {"id": "1", "key": "P1", "issueTypes": [BUG, {"name": "no id"}]}
    batch = jira.normalise(RawAnswer("jira_project_types", "project:1:types", content))
    assert ([kind.name for kind in batch.wits], batch.project_wits) == (["Bug"], [])
    assert [found.path for found in batch.quarantined] == ["issueTypes[1].id"]


def test_a_site_of_many_pairs_has_each_type_once() -> None:
    kinds = [KIND | {"id": str(number), "name": f"Type {number}"} for number in range(11)]
    # 86 pairs: ten projects use eight types each, and one uses six.
    projects = [project(number, *kinds[number % 4 :][:8]) for number in range(10)] + [project(10, *kinds[:6])]
    pages = {0: projects[:6], 6: projects[6:]}

    def page(request: Any) -> Any:
        start = int(request.text("startAt"))
        return {"values": pages[start], "startAt": start, "total": 11, "isLast": start == 6}

    with scripted(CLOUD, {**MYSELF, SEARCH: page}) as site:
        batches = [batch for _, batch in read(site.connection(), PROJECTS)]
    assert len(batches) == 2
    assert len({wit.external_id for batch in batches for wit in batch.wits}) == 11
    assert sum(len(pair.wit_ids) for batch in batches for pair in batch.project_wits) == 86


def says_of_last(start: int) -> dict[str, Any]:
    return {"isLast": start == 4}


def says_how_many(start: int) -> dict[str, Any]:
    return {"total": 5, "maxResults": 2}


def says_where_to_go_on(start: int) -> dict[str, Any]:
    return {} if start == 4 else {"nextPage": "https://acme.example/more"}


def says_the_size(start: int) -> dict[str, Any]:
    return {"maxResults": 2}


@pytest.mark.parametrize("told", [says_of_last, says_how_many, says_where_to_go_on, says_the_size])
@pytest.mark.parametrize("count", [5, 4])
def test_all_pages_of_projects_are_read_whatever_they_say_of_their_end(told: Any, count: int) -> None:
    projects = [project(number, BUG) for number in range(1, count + 1)]

    def page(request: Any) -> Any:
        start = int(request.text("startAt"))
        return {"values": projects[start : start + 2], **told(start)} if start < count else ApiError(404, "none")

    with scripted(CLOUD, {**MYSELF, SEARCH: page}) as site:
        found = read(site.connection(), PROJECTS)
    assert [key for _, batch in found for key in keys(batch)] == [f"P{number}" for number in range(1, count + 1)]
    assert [answer.warning for answer, _ in found] == [""] * len(found)


def test_a_site_that_gives_the_same_projects_again_is_an_error_and_no_endless_walk() -> None:
    again = pytest.raises(Permanent, match="startAt 1: the site gave the projects of the page before")
    with scripted(CLOUD, {**MYSELF, SEARCH: {"values": [project(1, BUG)], "isLast": False}}) as site, again:
        read(site.connection(), PROJECTS)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"projects": "p1,3"}, ["P1", "P3"]),
        ({"exclude_projects": "p1, 3"}, ["P2"]),
        ({"projects": "P1,P2", "exclude_projects": "P2"}, ["P1"]),
    ],
)
def test_projects_out_of_scope_are_not_loaded(
    site: ScriptedSite, settings: dict[str, str], expected: list[str]
) -> None:
    ((answer, batch),) = read(site.connection(**settings), PROJECTS)
    assert (keys(batch), answer.warning) == (expected, "")


def test_a_project_that_is_not_visible_is_warned_of(site: ScriptedSite) -> None:
    ((answer, _),) = read(site.connection(projects="P1,NOPE"), PROJECTS)
    assert answer.warning == "setting projects: NOPE is not visible to this account"


@pytest.mark.parametrize(
    ("info", "call", "nothing"), [(SERVER, "GET /rest/api/2/project", []), (CLOUD, SEARCH, ApiError(404, "none"))]
)
def test_a_site_without_a_visible_project_is_warned_of(info: Any, call: str, nothing: Any) -> None:
    with scripted(info, {**MYSELF, call: nothing}) as site:
        ((answer, batch),) = read(site.connection(projects="P1"), PROJECTS)
    assert (answer.warning, batch) == ("no project is visible to this account", Batch())


def test_statuses_and_fields_come_in_the_dialect_of_data_center(site: ScriptedSite) -> None:
    site.answers["GET /rest/api/2/status"] = [STATUS]
    site.answers["GET /rest/api/2/project/2/statuses"] = [BUG | {"statuses": [STATUS]}]
    (_, whole), (_, of_project) = read(site.connection(), STATUSES, ProjectRef("2", "P2"))
    assert [status.external_id for status in whole.statuses] == [STATUS["id"]]
    assert [(found.project_id, found.status_ids) for found in of_project.project_statuses] == [("2", (STATUS["id"],))]


def test_a_list_of_projects_is_recognised_as_an_answer_of_its_step() -> None:
    entity_type, name = jira.recognise(PROJECTS, LISTED)
    assert (entity_type, jira.recognise(PROJECTS, LISTED[:1])[1] != name) == ("jira_projects", True)
    assert keys(jira.normalise(RawAnswer(entity_type, name, LISTED))) == ["P1", "P2", "P3"]


def test_what_is_wrong_in_a_list_of_projects_is_quarantined_with_its_place() -> None:
    batch = jira.normalise(RawAnswer("jira_projects", "projects:0", [LISTED[0], {"id": "7"}, 5]))
    assert keys(batch) == ["P1"]
    assert [lost.path for lost in batch.quarantined] == ["[1].key", "[2]"]
