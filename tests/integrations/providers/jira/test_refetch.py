"""Fetching issues again by id, in both dialects."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from integrations.provider import Answer, Connection, RawAnswer
from integrations.providers.jira.refetch import ISSUES_A_CALL
from integrations.sandbox import SandboxServer, Site, SiteSpec
from integrations.sandbox.http import ApiError
from integrations.sandbox.jira.catalog import PROJECTS
from tests.integrations.providers.jira.extraction import ISSUES_STEP, NOW, Read, connect, ids, jira, normalised, pages
from tests.integrations.providers.jira.questions import CONNECTION
from tests.integrations.providers.jira.samples import issue
from tests.integrations.providers.jira.scripted import CLOUD, SERVER, scripted


@pytest.fixture(params=["Cloud", "Server"])
def server(request: pytest.FixtureRequest) -> Iterator[SandboxServer]:
    """Data Center gives only seven issues a page here."""
    site = Site(SiteSpec(issues=70, seed=5, projects=PROJECTS[:2]), clock=lambda: NOW)
    with SandboxServer(site, deployment=request.param, inline_histories=4, page_cap=7) as running:
        yield running


def read(connection: Connection, item_ids: list[str]) -> Read:
    found: list[tuple[Answer, list[Answer]]] = []
    for partition in jira.refetch(connection, item_ids):
        found += pages(ISSUES_STEP, connection, partition)
    return normalised(found)


def test_issues_come_whole_and_those_that_are_gone_are_told(server: SandboxServer) -> None:
    entries = server.site.entries
    wanted = [str(entry.id) for entry in entries[:60]]
    server.site.delete_issue(entries[3].key)
    server.site.delete_issue(entries[55].key)
    moved = server.site.move_issue(
        entries[4].key, next(found.key for found in PROJECTS[:2] if found != entries[4].project)
    )
    found = read(connect(server), wanted)
    gone = {item for _, batch in found for item in batch.gone}
    assert gone == {wanted[3], wanted[55]}
    assert sorted(ids(found)) == sorted(set(wanted) - gone)
    assert moved in {record.key for _, batch in found for record in batch.work_items}
    assert not [lost for _, batch in found for lost in batch.quarantined]
    changes = {record.external_id: len(record.changes) for _, batch in found for record in batch.work_items}
    for entry in entries[6:50]:
        histories = server.site.issue(entry).histories
        assert changes[str(entry.id)] == sum(
            change.get("field") == "status" for found in histories for change in found.items
        )
    assert {answer.entity_type for answer, _ in found} == {"jira_issues_by_id"}
    assert len({answer.external_id for answer, _ in found}) == len(found)


def test_excluded_fields_are_not_stored(server: SandboxServer) -> None:
    wanted = [str(entry.id) for entry in server.site.entries[:5]]
    connection = connect(server, exclude_fields="summary")
    (partition,) = jira.refetch(connection, wanted)
    answer = jira.fetch(ISSUES_STEP, connection, partition)
    assert all("summary" not in issue["fields"] for issue in orjson.loads(answer.body)["issues"])
    assert b'"field":"summary"' not in answer.body


def test_every_issue_is_in_one_partition_and_keys_are_stable() -> None:
    wanted = [str(number) for number in range(2 * ISSUES_A_CALL + 1)]
    partitions = jira.refetch(CONNECTION, [*wanted, wanted[0], wanted[-1]])
    assert [issue_id for part in partitions for issue_id in part.cursor["items"]] == wanted
    assert [len(part.cursor["items"]) for part in partitions] == [ISSUES_A_CALL, ISSUES_A_CALL, 1]
    assert len({part.key for part in partitions}) == 3
    assert {part.scope for part in partitions} == {""}
    assert partitions == jira.refetch(CONNECTION, wanted)
    assert jira.refetch(CONNECTION, []) == []


@pytest.mark.parametrize(
    ("info", "path", "content", "gone", "settled"),
    [
        # What did not fit is asked for again; where nothing came, that would never end.
        (SERVER, "/rest/api/2/search", {"total": 2, "issues": [issue(1)]}, [], ["50001"]),
        (SERVER, "/rest/api/2/search", {"total": 2, "issues": []}, [], ["50001", "50002"]),
        (SERVER, "/rest/api/2/search", {"total": 1, "issues": [issue(1)]}, ["50002"], ["50001", "50002"]),
        (CLOUD, "/rest/api/3/issue/bulkfetch", {"issues": [issue(1)]}, [], ["50001"]),
        (CLOUD, "/rest/api/3/issue/bulkfetch", {"issues": []}, ["50001", "50002"], ["50001", "50002"]),
    ],
)
def test_what_did_not_fit_into_a_page_is_not_taken_for_gone(
    info: Any, path: str, content: Any, gone: list[str], settled: list[str]
) -> None:
    with scripted(info, {f"POST {path}": content, "GET /rest/api/2/myself": {"timeZone": "UTC"}}) as site:
        (partition,) = jira.refetch(site.connection(), ["50001", "50002"])
        answer = jira.fetch(ISSUES_STEP, site.connection(), partition)
    assert answer.metadata["issue_ids"] == settled
    later = [] if answer.next_cursor is None else answer.next_cursor["items"]
    assert later == [issue_id for issue_id in ("50001", "50002") if issue_id not in settled]
    ((_, batch),) = normalised([(answer, [])])
    assert batch.gone == gone


def test_a_recorded_answer_by_id_is_told_from_a_page() -> None:
    """An import has no metadata: nothing may be taken for gone."""
    content = {"issues": [issue(1)], "issueErrors": [{"id": "9", "errorMessage": "Issue does not exist"}]}
    entity_type, name = jira.recognise(ISSUES_STEP, content)
    assert (entity_type, name[:7]) == ("jira_issues_by_id", "issues:")
    assert jira.recognise(ISSUES_STEP, {"issues": [issue(1)]})[0] == "jira_issues"
    assert jira.normalise(RawAnswer(entity_type, name, content)).gone == []


GERMAN = "Der Vorgang ist nicht vorhanden."


@pytest.mark.parametrize(
    ("there", "gone"),
    [
        (ApiError(404, "Der Vorgang ist nicht vorhanden."), ["50002"]),
        (ApiError(403, "Nein."), []),
        (issue(2), []),
        ({"id": "50002", "errorMessages": []}, []),
    ],
)
def test_an_issue_that_did_not_come_in_whatever_words_is_looked_at_alone(there: Any, gone: list[str]) -> None:
    told = {"issues": [issue(1)], "issueErrors": [{"id": "50002", "errorMessage": GERMAN}]}
    answers = {"POST /rest/api/3/issue/bulkfetch": told, "GET /rest/api/3/issue/50002": there}
    with scripted(CLOUD, answers) as site:
        found = read(site.connection(), ["50001", "50002"])

    assert [answer.entity_type for answer, _ in found] == ["jira_issues_by_id", "jira_issue_lookups"]
    assert [item for _, batch in found for item in batch.gone] == gone
    assert [lost.external_id for _, batch in found for lost in batch.quarantined] == ["50002"]


def test_what_data_center_says_that_it_found_and_does_not_give_is_looked_at_alone() -> None:
    answers = {
        "POST /rest/api/2/search": {"total": 2, "issues": []},
        "GET /rest/api/2/issue/50001": ApiError(404, "Issue Does Not Exist"),
        "GET /rest/api/2/issue/50002": {"id": "50002"},
        "GET /rest/api/2/myself": {"timeZone": "UTC"},
    }
    with scripted(SERVER, answers) as site:
        found = read(site.connection(), ["50001", "50002"])

    assert [item for _, batch in found for item in batch.gone] == ["50001"]


@pytest.mark.parametrize("settings", [{"exclude_projects": PROJECTS[0].key}, {"projects": PROJECTS[1].id}])
def test_of_an_issue_in_a_project_that_is_not_read_nothing_is_kept(
    server: SandboxServer, settings: dict[str, str]
) -> None:
    wanted = [str(entry.id) for entry in server.site.entries[:20]]
    foreign = {str(entry.id) for entry in server.site.entries[:20] if entry.project.key == PROJECTS[0].key}
    assert 0 < len(foreign) < len(wanted)

    found = read(connect(server, **settings), wanted)

    assert {item for _, batch in found for item in batch.left} == foreign
    assert [item for _, batch in found for item in batch.gone] == []
    assert set(ids(found)) == set(wanted) - foreign
    stored = [one["id"] for answer, _ in found for one in orjson.loads(answer.body)["issues"]]
    assert set(stored) == set(wanted) - foreign
