"""Fetching issues again by id, in both dialects."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from integrations.provider import Answer, Connection, RawAnswer
from integrations.providers.jira.refetch import ISSUES_A_CALL
from integrations.sandbox import SandboxServer, Site, SiteSpec
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
    assert [issue_id for part in partitions for issue_id in part.cursor["issue_ids"]] == wanted
    assert [len(part.cursor["issue_ids"]) for part in partitions] == [ISSUES_A_CALL, ISSUES_A_CALL, 1]
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
        (CLOUD, "/rest/api/3/issue/bulkfetch", {"issues": [issue(1)]}, ["50002"], ["50001", "50002"]),
    ],
)
def test_what_did_not_fit_into_a_page_is_not_taken_for_gone(
    info: Any, path: str, content: Any, gone: list[str], settled: list[str]
) -> None:
    with scripted(info, {f"POST {path}": content, "GET /rest/api/2/myself": {"timeZone": "UTC"}}) as site:
        (partition,) = jira.refetch(site.connection(), ["50001", "50002"])
        answer = jira.fetch(ISSUES_STEP, site.connection(), partition)
    assert answer.metadata["issue_ids"] == settled
    left = [] if answer.next_cursor is None else answer.next_cursor["issue_ids"]
    assert left == [issue_id for issue_id in ("50001", "50002") if issue_id not in settled]
    ((_, batch),) = normalised([(answer, [])])
    assert batch.gone == gone


def test_a_recorded_answer_by_id_is_told_from_a_page() -> None:
    """An import has no metadata: nothing may be taken for gone."""
    content = {"issues": [issue(1)], "issueErrors": [{"id": "9", "errorMessage": "Issue does not exist"}]}
    entity_type, name = jira.recognise(ISSUES_STEP, content)
    assert (entity_type, name[:7]) == ("jira_issues_by_id", "issues:")
    assert jira.recognise(ISSUES_STEP, {"issues": [issue(1)]})[0] == "jira_issues"
    assert jira.normalise(RawAnswer(entity_type, name, content)).gone == []
