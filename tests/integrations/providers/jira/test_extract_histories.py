"""Histories that a page cut: many issues at once, issue by issue where that is refused, and on Data Center."""

from collections.abc import Iterator
from typing import Any

import pytest

from integrations.errors import Permanent
from integrations.provider import Answer, Partition, PlanContext, ProjectRef
from integrations.providers.jira import client, cloud
from integrations.sandbox import Faults, SandboxServer, Site, SiteSpec
from integrations.sandbox.http import ApiError, Request
from integrations.sandbox.jira.catalog import PROJECTS
from tests.integrations.providers.jira.extraction import (
    ISSUES_STEP,
    NOW,
    Read,
    connect,
    jira,
    normalised,
    pages,
    plan_of,
)
from tests.integrations.providers.jira.samples import history, issue, item
from tests.integrations.providers.jira.scripted import CLOUD, SERVER, ScriptedSite, scripted

BULK = "/rest/api/3/changelog/bulkfetch"


@pytest.fixture(scope="module")
def running() -> Iterator[SandboxServer]:
    site = Site(SiteSpec(issues=40, seed=11, projects=PROJECTS[:1]), clock=lambda: NOW)
    with SandboxServer(site, inline_histories=3) as server:
        yield server


@pytest.fixture
def server(running: SandboxServer) -> SandboxServer:
    running.faults = Faults()
    return running


def read(server: SandboxServer) -> Read:
    connection = connect(server, batch_size="20")
    return normalised(pages(ISSUES_STEP, connection, plan_of(server, connection)))


def expected(server: SandboxServer) -> dict[str, int]:
    """How many status changes each issue has."""
    return {
        str(entry.id): sum(
            change.get("field") == "status" for found in server.site.issue(entry).histories for change in found.items
        )
        for entry in server.site.entries
    }


def changes(found: Read) -> dict[str, int]:
    assert not [lost for _, batch in found for lost in batch.quarantined]
    return {record.external_id: len(record.changes) for _, batch in found for record in batch.work_items}


def test_histories_of_many_issues_come_together(server: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "HISTORIES_A_PAGE", 30)
    assert changes(read(server)) == expected(server)


def test_where_the_bulk_call_is_missing_they_come_issue_by_issue(
    server: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloud, "HISTORIES_OF_AN_ISSUE", 7)
    server.faults = Faults(missing=[BULK])
    asked = server.counts[BULK]
    found = read(server)
    assert changes(found) == expected(server)
    # It is not tried again for each issue.
    assert server.counts[BULK] - asked == sum(len(answer.followups) for answer, _ in found)


@pytest.mark.parametrize("status", [400, 403, 404, 405, 410])
def test_a_refusal_in_the_middle_of_a_bulk_answer_is_made_good(status: int) -> None:
    def bulk(request: Request) -> Any:
        if b"nextPageToken" in request.body:
            raise ApiError(status, "no more")
        return {"issueChangeLogs": [{"issueId": "50001", "changeHistories": whole[:1]}], "nextPageToken": "a"}

    whole = [history(number, f"2025-03-0{number}T10:00:00.000+0000", item("1", "2")) for number in (1, 2, 3)]
    single = {"values": whole, "isLast": True, "total": 3}
    answers = {f"POST {BULK}": bulk, "GET /rest/api/3/issue/50001/changelog": single}
    assert whole_read(CLOUD, cut(3), answers) == 3


def test_data_center_gives_what_is_missing_with_the_issue() -> None:
    whole = [history(number, f"2025-03-0{number}T10:00:00.000+0000", item("1", "2")) for number in (1, 2, 3)]
    single = {"id": "50001", "changelog": {"total": 3, "histories": whole}}
    answers = {"GET /rest/api/2/issue/50001": single, "GET /rest/api/2/myself": {"timeZone": "Asia/Tokyo"}}
    assert whole_read(SERVER, cut(3), answers) == 3


def test_an_issue_deleted_meanwhile_does_not_hold_its_page_back() -> None:
    other = [history(9, "2025-03-01T10:00:00.000+0000", item("1", "2"))]
    second = {**issue(2), "changelog": {"total": 1, "histories": []}}
    answers = {"GET /rest/api/3/issue/50002/changelog": {"values": other, "isLast": True, "total": 1}}
    with site_with(CLOUD, [cut(3), second, issue(3)], answers) as site:
        (_, batch) = normalised(fetched(site))[0]
    assert [(record.key, len(record.changes)) for record in batch.work_items] == [("ORB-2", 1), ("ORB-3", 0)]
    assert [lost.external_id for lost in batch.quarantined] == ["50001"]


@pytest.mark.parametrize("status", [401, 418])
def test_other_refusals_of_the_bulk_call_are_errors(status: int) -> None:
    refusing = site_with(CLOUD, [cut(3)], {f"POST {BULK}": ApiError(status, "no")})
    with refusing as site, pytest.raises(Permanent, match=f"bulkfetch answered {status}"):
        fetched(site)


@pytest.mark.parametrize("histories", [[], ...])
def test_a_changelog_without_any_history_but_a_total_is_completed(histories: Any) -> None:
    changelog = {"total": 1, "histories": histories} if histories is not ... else {"total": 1}
    with site_with(CLOUD, [{**issue(), "changelog": changelog}], {}) as site:
        answer = jira.fetch(ISSUES_STEP, site.connection(), partition(site))
    (followup,) = answer.followups
    assert followup.cursor["issue_ids"] == ["50001"]


def test_pages_of_one_issue_go_on_until_their_total_or_an_empty_one() -> None:
    def single(request: Request) -> Any:
        start = int(request.text("startAt"))
        return {"values": whole[start : start + 2]}

    whole = [history(number, f"2025-03-0{number}T10:00:00.000+0000", item("1", "2")) for number in range(1, 6)]
    assert whole_read(CLOUD, cut(5), {"GET /rest/api/3/issue/50001/changelog": single}) == 5


def cut(total: int) -> dict[str, Any]:
    """An issue of which one history of several came."""
    newest = history(total, f"2025-03-0{total}T10:00:00.000+0000", item("1", "2"))
    return {**issue(), "changelog": {"total": total, "histories": [newest]}}


def site_with(info: Any, issues: list[Any], answers: dict[str, Any]) -> Any:
    """A scripted site that has one page of issues, and does not count."""
    page = {"issues": issues, "isLast": True, "total": len(issues)}
    paths = {"POST /rest/api/3/search/jql": page, "POST /rest/api/2/search": page}
    return scripted(info, {**paths, **answers})


def partition(site: ScriptedSite) -> Partition:
    found = jira.plan(ISSUES_STEP, site.connection(), PlanContext([ProjectRef("20001", "ORB")]))[0]
    return Partition(found.key, {**found.cursor, "call": "page"}, found.scope)


def fetched(site: ScriptedSite) -> list[tuple[Answer, list[Answer]]]:
    return pages(ISSUES_STEP, site.connection(), partition(site))


def whole_read(info: Any, wanted: dict[str, Any], answers: dict[str, Any]) -> int:
    """How many changes the one issue of a site has, once all is read."""
    with site_with(info, [wanted], answers) as site:
        ((_, batch),) = normalised(fetched(site))
    (record,) = batch.work_items
    return len(record.changes)
