"""The site as Data Center answers: the same issues, said in version 2."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from integrations.sandbox import Faults, SandboxServer, Site
from integrations.sandbox.jira.entries import Entry

SEARCH = "/rest/api/2/search"


@pytest.fixture
def there(site: Site) -> Iterator[SandboxServer]:
    with SandboxServer(site, deployment="Server", page_cap=120) as running:
        yield running


@pytest.fixture
def center(there: SandboxServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=there.url, auth=(there.email, there.token), timeout=10) as opened:
        yield opened


def found(center: httpx.Client, jql: str, **body: Any) -> dict[str, Any]:
    response = center.post(SEARCH, json={"jql": jql} | body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def whole(center: httpx.Client, entry: Entry) -> dict[str, Any]:
    issue: dict[str, Any] = found(center, f"id = {entry.id}", fields=["*all"], expand=["changelog"])["issues"][0]
    return issue


def test_it_says_what_it_is_and_who_is_calling_without_account_ids(center: httpx.Client) -> None:
    assert center.get("/rest/api/2/serverInfo").json()["deploymentType"] == "Server"
    caller = center.get("/rest/api/2/myself").json()
    assert (caller["name"], caller["timeZone"]) == ("ben.carter", "America/Los_Angeles")
    assert caller["key"].startswith("JIRAUSER")
    assert "accountId" not in caller


def test_a_personal_access_token_is_as_good_as_a_password(there: SandboxServer) -> None:
    def status(value: str) -> int:
        return httpx.get(f"{there.url}/rest/api/2/myself", headers={"Authorization": value}).status_code

    assert status(f"Bearer {there.bearer}") == 200
    assert status("Bearer other") == 401


@pytest.mark.parametrize(
    "path",
    ["search/jql", "search/approximate-count", "changelog/bulkfetch", "issue/bulkfetch", "issue/PAY-1/changelog"],
)
def test_it_has_none_of_clouds_own_calls(center: httpx.Client, path: str) -> None:
    for version in (2, 3):
        assert center.post(f"/rest/api/{version}/{path}", json={}).status_code in (404, 405)


def test_pages_go_by_offset_have_a_total_and_say_the_cap_that_holds(site: Site, center: httpx.Client) -> None:
    pages = [found(center, "created > 2023-01-01 ORDER BY id", startAt=n, maxResults=500) for n in (0, 120, 240)]
    assert [page["maxResults"] for page in pages] == [120, 120, 120]
    assert [page["total"] for page in pages] == [300, 300, 300]
    ids = [int(issue["id"]) for page in pages for issue in page["issues"]]
    assert ids == [entry.id for entry in site.entries]
    assert found(center, "created > 2023-01-01", maxResults=0)["issues"] == []


def test_get_answers_as_post_does(center: httpx.Client) -> None:
    query = {"jql": "project = PAY ORDER BY id", "fields": "summary", "maxResults": "3", "expand": "changelog,names"}
    body = {"fields": ["summary"], "maxResults": 3, "expand": ["changelog", "names"]}
    assert center.get(SEARCH, params=query).json() == found(center, query["jql"], **body)


def test_dates_are_minutes_in_the_accounts_zone_and_bare_numbers_are_refused(site: Site, center: httpx.Client) -> None:
    middle = sorted(entry.updated for entry in site.entries)[150]
    local = datetime.fromtimestamp(middle / 1000, ZoneInfo(site.zone)).replace(second=0, microsecond=0)
    expected = [entry for entry in site.entries if entry.updated >= local.timestamp() * 1000]
    assert found(center, f'updated >= "{local:%Y-%m-%d %H:%M}"', maxResults=0)["total"] == len(expected)
    for moment in (str(middle), f'"{local:%Y-%m-%d %H:%M:%S}"'):
        assert center.post(SEARCH, json={"jql": f"updated >= {moment}"}).status_code == 400


def test_unknown_ids_are_an_error_only_where_the_query_is_validated(site: Site, center: httpx.Client) -> None:
    jql = f"id in (1, {site.entries[0].id})"
    assert center.post(SEARCH, json={"jql": jql}).status_code == 400
    assert found(center, jql, validateQuery=False)["total"] == 1
    assert center.get(SEARCH, params={"jql": jql, "validateQuery": "none"}).json()["total"] == 1
    assert center.post(SEARCH, json={"jql": "project = NOPE"}).status_code == 400
    assert found(center, "project = NOPE", validateQuery=False)["total"] == 0


def test_a_changelog_comes_whole_and_oldest_first(site: Site, center: httpx.Client) -> None:
    long = next(entry for entry in site.entries if entry.changes > 100)
    shown = whole(center, long)["changelog"]
    assert [history["id"] for history in shown["histories"]] == [str(h.id) for h in site.issue(long).histories]
    assert shown["total"] == shown["maxResults"] == len(shown["histories"])
    alone = center.get(f"/rest/api/2/issue/{long.id}", params={"expand": "changelog", "fields": "id"}).json()
    assert alone["changelog"] == shown
    assert alone["fields"] == {}


def test_values_are_in_the_shapes_of_version_2(site: Site, center: httpx.Client) -> None:
    chosen = next(
        entry
        for entry in site.entries
        if (fields := site.issue(entry).fields)["customfield_10020"] and fields["assignee"] and fields["description"]
    )
    text = center.post(SEARCH, json={"jql": f"id = {chosen.id}", "expand": ["changelog"]}).text
    for absent in (
        "accountId",
        "fieldId",
        "hierarchyLevel",
        '"type":"doc"',
        "/rest/api/3/",
        "statuscategorychangedate",
    ):
        assert absent not in text
    fields = whole(center, chosen)["fields"]
    assert isinstance(fields["description"], str)
    assert fields["assignee"]["key"].startswith("JIRAUSER")
    sprint = site.issue(chosen).fields["customfield_10020"][-1]
    shown = fields["customfield_10020"][-1]
    assert shown.startswith("com.atlassian.greenhopper.service.sprint.Sprint@")
    assert f"[id={sprint['id']},rapidViewId=7,state={sprint['state'].upper()},name={sprint['name']}," in shown
    assert ("completeDate=<null>" in shown) is (sprint["state"] == "active")


def test_people_in_changes_stand_by_their_keys(site: Site, center: httpx.Client) -> None:
    for entry in site.entries[:20]:
        items = [
            i for h in whole(center, entry)["changelog"]["histories"] for i in h["items"] if i["field"] == "assignee"
        ]
        assert all(item[side] is None or item[side].startswith("JIRAUSER") for item in items for side in ("from", "to"))


def test_only_a_subtask_has_a_parent_and_an_epic_is_a_field(site: Site, center: httpx.Client) -> None:
    child = next(entry for entry in site.entries if entry.type.level < 0)
    story = next(entry for entry in site.entries if entry.type.level == 0 and entry.parent)
    assert child.parent
    assert story.parent
    assert whole(center, child)["fields"]["parent"]["key"] == child.parent.key
    fields = whole(center, story)["fields"]
    assert "parent" not in fields
    assert fields["customfield_10014"] == story.parent.key


def test_both_deployments_show_the_same_issues(site: Site, center: httpx.Client, client: httpx.Client) -> None:
    jql, fields = "project = PAY ORDER BY id", ["summary", "created", "labels"]
    here = client.post("/rest/api/3/search/jql", json={"jql": jql, "fields": fields}).json()["issues"]
    there = found(center, jql, fields=fields)["issues"]
    assert [issue["fields"] for issue in there] == [issue["fields"] for issue in here]


def test_projects_come_at_once_and_statuses_per_type(center: httpx.Client) -> None:
    projects = center.get("/rest/api/2/project").json()
    assert [project["key"] for project in projects] == ["DATA", "GROW", "MOB", "OPS", "PAY", "WEB"]
    assert len(center.get("/rest/api/2/project", params={"expand": "issueTypes"}).json()[0]["issueTypes"]) == 5
    assert len(center.get("/rest/api/2/project/PAY").json()["issueTypes"]) == 5
    assert len(center.get("/rest/api/2/project/10000/statuses").json()) == 5
    assert all("scope" not in status for status in center.get("/rest/api/2/status").json())
    assert len(center.get("/rest/api/2/field").json()) > 30


def test_its_limit_is_told_with_a_retry_after_of_0_while_calls_are_left(
    site: Site, there: SandboxServer, center: httpx.Client
) -> None:
    site.clock = lambda: 1_700_000_005
    there.faults = Faults(quota=2)
    answers = [center.get("/rest/api/2/myself") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["retry-after"] for answer in answers] == ["0", "60", "35"]
    assert answers[0].headers["x-ratelimit-remaining"] == "1"
    assert answers[0].headers["x-ratelimit-interval-seconds"] == "60"


def test_another_deployment_is_refused(site: Site) -> None:
    with pytest.raises(ValueError, match="'Data Center': expected Cloud or Server"):
        SandboxServer(site, deployment="Data Center")
