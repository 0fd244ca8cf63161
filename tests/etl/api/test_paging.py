"""Pages that are entered by a key."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from custommapping.models import Project
from etl.api.paging import following, page
from etl.sql import execute
from integrations.models import Integration
from tests.etl.admin.rows import Rows
from tests.etl.api.callers import Caller


@pytest.fixture
def projects(acme: Rows) -> list[Project]:
    made = [
        Project(tenant=acme.tenant, integration=acme.row(Integration, number), external_id=str(name), key="A", name="B")
        for number in (1, 2)
        for name in range(4)
    ]
    return Project.objects.bulk_create(made)


def walked(keys: list[str], limit: int) -> Iterator[dict[str, Any]]:
    """Every page from the first on, but no more than there can be."""
    given: dict[str, Any] = {"limit": limit}
    for _ in range(10):
        found = page(Project.objects.all(), keys, given, lambda rows: [row.pk for row in rows])
        yield found
        if found["next"] is None:
            return
        given = {"limit": limit, "cursor": found["next"]}


@pytest.mark.parametrize("limit", [1, 3, 4, 8, 9])
@pytest.mark.parametrize(
    "keys",
    [["id"], ["-id"], ["integration_id", "external_id"], ["-integration_id", "external_id"], ["key", "-name", "id"]],
)
def test_the_pages_together_are_the_list(projects: list[Project], keys: list[str], limit: int) -> None:
    pages = [found["results"] for found in walked(keys, limit)]

    assert [pk for found in pages for pk in found] == list(Project.objects.order_by(*keys).values_list("pk", flat=True))
    assert all(len(found) == limit for found in pages[:-1])
    assert len(pages) == -(-len(projects) // limit)


def test_rows_that_come_and_go_between_two_pages_leave_the_others_where_they_are(projects: list[Project]) -> None:
    first = page(Project.objects.all(), ["id"], {"limit": 3}, list)
    Project.objects.filter(pk__in=[row.pk for row in first["results"]]).delete()

    second = page(Project.objects.all(), ["id"], {"limit": 3, "cursor": first["next"]}, list)

    assert second["results"] == projects[3:6]


def test_a_page_is_one_query_however_far_it_is(projects: list[Project]) -> None:
    *_, last = walked(["id"], 7)
    assert len(last["results"]) == 1

    with CaptureQueriesContext(connection) as queries:
        list(walked(["id"], 4))

    assert len(queries) == 2
    assert "OFFSET" not in str(queries.captured_queries)


@pytest.mark.parametrize("keys", [["integration_id", "external_id"], ["-integration_id", "-external_id"]])
def test_a_page_is_entered_by_all_its_keys_however_far_it_is(projects: list[Project], keys: list[str]) -> None:
    execute("SET LOCAL enable_seqscan = off", [])
    execute("SET LOCAL enable_bitmapscan = off", [])
    rows = Project.objects.filter(tenant=projects[0].tenant)
    first = page(rows, keys, {"limit": 3}, list)

    plan = following(rows, keys, {"cursor": first["next"]}).explain()

    (condition,) = [line for line in plan.splitlines() if "Index Cond" in line]
    assert "ROW(integration_id, (external_id)::text)" in condition


def test_an_empty_list_has_an_empty_page(db: None) -> None:
    assert page(Project.objects.all(), ["id"], {"limit": 3}, list) == {"results": [], "next": None}


def test_the_next_page_is_asked_for_by_the_cursor(owner: Caller, projects: list[Project]) -> None:
    first = owner.get("projects", limit=5).json()
    second = owner.get("projects", limit=5, cursor=first["next"]).json()

    assert [row["id"] for row in first["results"] + second["results"]] == [project.pk for project in projects]
    assert second["next"] is None


def test_a_cursor_of_another_list_or_a_changed_one_is_refused(owner: Caller, projects: list[Project]) -> None:
    own = owner.get("projects", limit=1).json()["next"]
    other = page(Project.objects.all(), ["id"], {"limit": 1}, list)["next"]

    answers = [owner.get("projects", cursor=cursor) for cursor in (other, f"A{own[1:]}", own[:-1])]

    assert [answer.status_code for answer in answers] == [400, 400, 400]
    assert [list(answer.json()["errors"]) for answer in answers] == [["cursor"]] * 3
