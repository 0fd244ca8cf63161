"""Reading only the issues that were last changed within some time."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from integrations.provider import PlanContext
from integrations.providers.jira import windows
from integrations.sandbox import SandboxServer
from integrations.sandbox.server import CLOUD, SERVER
from tests.integrations.providers.jira.extraction import ISSUES_STEP, Read, connect, jira, projects_of, run
from tests.support.sites import small_site

MINUTE = 60_000


@pytest.fixture(params=[CLOUD, SERVER])
def server(request: pytest.FixtureRequest) -> Iterator[SandboxServer]:
    with small_site(40, deployment=request.param) as running:
        yield running


def backfill(server: SandboxServer, first: int | None, end: int | None) -> Read:
    """Bounds are in epoch ms."""
    moments = [None if bound is None else datetime.fromtimestamp(bound / 1000, UTC) for bound in (first, end)]
    context = PlanContext(projects=projects_of(server), updated_from=moments[0], updated_to=moments[1], batch_size=5)
    return run(ISSUES_STEP, connect(server), context)


def found(read: Read) -> set[str]:
    return {item.external_id for _, batch in read for item in batch.work_items}


def wanted(server: SandboxServer, first: float, end: float) -> set[str]:
    return {str(entry.id) for entry in server.site.entries if first <= entry.updated < end}


def updates(server: SandboxServer) -> list[int]:
    return sorted(entry.updated for entry in server.site.entries)


def assert_in_range(server: SandboxServer, read: Read, first: float, end: float) -> None:
    """On Data Center JQL knows whole minutes only, so that up to one more is read at either end."""
    assert wanted(server, first, end) <= found(read)
    slack = MINUTE if server.deployment == SERVER else 0
    assert found(read) <= wanted(server, first - slack, end + slack)


def test_what_was_updated_in_the_range_is_read_and_nothing_else(server: SandboxServer) -> None:
    at = updates(server)

    assert_in_range(server, backfill(server, at[10], at[20]), at[10], at[20])
    assert_in_range(server, backfill(server, None, at[5]), 0, at[5])
    assert_in_range(server, backfill(server, at[30], None), at[30], float("inf"))
    assert found(backfill(server, at[10], at[20]))


def test_a_large_range_is_cut_into_windows(server: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "WINDOW_ISSUES", 3)
    at = updates(server)

    read = backfill(server, at[5], at[-5])

    assert any(":created:" in answer.external_id for answer, _ in read)
    assert all(":updated:" in answer.external_id for answer, _ in read)
    assert_in_range(server, read, at[5], at[-5])


def test_a_backfill_has_a_scope_of_its_own(server: SandboxServer) -> None:
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    context = PlanContext(projects=projects_of(server)[:1])
    contexts = (context, replace(context, updated_from=moment), replace(context, updated_to=moment))

    scopes = {part.scope for each in contexts for part in jira.plan(ISSUES_STEP, connect(server), each)}

    assert len(scopes) == 3
