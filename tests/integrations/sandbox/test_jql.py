from zoneinfo import ZoneInfo

import pytest

from integrations.sandbox.http import ApiError
from integrations.sandbox.jira.catalog import PROJECTS
from integrations.sandbox.jira.jql import Query, parse


def read(jql: str) -> Query:
    return parse(jql, PROJECTS, ZoneInfo("UTC"))


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
        "project != PAY",
        "project = PAY OR project = WEB",
        "project = PAY AND",
        "project = PAY project = WEB",
        "(project = PAY",
        "status = Done",
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
    ],
)
def test_what_an_extractor_asks_is_understood(jql: str) -> None:
    assert read(jql).tests


def test_the_projects_named_are_known() -> None:
    assert read('project in (pay, "Growth") AND created > 0').projects == {"PAY", "GROW"}
