"""Custom fields: the list of all, and what projects offer for new issues where the account may create them."""

from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest

from integrations.errors import Permanent
from integrations.provider import Answer, Connection, Partition, PlanContext, ProjectRef, RawAnswer
from integrations.providers.jira import client
from integrations.providers.jira.provider import JiraProvider
from integrations.records import Batch, OfferedField, ProjectFields
from integrations.sandbox import Faults, SandboxServer, Site, SiteSpec
from integrations.sandbox.faults import Createmeta
from integrations.sandbox.http import ApiError, Request, Response

from .scripted import CLOUD, ScriptedSite, scripted

jira = JiraProvider()
STEP = "jira_custom_fields"
SITE = Site(SiteSpec(issues=5, seed=3))
PROJECTS = [ProjectRef(project.id, project.key) for project in SITE.spec.projects]
PAIRS = {(project.id, kind.id) for project in SITE.spec.projects for kind in project.types}
OLD = "GET /rest/api/3/issue/createmeta"
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
    assert all(field.listed for field in listed.custom_fields)
    for answer, batch in offered:
        seen = {(field.external_id, field.name, field.field_type) for field in batch.custom_fields}
        assert len(names) - 2 <= len(seen) <= len(names)
        assert seen <= names
        assert {field.operations for field in batch.custom_fields} == {("set",), ("add", "set", "remove")}
        assert not any(field.listed for field in batch.custom_fields)
        (told,) = batch.project_fields
        assert (told.project_id, told.wit_id) == (answer.metadata["project_id"], answer.metadata["type_id"])
        assert {(field.external_id, field.name, field.field_type) for field in told.fields} == seen
        assert batch.quarantined == []


def test_an_old_site_tells_of_each_type_what_pages_would(server: SandboxServer) -> None:
    paged = discover(connect(server), PROJECTS[:2])
    server.faults.createmeta = Createmeta.WHOLE
    whole = discover(connect(server), PROJECTS[:2])
    assert {answer.entity_type for answer, _ in whole} == {"jira_fields", "jira_createmeta_types", "jira_createmeta"}
    assert not any(answer.warning for answer, _ in whole)
    told = [
        {(one.project_id, one.wit_id, one.fields) for _, b in read for one in b.project_fields}
        for read in (paged, whole)
    ]
    assert told[0] == told[1]
    assert len(told[0]) == 10


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
    kinds = ["jira_createmeta_types", "jira_createmeta"]
    assert sorted(answer.entity_type for answer, _ in others) == sorted(kinds * len(PROJECTS))
    warned = [answer.warning for answer, _ in others if answer.entity_type == "jira_createmeta"]
    assert all("the account may not create issues in " in warning for warning in warned)
    assert all(batch == Batch() for _, batch in others)


def test_projects_out_of_scope_are_not_asked(server: SandboxServer) -> None:
    read = discover(connect(server, exclude_projects=PROJECTS[0].key), PROJECTS)
    asked = {answer.metadata.get("project_id") for answer, _ in read[1:]}
    assert asked == {project.external_id for project in PROJECTS[1:]}


def orb(**answers: Any) -> dict[str, Any]:
    """A site with one project, ORB, whose types are answered so, and those of a type by their id."""
    paths = {"types": TYPES, "whole": OLD, "field": "GET /rest/api/3/field"}
    return {"GET /rest/api/3/field": []} | {
        paths.get(name, f"{TYPES}/{name[1:]}"): given for name, given in answers.items()
    }


def of_orb(site: ScriptedSite) -> list[tuple[Answer, Batch]]:
    """All answers but the first."""
    return discover(site.connection(), [ProjectRef("1", "ORB")])[1:]


def test_a_refusal_is_no_failure_and_asks_no_further() -> None:
    with scripted(CLOUD, orb(types=ApiError(403, "no"))) as site:
        ((answer, batch),) = of_orb(site)
    assert answer.warning.startswith("the account may not create issues in ORB")
    assert (answer.metadata["status"], batch) == (403, Batch())


HTML = Response(404, b"<html>dead link</html>", "text/html")


