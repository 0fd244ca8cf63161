"""What it costs to derive mentions: statements, and rows that PostgreSQL looks at."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from etl.load.mentions import OF_PULL_REQUESTS, OF_WORK_ITEMS
from etl.models import WorkItemPrLink
from etl.sql import execute, fetch
from integrations.records import Batch, WorkItemRecord
from pulse.postgres.scope import owner_scope
from tests.etl.load.test_mentions import code_of, developed, links, mentioning, pulls
from tests.support.loading import Loading
from tests.support.records import issue, items

pytestmark = pytest.mark.django_db


def statements(load: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as queries:
        load()
    return len(queries)


def test_many_are_linked_with_as_many_statements_as_a_few(listed: Loading, code: Loading) -> None:
    def page(begin: int, end: int) -> list[WorkItemRecord]:
        return [issue(str(number)) for number in range(begin, end)]

    def asked(begin: int, end: int) -> Batch:
        return pulls(*(mentioning(f"ABC-{number}", number=number) for number in range(begin, end)))

    listed.load(items(*page(0, 1)))
    code.load(asked(0, 1))
    sources = [loading.source() for loading in (listed, listed, code, code)]
    few = statements(lambda: listed.load(items(*page(1, 3)), sources[0]))
    many = statements(lambda: listed.load(items(*page(3, 33)), sources[1]))
    assert few == many

    few = statements(lambda: code.load(asked(1, 3), sources[2]))
    many = statements(lambda: code.load(asked(3, 33), sources[3]))

    assert few == many
    assert len(links()) == 33


def test_a_tenant_without_pull_requests_pays_two_statements_a_page(listed: Loading, code: Loading) -> None:
    theirs = code_of("Globex")
    theirs.load(pulls(mentioning("ABC-1")))
    source = listed.source()

    with CaptureQueriesContext(connection) as queries:
        listed.load(items(*(issue(str(number)) for number in range(20))), source)

    asking = [query["sql"] for query in queries if "mentions" in query["sql"] or "prs" in query["sql"]]
    assert len(asking) == 2
    assert not WorkItemPrLink.objects.exists()


@pytest.mark.parametrize("number_when_counted", [0, 1, 5])
def test_what_many_pull_requests_mention_is_compared_with_each_of_them_once(
    listed: Loading, code: Loading, number_when_counted: int
) -> None:
    """Whatever the planner believes: its statistics are often from when a table had few rows."""
    numbers = range(1, 1001)
    # Tests before have left pages of rows that were rolled back, and plans depend on the number of pages.
    with owner_scope():
        execute("TRUNCATE prs, work_items, work_items_prs_links, repositories CASCADE", [])
    listed.load(items(issue("1")))
    code.load(pulls(*(mentioning("ABC-1", number=number) for number in numbers[:number_when_counted])))
    with owner_scope():
        execute("ANALYZE prs, work_items, work_items_prs_links, repositories", [])
    code.load(pulls(*(mentioning("ABC-1", number=number) for number in numbers)))
    listed.load(developed(1))
    ids = [row[0] for row in fetch("SELECT id FROM prs", [])]

    for statement, found in ((OF_WORK_ITEMS, [listed.item().pk]), (OF_PULL_REQUESTS, ids)):
        parameters = {"tenant": code.integration.tenant_id, "ids": found}
        rows = fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
        assert most_rows(rows[0][0]) < (5 * len(numbers), "")


def most_rows(plan: Any) -> tuple[float, str]:
    """The most rows that a part of an executed plan read or gave, in all of its loops together, and which it is."""
    if isinstance(plan, list):
        return max(map(most_rows, plan), default=(0, ""))
    if not isinstance(plan, dict):
        return 0, ""
    names = [name for name in plan if name == "Actual Rows" or name.startswith("Rows Removed")]
    own = sum(plan[name] for name in names) * plan.get("Actual Loops", 1)
    within = most_rows([value for value in plan.values() if isinstance(value, list | dict)])
    return max((own, str({name: value for name, value in plan.items() if name != "Plans"})), within)
