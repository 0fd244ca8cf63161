"""`changelogs`: which are found by what, and in which order."""

from typing import Any

import pytest

from etl.models import WorkItem
from pulse.tenancy.models import Tenant
from tests.etl.api.callers import Caller, member
from tests.support.loading import Loading, offline_integration
from tests.support.records import STATUSES, issue, items, moved, statuses


@pytest.fixture
def caller(db: None) -> Caller:
    loading = Loading.of(offline_integration())
    loading.load(statuses(*STATUSES.values()))
    loading.load(items(moved("1", "1", "3", "5"), moved("2", "1", "3", project_id="7", project_key="XYZ"), issue("3")))
    other = Loading.of(offline_integration("Rival"))
    other.load(items(moved("1", "1", "3")))
    return Caller(member("otto", Tenant.objects.get(name="Acme")))


def found(caller: Caller, **query: Any) -> list[tuple[str, str, str]]:
    """The changes that are found: whose, from which status, to which."""
    answer = caller.get("changelogs", **query)
    assert answer.status_code == 200, answer.content
    return [(row["key"], row["from_status_name"], row["to_status_name"]) for row in answer.json()["results"]]


FIRST, SECOND = ("ABC-1", "Backlog", "Building"), ("ABC-1", "Building", "Closed")
THIRD = ("ABC-2", "Backlog", "Building")


@pytest.mark.parametrize(
    ("query", "changes"),
    [
        ({}, [FIRST, SECOND, THIRD]),
        ({"key": "ABC-1"}, [FIRST, SECOND]),
        ({"project": "XYZ"}, [THIRD]),
        ({"from_status": "Building"}, [SECOND]),
        ({"to_status": "Building"}, [FIRST, THIRD]),
        ({"changed_from": "2024-03-01T11:00:00Z"}, [SECOND]),
        ({"changed_to": "2024-03-01T11:00:00Z"}, [FIRST, THIRD]),
        ({"changed_by": "nobody"}, []),
        ({"active": "false"}, []),
    ],
)
def test_status_changes_are_found(caller: Caller, query: dict[str, str], changes: list[Any]) -> None:
    assert found(caller, **query) == changes


def test_the_pages_of_status_changes_together_are_the_list(caller: Caller) -> None:
    changes, query = [], {"limit": "1"}
    while True:
        answer = caller.get("changelogs", **query).json()
        changes += [row["id"] for row in answer["results"]]
        if answer["next"] is None:
            break
        query["cursor"] = answer["next"]

    assert changes == [row["id"] for row in caller.get("changelogs").json()["results"]]
    assert len(changes) == 3


def test_a_status_change_is_told_with_its_item_and_its_times(caller: Caller) -> None:
    item = WorkItem.objects.get(key="ABC-1", tenant__name="Acme")

    change = caller.get("changelogs", work_item_id=item.pk).json()["results"][1]

    assert (change["work_item_id"], change["project"], change["time_in_status_seconds"]) == (item.pk, "ABC", 3600)
    assert change["transition_start_date"] == "2024-03-01T10:00:00Z"
    assert change["transition_change_date"] == "2024-03-01T11:00:00Z"
    assert caller.get("changelogs", fields="key,id", limit=1).json()["results"][0].keys() == {"id", "key"}
