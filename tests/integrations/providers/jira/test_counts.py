"""The count of a project is the number of issues that a full sync reads of it, under all settings."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from integrations.errors import Permanent, Transient
from integrations.provider import Connection, PlanContext, ProjectRef, SourceCount
from integrations.sandbox import Faults, SandboxServer, Site, SiteSpec
from integrations.sandbox.http import ApiError
from integrations.sandbox.jira.catalog import PROJECTS
from tests.integrations.providers.jira.extraction import ISSUES_STEP, connect, ids, jira, projects_of, run
from tests.integrations.providers.jira.scripted import CLOUD, SERVER, scripted

NOW = datetime(2026, 1, 10, 12, 0, 30, tzinfo=UTC)
COUNT = "POST /rest/api/3/search/approximate-count"


class Clock:
    at = NOW

    def __call__(self) -> float:
        return self.at.timestamp()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["Cloud", "Server"])
def server(request: pytest.FixtureRequest, clock: Clock) -> Iterator[SandboxServer]:
    site = Site(SiteSpec(issues=40, seed=5, projects=PROJECTS[:2]), clock=clock, zone="Asia/Kolkata")
    with SandboxServer(site, deployment=request.param) as running:
        yield running


def counted(server: SandboxServer, connection: Connection, since: datetime | None = None) -> dict[str, SourceCount]:
    """By key; ``since`` is when the last complete sync of each began."""
    context = PlanContext(projects_of(server))
    scopes = [partition.scope for partition in jira.plan(ISSUES_STEP, connection, context)]
    found = jira.counts(
        connection, PlanContext(context.projects, watermarks=dict.fromkeys(scopes, since) if since else {})
    )
    keys = {project.external_id: project.key for project in context.projects}
    return {keys[project]: count for project, count in found.items()}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"start_date": "2025-11-20"},
        {"base_search": "issuetype = Bug"},
        {"start_date": "2025-03-01", "base_search": "issuetype = Bug"},
        {"projects": "PAY"},
        {"exclude_projects": "PAY"},
    ],
)
def test_as_many_are_counted_as_are_read(server: SandboxServer, settings: dict[str, str]) -> None:
    connection = connect(server, **settings)
    read = ids(run(ISSUES_STEP, connection, PlanContext(projects_of(server))))

    found = counted(server, connection)

    assert sum(count.items or 0 for count in found.values()) == len(set(read)) > 0
    assert {count.since for count in found.values()} == {None}


def test_it_is_told_how_many_there_are_that_a_search_leaves_out(server: SandboxServer) -> None:
    all_of_them = counted(server, connect(server))
    bugs = counted(server, connect(server, base_search="issuetype = Bug"))

    assert {key: count.present for key, count in bugs.items()} == {
        key: count.items for key, count in all_of_them.items()
    }
    assert all((count.items or 0) < (count.present or 0) for count in bugs.values())
    assert {count.present for count in all_of_them.values()} == {None}


def test_what_was_created_and_what_was_changed_since_the_last_sync_is_told(server: SandboxServer, clock: Clock) -> None:
    watermark = clock.at
    clock.at += timedelta(hours=2)
    keys = server.site.keys()
    old = next(key for key in keys if key.startswith("PAY-"))
    server.site.add_issue("PAY")
    server.site.edit_issue(old, summary="Changed")

    found = counted(server, connect(server), watermark)

    # Ten minutes earlier, since searches lag behind, and in whole minutes, since sites may compare no others.
    since = (watermark - timedelta(minutes=10)).replace(second=0)
    pay, other = found["PAY"], next(count for key, count in found.items() if key != "PAY")
    assert (pay.since, pay.created, pay.changed) == (since, 1, 2)
    assert (other.since, other.created, other.changed) == (since, 0, 0)


def test_the_history_begins_with_the_day_in_the_zone_of_the_site(server: SandboxServer) -> None:
    found = counted(server, connect(server, start_date="2025-11-20"))

    begins = datetime(2025, 11, 20, tzinfo=UTC)
    shift = timedelta(hours=5, minutes=30) if server.deployment == "Server" else timedelta()
    assert {count.oldest for count in found.values()} == {begins - shift}


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "GMT+09:00"])
def test_times_are_compared_only_where_the_site_says_in_which_zone_it_reads_them(zone: str) -> None:
    answers = {"GET /rest/api/2/myself": {"timeZone": zone}, "POST /rest/api/2/search": {"total": 5}}
    project, watermark = ProjectRef("1", "PAY"), datetime(2026, 1, 10, tzinfo=UTC)
    with scripted(SERVER, answers) as site:
        connection = site.connection()
        (whole,) = jira.counts(connection, PlanContext([project])).values()
        (partition,) = jira.plan(ISSUES_STEP, connection, PlanContext([project]))
        context = PlanContext([project], watermarks={partition.scope: watermark})
        (since,) = jira.counts(connection, context).values()

    assert (whole.items, whole.problem) == (5, "")
    is_known = zone == "Asia/Tokyo"
    assert (since.items, "time zone" in since.problem) == ((5, False) if is_known else (None, True))


def test_a_project_that_is_not_there_is_told_of_and_the_others_are_counted(server: SandboxServer) -> None:
    server.site.remove_project("PAY")

    found = counted(server, connect(server))

    assert found["PAY"].items is None
    assert "400" in found["PAY"].problem
    assert "PAY" in found["PAY"].problem
    assert {key for key, count in found.items() if not count.items} == {"PAY"} < set(found)


def test_wrong_credentials_and_a_site_that_is_away_are_no_matter_of_a_project(server: SandboxServer) -> None:
    with pytest.raises(Permanent, match="401"):
        counted(server, connect(server, token="wrong"))
    server.faults = Faults(error_share=1.0)
    with pytest.raises(Transient):
        counted(server, connect(server))


@pytest.mark.parametrize("answer", [{"count": None}, {}, {"count": "12"}, []])
def test_a_site_that_does_not_tell_a_number_is_believed_no_other(answer: object) -> None:
    with scripted(CLOUD, {COUNT: answer}) as site:
        (found,) = jira.counts(site.connection(), PlanContext([ProjectRef("1", "PAY")])).values()
    assert found.items is None
    assert "does not say how many issues there are" in found.problem


def test_a_refusal_is_told_as_the_site_said_it() -> None:
    with scripted(CLOUD, {COUNT: ApiError(403, "not for you")}) as site:
        (found,) = jira.counts(site.connection(), PlanContext([ProjectRef("1", "PAY")])).values()
    assert (found.items, "not for you" in found.problem) == (None, True)