@pytest.mark.parametrize(
    "gone", [ApiError(404, "no"), ApiError(405, "no"), ApiError(410, "no"), HTML, {"issueTypes": []}]
)
@pytest.mark.parametrize("old", [ApiError(404, "no"), ApiError(403, "no"), HTML, {"projects": []}])
def test_where_pages_are_gone_or_empty_the_old_call_is_tried_and_its_lack_is_no_failure(gone: Any, old: Any) -> None:
    with scripted(CLOUD, orb(types=gone, whole=old)) as site:
        (first, _), (second, batch) = of_orb(site)
        assert site.last.query == {"projectIds": ["1"], "expand": ["projects.issuetypes.fields"]}
    assert (first.warning, batch) == ("", Batch())
    assert second.warning == "the account may not create issues in ORB: which of its types offer a field is not known"


def test_another_error_is_a_failure() -> None:
    with scripted(CLOUD, orb(types=ApiError(400, "odd"))) as site, pytest.raises(Permanent, match="400: odd"):
        of_orb(site)


@pytest.mark.parametrize("refusal", [ApiError(400, "no"), ApiError(403, "no"), ApiError(404, "no"), HTML])
def test_fields_of_a_type_that_left_meanwhile_are_none(refusal: Any) -> None:
    with scripted(CLOUD, orb(types={"issueTypes": [{"id": "7"}, "odd"], "total": 2}, _7=refusal)) as site:
        *_, (answer, batch) = of_orb(site)
    assert (answer.entity_type, batch, answer.next_cursor) == ("jira_createmeta_fields", Batch(), None)


def entries(count: int) -> list[dict[str, Any]]:
    return [{"fieldId": f"customfield_{number}", "schema": {"custom": "x"}} for number in range(count)]


def cut(count: int, size: int, said: Callable[[int, int], dict[str, Any]]) -> Callable[[Request], dict[str, Any]]:
    """Pages of ``size`` of so many fields, each with what ``said`` makes of its start and end."""

    def answer(request: Request) -> dict[str, Any]:
        start = int(request.text("startAt"))
        return {"fields": entries(count)[start : start + size], **said(start, start + size)}

    return answer


@pytest.mark.parametrize(
    "said",
    [
        lambda start, end: {"total": 5},
        lambda start, end: {"isLast": end >= 5},
        lambda start, end: {"maxResults": 2},
        lambda start, end: {"total": 9, "maxResults": 2},
    ],
    ids=["total", "isLast", "neither", "too large a total"],
)
def test_all_pages_are_read_whatever_they_say_of_their_number(said: Callable[[int, int], dict[str, Any]]) -> None:
    with scripted(CLOUD, orb(types={"issueTypes": [{"id": "7"}]}, _7=cut(5, 2, said))) as site:
        read = of_orb(site)
    ids = [field.external_id for _, batch in read for field in batch.custom_fields]
    assert ids == [f"customfield_{number}" for number in range(5)]


def test_a_site_that_gives_everything_each_time_and_says_nothing_of_pages_is_read_once() -> None:
    everything = {"fields": entries(3), "maxResults": 3}
    with scripted(CLOUD, orb(types={"issueTypes": [{"id": "7"}]}, _7=everything)) as site:
        _, *pages = of_orb(site)
    assert len(pages) == 2
    assert pages[-1][0].next_cursor is None


def test_a_site_that_repeats_a_page_and_promises_more_is_a_failure() -> None:
    repeated = {"fields": entries(3), "total": 9}
    with (
        scripted(CLOUD, orb(types={"issueTypes": [{"id": "7"}]}, _7=repeated)) as site,
        pytest.raises(Permanent, match="startAt 3: the site gave the page before once more"),
    ):
        of_orb(site)


@pytest.mark.parametrize("ends", [{}, {"isLast": False}])
def test_a_type_that_is_listed_twice_on_pages_of_one_entry_stops_nothing(ends: dict[str, Any]) -> None:
    listed = ["7", "8", "8", "9"]

    def types(request: Request) -> dict[str, Any]:
        start = int(request.text("startAt"))
        entries = [{"id": one} for one in listed[start : start + 1]]
        return {"issueTypes": entries, "total": 4, "startAt": start} | (ends if start < 3 else {})

    with scripted(CLOUD, orb(types=types, _7={"fields": []}, _8={"fields": []}, _9={"fields": []})) as site:
        asked = {answer.metadata.get("type_id") for answer, _ in of_orb(site)}
    assert asked == {None, "7", "8", "9"}


