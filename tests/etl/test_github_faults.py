"""GitHub syncs that the site or the death of a worker disturbs: the rows are those of an undisturbed one."""

from collections.abc import Iterator
from typing import Any

import pytest

from etl import pipeline
from etl.extraction import stage as extraction
from etl.jobs import lifecycle
from etl.models import Overall, Pr, RawExtractionData
from etl.transform import stage as transform
from integrations.sandbox.damage import Damage
from integrations.sandbox.github import GitHubFaults, GitHubServer
from integrations.sandbox.github.refusals import error
from integrations.sandbox.http import Request, Response
from tests.support.deaths import dying, work_off_with_deaths
from tests.support.driving import run_to_end, stopped_after
from tests.support.github import ConnectedGitHub, connect_github, small_github
from tests.support.quarantine import assert_partly_loaded
from tests.support.tables import derived_rows, versions

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

Rows = dict[str, list[dict[str, Any]]]
# More than this many nodes are too much for the site: a page of ten with all that belongs to it.
HEAVY_NODES, RESOURCE_NODES = 60, 45


@pytest.fixture
def server() -> Iterator[GitHubServer]:
    with small_github() as server:
        yield server


def bad_answers(status: int, **more: Any) -> GitHubFaults:
    """Every fourth call is one too many, 5% fail, 2% of the connections are cut, and large pages time out."""
    given = {"throttle_every": 4, "retry_after": 0, "throttle_status": status, "error_share": 0.05, "lost_share": 0.02}
    return GitHubFaults(**{**given, "heavy_nodes": HEAVY_NODES, **more})


_UNDISTURBED: list[Rows] = []


def rows_without_faults(server: GitHubServer) -> Rows:
    """The rows of an undisturbed sync of such a site: the same for all tests, so made once."""
    if not _UNDISTURBED:
        other = connect_github(server, tenant="Undisturbed")
        assert run_to_end(other.job).status == Overall.FINISHED
        _UNDISTURBED.append(rows_of(other))
    return _UNDISTURBED[0]


def rows_of(connected: ConnectedGitHub) -> Rows:
    """All derived rows; the hash of an answer is also one of how large its page was."""
    rows = derived_rows(connected.integration.pk)
    rows["prs"] = [{**row, "content_hash": ""} for row in rows["prs"]]
    return rows


# A site that answers badly


@pytest.mark.parametrize("status", [403, 200])
def test_a_sync_of_a_site_that_often_answers_badly_leaves_the_rows_of_one_that_does_not(
    server: GitHubServer, status: int
) -> None:
    expected = rows_without_faults(server)
    server.faults = bad_answers(status)
    server.requests.clear()
    connected = connect_github(server)

    run = run_to_end(connected.job)

    assert (run.status, run.error_message, run.warning) == (Overall.FINISHED, "", "")
    assert len(server.requests) > run.api_calls_made * 1.25
    assert rows_of(connected) == expected
    assert expected["prs_comments"]


def test_pages_that_the_site_ends_early_with_errors_and_a_part_of_the_data_leave_the_same_rows(
    server: GitHubServer,
) -> None:
    expected = rows_without_faults(server)
    server.faults = GitHubFaults(resource_nodes=RESOURCE_NODES)
    connected = connect_github(server)

    run = run_to_end(connected.job)

    assert (run.status, run.error_message, run.warning) == (Overall.FINISHED, "", "")
    assert rows_of(connected) == expected
    pages = RawExtractionData.objects.filter(integration=connected.integration, entity_type="github_pull_requests")
    assert min(page.extraction_metadata["page_size"] for page in pages) < 10
    assert not [page for page in pages if "errors" in page.raw_data]


def test_a_budget_that_is_used_up_in_the_middle_is_waited_for(server: GitHubServer) -> None:
    expected = rows_without_faults(server)
    server.faults = GitHubFaults(points=9, points_seconds=1)
    connected = connect_github(server)

    run = run_to_end(connected.job)

    assert (run.status, run.error_message) == (Overall.FINISHED, "")
    assert rows_of(connected) == expected


def test_a_second_sync_of_it_writes_nothing(server: GitHubServer) -> None:
    server.faults = bad_answers(429)
    connected = connect_github(server)
    run_to_end(connected.job)
    before = versions(connected.integration.pk)

    for config in ({}, {"full_sync": True}):
        run = run_to_end(connected.job, config)
        assert run.status == Overall.FINISHED
        assert versions(connected.integration.pk) == before


class WithoutRest(GitHubFaults):
    """What goes on behind a page does not come."""

    def instead(self, request: Request, now: float, *, is_data_center: bool = False) -> Response | None:
        return error(500, "Internal error") if b"OfPullRequest" in request.body else None


def test_lists_that_do_not_come_to_their_end_cost_their_pull_requests_until_they_do(server: GitHubServer) -> None:
    expected = rows_without_faults(server)
    server.faults = WithoutRest()
    connected = connect_github(server)

    run = run_to_end(connected.job)

    assert run.status == Overall.FAILED
    assert_partly_loaded(run, Pr, expected["prs"], "is not whole")
    server.faults = GitHubFaults()

    run = run_to_end(connected.job)

    assert (run.status, run.quarantined) == (Overall.FINISHED, 0)
    assert rows_of(connected) == expected


def test_titles_that_postgresql_refuses_are_loaded_without_what_it_refuses(server: GitHubServer) -> None:
    names = server.site.names("acme/console")[:2]
    server.faults = GitHubFaults(issues=dict(zip(names, (Damage.NUL, Damage.LONE_SURROGATE), strict=True)))
    connected = connect_github(server)

    run = run_to_end(connected.job)

    assert (run.status, run.quarantined) == (Overall.FINISHED, 0)
    for name in names:
        pull = server.site.find(name)
        assert (
            Pr.objects.get(external_id=pull.full_database_id).title == f"be\N{REPLACEMENT CHARACTER}fore {pull.title}"
        )


# Workers that die, runs that are stopped


@pytest.mark.parametrize(
    ("module", "name", "before"),
    [(extraction, "_store", False), (transform, "_note", False), (pipeline, "_wake_and_advance", True)],
    ids=["stored", "loaded", "committed"],
)
def test_a_worker_that_dies_at_each_page_leaves_the_rows_of_one_that_does_not(
    server: GitHubServer, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, before: bool
) -> None:
    expected = rows_without_faults(server)
    connected = connect_github(server)
    monkeypatch.setattr(module, name, dying(getattr(module, name), before=before))

    run, deaths = work_off_with_deaths(lifecycle.start(connected.job.pk, trigger="test"))

    assert (run.status, run.error_message, run.warning) == (Overall.FINISHED, "", "")
    assert deaths >= RawExtractionData.objects.filter(run=run, parent=None).count() > 5
    assert rows_of(connected) == expected


@pytest.mark.usefixtures("page_by_page")
def test_a_sync_that_is_stopped_again_and_again_comes_to_the_same_rows_in_the_end(server: GitHubServer) -> None:
    expected = rows_without_faults(server)
    connected = connect_github(server)
    for handled in range(4, 40, 9):
        stopped_after(connected.job, handled)

    assert run_to_end(connected.job).status == Overall.FINISHED
    assert rows_of(connected) == expected
