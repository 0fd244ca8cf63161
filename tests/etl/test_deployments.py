"""A whole sync through each of the four ways to a Jira: what ends up in the tables is the same."""

from typing import Any

import pytest

from etl.models import Overall
from tests.support.driving import run_to_end
from tests.support.sites import connect, small_site
from tests.support.tables import derived_rows


def _rows(deployment: str, *, by_bearer: bool = False) -> dict[str, list[dict[str, Any]]]:
    with small_site(12, deployment=deployment) as server:
        reached = connect(server, name=f"{deployment} {by_bearer}")
        if by_bearer:
            integration = reached.integration
            integration.settings["base_url"] = server.gateway_url if deployment == "Cloud" else server.url
            integration.secrets = {"api_token": server.bearer}
            integration.full_clean()
            integration.save()
        run = run_to_end(reached.job)
        assert (run.status, run.quarantined) == (Overall.FINISHED, 0)
        return derived_rows(reached.integration.pk)


def _facts(rows: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """What both deployments say in the same way: users, markup and hierarchy levels differ."""
    item = ("external_id", "key", "project_id", "wit_id", "status_id", "summary", "total_cycle_time_seconds")
    change = ("external_id", "work_item_id", "from_status_id", "to_status_id", "transition_change_date")
    return {
        "projects": [(row["external_id"], row["key"]) for row in rows["projects"]],
        "wits": sorted(row["external_id"] for row in rows["wits"]),
        "projects_wits": rows["projects_wits"],
        "work_items": sorted([row[name] for name in item] for row in rows["work_items"]),
        "changelogs": sorted(repr([row[name] for name in change]) for row in rows["changelogs"]),
    }


@pytest.mark.django_db
def test_a_sync_gives_the_same_rows_whatever_the_way() -> None:
    """In one test, because all ways are held against the first."""
    expected = _rows("Cloud")
    assert len(expected["work_items"]) == 12
    assert expected["changelogs"]
    assert _rows("Cloud", by_bearer=True) == expected
    by_password = _rows("Server")
    assert _facts(by_password) == _facts(expected)
    assert _rows("Server", by_bearer=True) == by_password