def test_a_site_that_repeats_a_page_of_one_entry_for_ever_is_a_failure() -> None:
    def types(request: Request) -> dict[str, Any]:
        return {"issueTypes": [{"id": "7"}], "total": 2, "startAt": int(request.text("startAt")), "isLast": False}

    with (
        scripted(CLOUD, orb(types=types, _7={"fields": []})) as site,
        pytest.raises(Permanent, match="startAt 2: the site gave the page before once more"),
    ):
        of_orb(site)


def test_a_type_that_comes_twice_makes_no_two_partitions_of_one_key() -> None:
    pages = {0: ["7", "7", "8"], 3: ["8", "9"]}

    def types(request: Request) -> dict[str, Any]:
        return {"issueTypes": [{"id": one} for one in pages[int(request.text("startAt"))]], "total": 5}

    with scripted(CLOUD, orb(types=types)) as site:
        cursor: Any = {"project_id": "1", "project_key": "ORB", "start_at": 0}
        keys = []
        while cursor:
            answer = jira.fetch(STEP, site.connection(), Partition("types:1", cursor))
            keys += [partition.key for partition in answer.partitions]
            cursor = answer.next_cursor
    assert (len(keys), len(set(keys))) == (4, 4)


def test_a_field_of_one_project_says_so_and_the_others_do_not() -> None:
    shared = {"id": "customfield_1", "name": "Team", "custom": True}
    scope = {"scope": {"type": "PROJECT", "project": {"id": "10004"}}}
    batch = jira.normalise(RawAnswer("jira_fields", "fields", [shared, {**shared, "id": "customfield_2", **scope}]))
    assert batch.project_fields == [ProjectFields("10004", None, (OfferedField("customfield_2", "Team", ""),))]
    assert [field.external_id for field in batch.custom_fields] == ["customfield_1", "customfield_2"]


def test_of_an_old_answer_what_can_be_read_is_and_the_rest_quarantined() -> None:
    fields = {
        "customfield_1": {"required": True, "name": "Team", "schema": {"type": "team", "custom": "x"}},
        "customfield_2": {"required": "yes"},
        "customfield_3": None,
        "summary": {"schema": {"system": "summary"}},
    }
    types = [{"id": "7", "fields": fields}, {"id": "8"}, {"fields": {}}, "odd", {"id": "9", "fields": {}}]
    content = {"projects": [{"id": "1", "issuetypes": types}, {"id": "2", "issuetypes": None}, 5]}
    batch = jira.normalise(RawAnswer("jira_createmeta", "project:1:createmeta", content))
    assert batch.project_fields == [
        ProjectFields("1", "7", (OfferedField("customfield_1", "Team", "team", required=True),)),
        ProjectFields("1", "9", ()),
    ]
    assert [lost.path for lost in batch.quarantined] == [
        "projects[0].issuetypes[0].fields.customfield_2.required",
        "projects[0].issuetypes[0].fields.customfield_3",
        "projects[0].issuetypes[1].fields",
        "projects[0].issuetypes[2].id",
        "projects[0].issuetypes[3]",
        "projects[1].issuetypes",
        "projects[2]",
    ]


def test_a_field_that_types_offer_with_other_operations_has_those_of_all() -> None:
    offered = [{"id": wit, "fields": {"customfield_1": {"operations": operations, "schema": {"custom": "x"}}}}
               for wit, operations in (("7", ["set"]), ("8", ["add", "set"]))]  # fmt: skip
    batch = jira.normalise(RawAnswer("jira_createmeta", "x", {"projects": [{"id": "1", "issuetypes": offered}]}))
    assert [field.operations for field in batch.custom_fields] == [("set", "add")]


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
        ({"projects": [{"id": "1", "issuetypes": []}]}, "jira_createmeta"),
    ],
)
def test_recorded_pages_are_recognised(content: Any, entity_type: str) -> None:
    assert jira.recognise(STEP, content)[0] == entity_type


@pytest.mark.parametrize("content", [{"values": [{"id": "1", "key": "ORB"}]}, {"fields": "all"}, {}, {"values": []}])
def test_what_is_no_page_of_fields_is_not_recognised(content: Any) -> None:
    with pytest.raises(Permanent, match="takes the list of /field or a page of /issue/createmeta"):
        jira.recognise(STEP, content)
