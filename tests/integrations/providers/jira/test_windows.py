"""Counting a project, and cutting a large one into windows."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.errors import Permanent
from integrations.provider import Partition, PlanContext, ProjectRef
from integrations.providers.jira import windows
from integrations.providers.jira.windows import DAY, MOST_WINDOWS, cut_in_windows
from integrations.sandbox import Faults, SandboxServer, Site, SiteSpec
from integrations.sandbox.http import ApiError, Request
from integrations.sandbox.jira.catalog import PROJECTS
from tests.integrations.providers.jira.extraction import (
    ISSUES_STEP,
    Read,
    connect,
    ids,
    jira,
    normalised,
    pages,
    plan_of,
)
from tests.integrations.providers.jira.scripted import CLOUD, SERVER, scripted

ISSUES = 60
# In the middle of what the site's issues were created in, so that some are in every window.
NOW = datetime(2026, 1, 10, tzinfo=UTC).timestamp()
COUNTS = {"Cloud": "/rest/api/3/search/approximate-count", "Server": "/rest/api/2/search"}


@pytest.fixture(params=["Cloud", "Server"])
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxServer]:
    """A project of 60 issues, which is large here: a window is to have 10."""
    monkeypatch.setattr(windows, "WINDOW_ISSUES", 10)
    site = Site(SiteSpec(issues=ISSUES, seed=5, projects=PROJECTS[:1]), clock=lambda: NOW)
    with SandboxServer(site, deployment=request.param) as running:
        yield running


def read(server: SandboxServer, **settings: str) -> Read:
    connection = connect(server, batch_size="50", **settings)
    return normalised(pages(ISSUES_STEP, connection, plan_of(server, connection)))


def test_a_large_project_is_cut_and_every_issue_comes_once(server: SandboxServer) -> None:
    found = read(server)
    assert sorted(ids(found)) == sorted(str(entry.id) for entry in server.site.entries)
    count, oldest, *rest = [answer for answer, _ in found]
    assert (count.entity_type, oldest.entity_type) == ("jira_issue_counts", "jira_issue_counts")
    assert {answer.entity_type for answer in rest} == {"jira_issues"}
    assert len({answer.external_id for answer, _ in found}) == len(found)
    assert 4 <= len(oldest.partitions) <= 7
    # All belong to one watermark, under keys of their own, and ask the same but for their windows.
    scope = plan_of(server, connect(server)).scope
    assert {part.scope for part in oldest.partitions} == {scope} == {f"project:{PROJECTS[0].id}"}
    assert len({part.key for part in oldest.partitions}) == len(oldest.partitions)
    asked = {str({**part.cursor["question"], "window": None}) for part in oldest.partitions}
    assert asked == {str(plan_of(server, connect(server)).cursor["question"])}


def test_newest_issues_come_first_so_that_results_show_early(server: SandboxServer) -> None:
    found = read(server)
    created = [[item.created for item in batch.work_items] for _, batch in found if batch.work_items]
    assert all(max(older) < min(newer) for newer, older in pairwise(created))


def test_a_small_project_goes_on_with_its_pages(server: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "WINDOW_ISSUES", ISSUES)
    found = read(server)
    assert [answer.entity_type for answer, _ in found[:2]] == ["jira_issue_counts", "jira_issues"]
    assert not any(answer.partitions for answer, _ in found)
    assert set(ids(found)) == {str(entry.id) for entry in server.site.entries}


def test_a_read_since_some_time_is_neither_counted_nor_cut(server: SandboxServer) -> None:
    connection = connect(server, batch_size="50")
    watermark = datetime.fromtimestamp(min(entry.updated for entry in server.site.entries) / 1000, UTC)
    project = PROJECTS[0]
    context = PlanContext([ProjectRef(project.id, project.key)], {f"project:{project.id}": watermark})
    (partition,) = jira.plan(ISSUES_STEP, connection, context)
    found = normalised(pages(ISSUES_STEP, connection, partition))
    assert {answer.entity_type for answer, _ in found} == {"jira_issues"}
    assert set(ids(found)) == {str(entry.id) for entry in server.site.entries}


@pytest.mark.parametrize("status", [400, 403, 404, 410, 500, 503, 504])
def test_where_a_site_does_not_count_its_pages_are_read(status: int) -> None:
    page = {"issues": [], "isLast": True}
    refusal = ApiError(status, "no counting here")
    answers = {"POST /rest/api/3/search/approximate-count": refusal, "POST /rest/api/3/search/jql": page}
    with scripted(CLOUD, answers) as site:
        partition = jira.plan(ISSUES_STEP, site.connection(), PlanContext([ProjectRef("1", "ORB")]))[0]
        answer = jira.fetch(ISSUES_STEP, site.connection(), partition)
    assert (answer.entity_type, answer.next_cursor) == ("jira_issues", None)


@pytest.mark.parametrize("status", [400, 500, 504])
def test_where_a_site_does_not_tell_its_first_issue_its_pages_are_read(status: int) -> None:
    def search(request: Request) -> dict[str, object]:
        if b"created ASC" in request.body:
            raise ApiError(status, "no such order here")
        return {"issues": [], "isLast": True}

    answers = {"POST /rest/api/3/search/approximate-count": {"count": 9999}, "POST /rest/api/3/search/jql": search}
    with scripted(CLOUD, answers) as site:
        partition = jira.plan(ISSUES_STEP, site.connection(), PlanContext([ProjectRef("1", "ORB")]))[0]
        count = jira.fetch(ISSUES_STEP, site.connection(), partition)
        assert count.next_cursor is not None
        answer = jira.fetch(ISSUES_STEP, site.connection(), Partition(partition.key, count.next_cursor))
    assert (answer.entity_type, answer.next_cursor) == ("jira_issues", None)


def test_wrong_credentials_are_told_by_the_count() -> None:
    with scripted(CLOUD, {"POST /rest/api/3/search/approximate-count": ApiError(401, "who are you")}) as site:
        partition = jira.plan(ISSUES_STEP, site.connection(), PlanContext([ProjectRef("1", "ORB")]))[0]
        with pytest.raises(Permanent, match="approximate-count answered 401"):
            jira.fetch(ISSUES_STEP, site.connection(), partition)


@pytest.mark.parametrize("first", [[], ["gone"], [{"id": "1", "fields": {}}], [{"id": "1"}]])
def test_a_project_whose_first_issue_cannot_be_read_is_read_in_one_piece(first: list[object]) -> None:
    answers = {
        "POST /rest/api/2/search": {"total": 9999, "issues": first},
        "GET /rest/api/2/myself": {"timeZone": "UTC"},
    }
    with scripted(SERVER, answers) as site:
        partition = jira.plan(ISSUES_STEP, site.connection(), PlanContext([ProjectRef("1", "ORB")]))[0]
        count = jira.fetch(ISSUES_STEP, site.connection(), partition)
        assert count.next_cursor is not None
        oldest = jira.fetch(ISSUES_STEP, site.connection(), Partition(partition.key, count.next_cursor))
    assert oldest.partitions == ()
    assert oldest.next_cursor is not None
    assert oldest.next_cursor["call"] == "page"


def test_a_forbidden_project_is_an_error_and_not_an_empty_one(server: SandboxServer) -> None:
    server.faults = Faults(forbidden_projects=(PROJECTS[0].key,))
    with pytest.raises(Permanent, match=r"answered 40[03]"):
        read(server)


MOMENTS = st.integers(0, 4_000_000_000_000)


@given(MOMENTS, MOMENTS, st.integers(1, 10_000_000))
def test_windows_meet_without_a_gap_and_are_open_at_both_ends(oldest: int, newest: int, count: int) -> None:
    found = cut_in_windows(oldest, newest, count)
    assert found[0][1] is None
    assert found[-1][0] is None
    assert all(newer[0] == older[1] for newer, older in pairwise(found))
    bounds = [begin for begin, _ in found[:-1]]
    assert all(begin is not None and begin % DAY == 0 for begin in bounds)
    assert len(found) <= min(-(-count // windows.WINDOW_ISSUES), MOST_WINDOWS) + 1


def test_issues_are_shared_out_evenly_over_the_days() -> None:
    begin = datetime(2020, 1, 1, tzinfo=UTC)
    oldest, newest = begin.timestamp() * 1000, (begin + timedelta(days=1000)).timestamp() * 1000
    found = cut_in_windows(int(oldest), int(newest), 10 * windows.WINDOW_ISSUES)
    assert [end - begin for begin, end in found[1:-1] if begin is not None and end is not None] == [100 * DAY] * 9
