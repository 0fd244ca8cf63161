"""Paging through a project that changes meanwhile, in both dialects, against the sandbox."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest

from integrations.errors import Permanent
from integrations.provider import Answer, Partition, PlanContext, ProjectRef
from integrations.providers.jira import paging
from integrations.sandbox import Faults, SandboxServer, Site, SiteSpec
from integrations.sandbox.http import Request
from integrations.sandbox.jira.catalog import PROJECTS
from tests.integrations.providers.jira.extraction import (
    ISSUES_STEP,
    NOW,
    Read,
    connect,
    first_page,
    ids,
    jira,
    normalised,
    pages,
    plan_of,
    run,
)
from tests.integrations.providers.jira.samples import issue
from tests.integrations.providers.jira.scripted import CLOUD, SERVER, scripted

ISSUES = 60
SEARCHES = {"Cloud": "/rest/api/3/search/jql", "Server": "/rest/api/2/search"}


@pytest.fixture(params=["Cloud", "Server"])
def server(request: pytest.FixtureRequest) -> Iterator[SandboxServer]:
    yield from serve(request.param)


@pytest.fixture
def cloud() -> Iterator[SandboxServer]:
    yield from serve("Cloud")


@pytest.fixture
def data_center() -> Iterator[SandboxServer]:
    yield from serve("Server")


def serve(deployment: str) -> Iterator[SandboxServer]:
    """A site with one project, in which pages of 10 have something to go wrong."""
    site = Site(SiteSpec(issues=ISSUES, seed=5, projects=PROJECTS[:1]), clock=lambda: NOW)
    with SandboxServer(site, deployment=deployment) as server:
        yield server


def read(server: SandboxServer, between: "Between | None" = None, **settings: str) -> Read:
    connection = connect(server, **{"batch_size": "10", **settings})
    return normalised(pages(ISSUES_STEP, connection, plan_of(server, connection), between or Between()))


class Between:
    """Does something to the site after the n-th page of issues; the first one is 1."""

    def __init__(self, **actions: Callable[[Answer], None]) -> None:
        self.pages, self.actions = 0, {int(name[1:]): action for name, action in actions.items()}

    def __call__(self, answer: Answer) -> None:
        self.pages += answer.entity_type == "jira_issues"
        if answer.entity_type == "jira_issues" and self.pages in self.actions:
            self.actions[self.pages](answer)


class Action:
    """Deletes or edits issues by their place in the list that is being read, newest first."""

    def __init__(self, server: SandboxServer, places: range, *, edit: bool = False) -> None:
        self.server, self.places, self.edit = server, places, edit
        self.touched: set[str] = set()

    def __call__(self, answer: Answer) -> None:
        newest = sorted(self.server.site.entries, key=lambda entry: (-entry.updated, -entry.id))
        for entry in [newest[place] for place in self.places]:
            self.touched.add(str(entry.id))
            if self.edit:
                self.server.site.edit_issue(entry.key, summary="Edited meanwhile")
            else:
                self.server.site.delete_issue(entry.key)


def all_ids(server: SandboxServer) -> set[str]:
    return {str(entry.id) for entry in server.site.entries}


def test_every_issue_comes_and_pages_have_names_of_their_own(server: SandboxServer) -> None:
    found = read(server)
    assert set(ids(found)) == all_ids(server)
    assert len({answer.external_id for answer, _ in found}) == len(found)
    assert not [answer.warning for answer, _ in found if answer.warning]


def test_by_token_no_issue_comes_twice(cloud: SandboxServer) -> None:
    assert sorted(ids(read(cloud))) == sorted(all_ids(cloud))


def test_pages_shorter_than_asked_for_are_not_taken_for_the_end(server: SandboxServer) -> None:
    server.faults = Faults(short_share=0.9)
    assert set(ids(read(server))) == all_ids(server)


@pytest.mark.parametrize("cap", [1, 2, 3, 7])
def test_the_cap_of_the_site_is_what_counts(data_center: SandboxServer, cap: int) -> None:
    site = data_center.site
    with SandboxServer(site, deployment="Server", page_cap=cap) as capped:
        assert set(ids(read(capped))) == {str(entry.id) for entry in site.entries}


@pytest.mark.parametrize("places", [range(1), range(4), range(8), range(2, 9), range(6, 14), range(10)])
def test_issues_deleted_while_pages_are_read_hide_no_other(server: SandboxServer, places: range) -> None:
    found = set(ids(read(server, Between(_1=Action(server, places), _3=Action(server, range(3))))))
    assert found >= all_ids(server)


@pytest.mark.parametrize("places", [range(5, 10), range(10), range(12, 30)])
def test_issues_edited_while_pages_are_read_hide_no_other(server: SandboxServer, places: range) -> None:
    edited = Action(server, places, edit=True)
    found = set(ids(read(server, Between(_1=edited))))
    # What was edited moved to the front: what of it was not read yet is there for the next sync.
    assert found >= all_ids(server) - edited.touched


def test_the_tail_of_a_page_may_be_edited_without_a_step_back(data_center: SandboxServer) -> None:
    found = read(data_center, Between(_1=Action(data_center, range(5, 10), edit=True)))
    assert not [answer for answer, _ in found if (answer.next_cursor or {}).get("back")]


def test_a_list_that_never_keeps_still_ends_with_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MOST_STEPS_BACK", 2)
    numbers = iter(range(1, 10_000))
    # Each call gives other issues, the older ones later, as if all before had been deleted meanwhile.
    page = lambda request: {  # noqa: E731
        "total": 9999,
        "issues": [
            {"id": str(next(numbers)), "fields": {"updated": f"{2020 - next(numbers) // 100}-01-01T00:00:00Z"}}
            for _ in range(10)
        ],
    }
    with scripted(SERVER, {"POST /rest/api/2/search": page, "GET /rest/api/2/myself": {"timeZone": "UTC"}}) as site:
        partition = jira.plan(ISSUES_STEP, site.connection(), PlanContext([ProjectRef("1", "ORB")]))[0]
        question = {**partition.cursor, "call": "page"}
        with pytest.raises(Permanent, match="changed under 2 pages"):
            pages(ISSUES_STEP, site.connection(), Partition("1", question))


def test_an_expired_token_is_no_loss_and_costs_little(cloud: SandboxServer) -> None:
    # Twice, at different places; the second time within the search that the first made necessary.
    expire = lambda answer: cloud.expire_tokens()  # noqa: E731
    found = read(cloud, Between(_2=expire, _4=expire))
    assert set(ids(found)) == all_ids(cloud)
    assert len(ids(found)) <= ISSUES + 4
    assert cloud.counts[SEARCHES["Cloud"]] <= ISSUES / 10 + 4


def test_tokens_that_are_good_for_one_page_only_are_no_loss(cloud: SandboxServer) -> None:
    cloud.faults = Faults(token_pages=1)
    assert set(ids(read(cloud))) == all_ids(cloud)


def test_issues_that_were_changed_in_bulk_outlive_tokens_that_expire_again_and_again(cloud: SandboxServer) -> None:
    bulk = max(entry.updated for entry in cloud.site.entries)
    for entry in cloud.site.entries:
        entry.updated = bulk
    expire = lambda answer: cloud.expire_tokens()  # noqa: E731
    found = read(cloud, Between(_2=expire, _4=expire, _6=expire, _8=expire))
    assert set(ids(found)) == all_ids(cloud)


def test_a_site_that_takes_no_token_at_all_is_an_error_and_no_endless_walk(cloud: SandboxServer) -> None:
    connection = connect(cloud, batch_size="2")
    cursor = first_page(connection, cloud).next_cursor
    assert cursor is not None
    same_instant = {**cursor, "until": cursor["last"][0], "back": paging.MOST_RESTARTS}
    cloud.expire_tokens()
    with pytest.raises(Permanent, match=r"answered 400.*expired.*\(JQL: project = "):
        jira.fetch(ISSUES_STEP, connection, Partition("project", same_instant))


LEGACY = {"startAt": 0, "maxResults": 2}


@pytest.mark.parametrize("shape", [LEGACY, {"isLast": False}, {"isLast": False, "nextPageToken": None}])
def test_a_site_that_gives_no_token_is_read_on_by_time(shape: dict[str, object]) -> None:
    # Three within one minute, more than a page has; two at one instant.
    moments = [1_740_000_030_000 + at for at in (0, 0, 10, 20, 90_000, 900_000)]

    def search(request: Request) -> dict[str, object]:
        until = re.search(r"updated <= (\d+)", request.json()["jql"])
        found = [at for at in enumerate(moments) if until is None or at[1] <= int(until[1])][::-1]
        issues = [issue(number, updated=at) for number, at in found[:2]]
        whole = len(found) <= 2
        told = {"total": len(found)} if shape is LEGACY else {"isLast": True} if whole else {}
        return {**shape, "issues": issues, **told}

    with scripted(CLOUD, {"POST /rest/api/3/search/jql": search}) as site:
        found = run(ISSUES_STEP, site.connection(batch_size="2"), PlanContext([ProjectRef("1", "OLD")]))
    assert set(ids(found)) == {str(50_000 + number) for number in range(len(moments))}
    assert [answer.warning for answer, _ in found if answer.warning] == []


def test_a_site_that_gives_no_token_and_no_way_on_is_told_of() -> None:
    page = {"isLast": False, "issues": [issue(number, updated=5) for number in range(2)]}
    with scripted(CLOUD, {"POST /rest/api/3/search/jql": page}) as site:
        partition = jira.plan(ISSUES_STEP, site.connection(), PlanContext([ProjectRef("1", "OLD")]))[0]
        answer = jira.fetch(ISSUES_STEP, site.connection(), partition)
        steps = 1
        while answer.next_cursor is not None:
            answer, steps = jira.fetch(ISSUES_STEP, site.connection(), Partition("1", answer.next_cursor)), steps + 1
    assert (answer.warning, steps) == ("the site ended a search too early: it has more pages, and names none", 3)


def test_a_page_goes_on_as_it_was_asked_whatever_the_settings_say_now(cloud: SandboxServer) -> None:
    connection = connect(cloud, batch_size="10")
    cursor = first_page(connection, cloud).next_cursor
    assert cursor is not None
    changed = connect(cloud, batch_size="10", base_search='created >= "2100-01-01"', start_date="2100-01-01")
    assert len(normalised(pages(ISSUES_STEP, changed, Partition("project", cursor)))) == ISSUES / 10 - 1


def test_issues_before_the_start_date_are_not_read(server: SandboxServer) -> None:
    found = run(
        ISSUES_STEP,
        connect(server, start_date="2025-06-01"),
        PlanContext([ProjectRef(PROJECTS[0].id, PROJECTS[0].key)]),
    )
    # The sandbox's account lives in Los Angeles, where that day begins seven hours later.
    begin = 1_748_736_000_000 + (server.deployment == "Server") * 7 * 3_600_000
    wanted = {str(entry.id) for entry in server.site.entries if entry.updated >= begin}
    assert set(ids(found)) == wanted
    assert 0 < len(wanted) < ISSUES


def test_an_issue_that_cannot_be_read_at_a_pages_end_does_not_stop_the_walk() -> None:
    calls = []

    def search(request: object) -> dict[str, object]:
        calls.append(request)
        if len(calls) == 1:
            issue = {"id": "7", "fields": {"updated": "2025-01-01T00:00:30.000+0000"}}
            return {"issues": [issue, {"id": "6"}, "gone"], "nextPageToken": "a"}
        return {"issues": [], "isLast": True}

    with scripted(CLOUD, {"POST /rest/api/3/search/jql": search}) as site:
        partition = jira.plan(ISSUES_STEP, site.connection(), PlanContext([ProjectRef("1", "ORB")]))[0]
        answer = jira.fetch(ISSUES_STEP, site.connection(), partition)
        assert answer.next_cursor is not None
        assert answer.next_cursor["last"] == [1_735_689_630_000, "7"]


@pytest.mark.parametrize("told", [None, "Wed, 01 Jan 2025 12:00:00 GMT"])
def test_where_a_site_tells_no_time_its_newest_issue_does(told: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    # Our server always tells it: the header is overlooked.
    monkeypatch.setattr("integrations.http.source_time", lambda headers: told and parsedate_to_datetime(told))
    page = {"isLast": True, "issues": [{"id": "3"}, issue(2, updated="2024-12-31T23:00:00.500+0000"), issue(1)]}
    with scripted(CLOUD, {"POST /rest/api/3/search/jql": page}) as site:
        partition = jira.plan(ISSUES_STEP, site.connection(), PlanContext([ProjectRef("1", "ORB")]))[0]
        answer = jira.fetch(ISSUES_STEP, site.connection(), partition)
    expected = datetime(2025, 1, 1, 12, tzinfo=UTC) if told else datetime(2024, 12, 31, 23, 0, 0, 500_000, tzinfo=UTC)
    assert answer.source_time == expected
