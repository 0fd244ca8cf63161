from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from integrations.sandbox import Site, SiteSpec
from integrations.sandbox.http import ApiError
from integrations.sandbox.jira.catalog import PROJECTS
from integrations.sandbox.jira.entries import Entry
from integrations.sandbox.jira.jql import Account, Query, parse
from integrations.sandbox.jira.timestamps import milliseconds

SITE = Site(SiteSpec(200, 3))
FEBRUARY, JUNE = milliseconds(datetime(2024, 2, 1, 12, 30, tzinfo=UTC)), milliseconds(datetime(2024, 6, 1, tzinfo=UTC))


def _web_bug(entry: Entry) -> bool:
    return entry.project.key == "WEB" and entry.type.name == "Bug"


def read(jql: str) -> Query:
    return parse(jql, Account(PROJECTS, ZoneInfo("UTC"), SITE.statuses()))


@pytest.mark.parametrize(
    "jql",
    [
        "",
        "ORDER BY updated",
        "order by key",
        "project",
        "project in ()",
        "project in (PAY",
        "project = NOPE",
        "project != NOPE",
        "project = PAY OR",
        "NOT",
        "project = PAY AND",
        "project = PAY project = WEB",
        "(project = PAY",
        "status = Elsewhere",
        "type = Nothing",
        "statusCategory = Later",
        "project not PAY",
        "project in (,)",
        "updated >= tomorrow",
        'updated >= "2024-13-01"',
        "updated = 5",
        "project = PAY ORDER BY rank",
        "project = PAY ORDER updated",
        'project = "PAY',
        "project = PAY ORDER BY " + ", ".join(["id"] * 8),
    ],
)
def test_what_jira_would_refuse_is_a_400_that_says_why(jql: str) -> None:
    with pytest.raises(ApiError) as caught:
        read(jql)
    assert caught.value.status == 400
    assert caught.value.messages[0]


@pytest.mark.parametrize(
    "jql",
    [
        "project in (PAY, web) AND updated >= 1732877091000 ORDER BY updated ASC, id ASC",
        '((project = "Data Platform")) and (created < "2025/01/31" and created >= "2024-01-01 10:30")',
        "issuekey in (PAY-1, PAY-2) order by key desc",
        "id = 20001 ORDER BY created",
        "PROJECT='PAY'",
        "project != PAY OR project not in (PAY, WEB) AND NOT status = Done",
        'type in (Bug, 10101) and statusCategory != Done and status = "in progress"',
    ],
)
def test_what_an_extractor_asks_is_understood(jql: str) -> None:
    assert callable(read(jql).test)


def test_the_projects_named_are_known() -> None:
    assert read('project in (pay, "Growth") AND created > 0').projects == {"PAY", "GROW"}


@pytest.mark.parametrize(
    ("jql", "expected"),
    [
        ("status = Done", lambda entry: SITE.status_of(entry).name == "Done"),
        ("status != 'Done'", lambda entry: SITE.status_of(entry).name != "Done"),
        ("statusCategory = new", lambda entry: SITE.status_of(entry).category == "new"),
        ("type in (Bug, Epic)", lambda entry: entry.type.name in ("Bug", "Epic")),
        ("project not in (PAY, WEB)", lambda entry: entry.project.key not in ("PAY", "WEB")),
        ("project = PAY OR type = Bug AND project = WEB", lambda entry: entry.project.key == "PAY" or _web_bug(entry)),
        ("NOT (project = PAY OR type = Bug)", lambda entry: entry.project.key != "PAY" and entry.type.name != "Bug"),
        ("key in (pay-1, WEB-2) OR id = 20003", lambda entry: entry.key in ("PAY-1", "WEB-2") or entry.id == 20003),
        ('created < "2024-06-01" AND created >= "2024-02-01 12:30"', lambda entry: FEBRUARY <= entry.created < JUNE),
        (f"updated <= {1_720_000_000_000}", lambda entry: entry.updated <= 1_720_000_000_000),
    ],
)
def test_conditions_choose_the_issues_that_they_describe(jql: str, expected: Callable[[Entry], bool]) -> None:
    account = Account(SITE.projects, ZoneInfo("UTC"), SITE.statuses(), SITE.status_of, SITE.find)
    query = parse(jql, account)
    chosen = [entry.key for entry in SITE.entries if query.test(entry)]
    assert chosen == [entry.key for entry in SITE.entries if expected(entry)]
    assert 0 < len(chosen) < len(SITE.entries)
