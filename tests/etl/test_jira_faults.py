"""Jira syncs that are disturbed, by the site or by the death of a worker: the rows are those of an undisturbed one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from etl import pipeline
from etl.extraction import stage as extraction
from etl.jobs import lifecycle
from etl.models import EtlJobRun, Overall, RawExtractionData, WorkItem
from etl.transform import stage as transform
from integrations.sandbox import Faults, SandboxServer
from tests.support.deaths import dying, work_off_with_deaths
from tests.support.driving import run_to_end, stopped_after, worked_off
from tests.support.quarantine import assert_partly_loaded
from tests.support.sites import FEW_PROJECTS, Connected, connect, small_site
from tests.support.tables import derived_rows, versions

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

ISSUES = 15
INLINE_HISTORIES = 10
CLOUD, SERVER = "Cloud", "Server"
Rows = dict[str, list[dict[str, Any]]]


@contextmanager
def a_site(deployment: str) -> Iterator[SandboxServer]:
    """A site that gives few histories at once."""
    with small_site(ISSUES, projects=FEW_PROJECTS, deployment=deployment, inline_histories=INLINE_HISTORIES) as server:
        yield server


@pytest.fixture(params=[CLOUD, SERVER])
def server(request: pytest.FixtureRequest) -> Iterator[SandboxServer]:
    """Once as each kind of deployment."""
    with a_site(request.param) as server:
        yield server


def bad_answers() -> Faults:
    """Every fourth call is one too many, 5% fail, 2% of the connections are cut, pages are short."""
    return Faults(throttle_every=4, retry_after=0, error_share=0.05, lost_share=0.02, short_share=0.2)


def connected_to(server: SandboxServer, tenant: str = "Acme") -> Connected:
    return connect(server, tenant=tenant, batch_size="5")


_UNDISTURBED: dict[str, Rows] = {}


def rows_without_faults(server: SandboxServer) -> Rows:
    """The rows of an undisturbed sync of such a site: the same for all tests, so made once for each deployment."""
    if server.deployment not in _UNDISTURBED:
        other = connected_to(server, f"Undisturbed {server.deployment}")
        assert run_to_end(other.job).status == Overall.FINISHED
        _UNDISTURBED[server.deployment] = rows_of(other)
    return _UNDISTURBED[server.deployment]


def rows_of(connected: Connected) -> Rows:
    return derived_rows(connected.integration.pk)


def repaired(connected: Connected) -> EtlJobRun:
    return worked_off(lifecycle.start_repair(connected.job.pk, trigger="test"))


# A site that answers badly


def test_a_sync_of_a_site_that_often_answers_badly_leaves_the_rows_of_one_that_does_not(server: SandboxServer) -> None:
    expected = rows_without_faults(server)
    server.faults = bad_answers()
    server.requests.clear()
    connected = connected_to(server)

    run = run_to_end(connected.job)

    assert (run.status, run.error_message, run.warning) == (Overall.FINISHED, "", "")
    assert len(server.requests) > run.api_calls_made * 1.25
    assert rows_of(connected) == expected
    assert len(expected["work_items"]) == ISSUES
    assert expected["work_items_prs_links"]


def test_a_second_sync_of_it_writes_nothing(server: SandboxServer) -> None:
    server.faults = bad_answers()
    connected = connected_to(server)
    run_to_end(connected.job)
    before = versions(connected.integration.pk)

    for config in ({}, {"full_sync": True}):
        run = run_to_end(connected.job, config)
        assert (run.status, run.vectorization_queued) == (Overall.FINISHED, 0)
        assert versions(connected.integration.pk) == before


def test_a_repair_of_it_writes_nothing(server: SandboxServer) -> None:
    connected = connected_to(server)
    run_to_end(connected.job)
    before = versions(connected.integration.pk)
    server.faults = bad_answers()

    run = repaired(connected)

    assert (run.status, run.warning) == (Overall.FINISHED, "")
    assert versions(connected.integration.pk) == before


def test_histories_that_do_not_come_cost_their_issues_until_they_do() -> None:
    # The pages of Data Center cut nothing.
    with a_site(CLOUD) as server:
        assert_histories_can_fail(server)


def assert_histories_can_fail(server: SandboxServer) -> None:
    expected = rows_without_faults(server)
    server.faults = Faults(only_under="/rest/api/3/changelog", fail_first=10_000)
    connected = connected_to(server)

    run = run_to_end(connected.job)

    assert run.status == Overall.FAILED
    assert_partly_loaded(run, WorkItem, expected["work_items"], "500")
    server.faults = Faults()

    run = run_to_end(connected.job)

    assert (run.status, run.quarantined) == (Overall.FINISHED, 0)
    assert rows_of(connected) == expected


# Workers that die, runs that are stopped


@pytest.mark.parametrize(
    ("module", "name", "before"),
    [(extraction, "_store", False), (transform, "_note", False), (pipeline, "_wake_and_advance", True)],
    ids=["stored", "loaded", "committed"],
)
def test_a_worker_that_dies_at_each_page_leaves_the_rows_of_one_that_does_not(
    server: SandboxServer, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, before: bool
) -> None:
    expected = rows_without_faults(server)
    connected = connected_to(server)
    monkeypatch.setattr(module, name, dying(getattr(module, name), before=before))

    run, deaths = work_off_with_deaths(lifecycle.start(connected.job.pk, trigger="test"))

    assert (run.status, run.error_message, run.warning) == (Overall.FINISHED, "", "")
    assert deaths >= RawExtractionData.objects.filter(run=run, parent=None).count() > ISSUES / 10
    assert rows_of(connected) == expected


@pytest.mark.usefixtures("page_by_page")
def test_a_sync_that_is_stopped_again_and_again_comes_to_the_same_rows_in_the_end(server: SandboxServer) -> None:
    expected = rows_without_faults(server)
    connected = connected_to(server)
    for handled in range(5, 60, 9):
        stopped_after(connected.job, handled)

    assert run_to_end(connected.job).status == Overall.FINISHED
    assert rows_of(connected) == expected


# Cloud and Data Center

# People have other ids, descriptions are wiki text, types have no level, statuses belong to no project, epics are no
# parents but a field; and the hash of an answer is that of its own shape.
DIFFERENT_BY_NATURE = {
    "projects": {"lead_id"},
    "wits": {"hierarchy_level"},
    "statuses": {"project_id"},
    "work_items": {
        "reporter_id", "assignee_id", "description", "custom_fields_overflow", "content_hash", "parent_id",
        "parent_external_id",
    },
}  # fmt: skip


def alike(rows: Rows) -> Rows:
    """The rows without what differs by nature, in an order that does not depend on it."""
    kept = {
        table: [{name: row[name] for name in row if name not in DIFFERENT_BY_NATURE.get(table, ())} for row in found]
        for table, found in rows.items()
    }
    return {table: sorted(found, key=repr) for table, found in kept.items()}


def test_the_same_site_as_cloud_and_as_data_center_gives_the_same_rows() -> None:
    found: list[Rows] = []
    for deployment in (CLOUD, SERVER):
        with a_site(deployment) as server:
            found.append(alike(rows_without_faults(server)))

    assert found[0] == found[1]
    assert len(found[0]["work_items"]) == ISSUES
    assert {"key", "status_id", "summary", "story_points", "total_lead_time_seconds"} <= found[0]["work_items"][
        0
    ].keys()
