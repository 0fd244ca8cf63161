from typing import Any

import httpx
import pytest

from integrations.sandbox import Faults, SandboxServer, Site, SiteSpec
from integrations.sandbox.jira.development import Development
from integrations.sandbox.jira.entries import Entry

SUMMARY, DETAIL = "/rest/dev-status/latest/issue/summary", "/rest/dev-status/latest/issue/detail"
FIELD = "customfield_10000"


def developed(site: Site) -> tuple[Entry, Development]:
    """An issue with pull requests and commits, and what its first host says of it."""
    for entry in site.entries:
        for development in site.issue(entry).development[:1]:
            if development.pull_requests and development.commits and not development.gone:
                return entry, development
    raise AssertionError("no issue with pull requests and commits")


def detail(client: httpx.Client, entry: Entry, application: str, kind: str) -> list[dict[str, Any]]:
    query = {"issueId": str(entry.id), "applicationType": application, "dataType": kind}
    answer = client.get(DETAIL, params=query).json()
    assert answer["errors"] == []
    found: list[dict[str, Any]] = answer["detail"]
    return found


def test_about_one_issue_in_seven_has_development_and_the_field_says_so() -> None:
    site = Site(SiteSpec(600, 4))
    issues = [site.issue(entry) for entry in site.entries]
    having = [issue for issue in issues if issue.development]
    assert 60 <= len(having) <= 120
    assert all((issue.fields[FIELD] != "{}") == bool(issue.development) for issue in issues)
    assert {found.application for issue in having for found in issue.development} == {"GitHub", "stash", "GitLab"}
    assert any(len(issue.development) == 2 for issue in having)
    assert any("pullrequest={dataType=pullrequest, state=" in issue.fields[FIELD] for issue in having)
    assert any("pullrequest=" not in issue.fields[FIELD] for issue in having)


def test_the_summary_counts_by_data_type_and_host(site: Site, client: httpx.Client) -> None:
    entry, _ = developed(site)
    summary = client.get(SUMMARY, params={"issueId": entry.id}).json()["summary"]
    for kind in ("pullrequest", "branch", "repository"):
        expected = {found.application: found.counts()[kind] for found in site.issue(entry).development}
        shown = {name: entry["count"] for name, entry in summary[kind]["byInstanceType"].items()}
        assert shown == {name: count for name, count in expected.items() if count}
        assert summary[kind]["overall"]["count"] == sum(expected.values())
    assert summary["build"]["byInstanceType"] == {}


def test_an_issue_without_development_has_an_empty_summary(site: Site, client: httpx.Client) -> None:
    entry = next(entry for entry in site.entries if not site.issue(entry).development)
    summary = client.get(SUMMARY, params={"issueId": entry.id}).json()["summary"]
    assert all(found["overall"]["count"] == 0 and found["byInstanceType"] == {} for found in summary.values())
    assert detail(client, entry, "GitHub", "pullrequest") == []


def test_details_name_pull_requests_branches_and_commits(site: Site, client: httpx.Client) -> None:
    entry, development = developed(site)
    # In any case, as field reports say.
    host = development.application.upper()
    requests = detail(client, entry, host, "pullrequest")[0]["pullRequests"]
    assert [request["url"] for request in requests] == [
        development.pull_request_url(request) for request in development.pull_requests
    ]
    assert [request["status"] for request in requests] == [request.state for request in development.pull_requests]
    assert all(request["id"].startswith("#") and "accountId" not in request["author"] for request in requests)
    branches = detail(client, entry, host, "branch")[0]
    assert [branch["name"] for branch in branches["branches"]] == list(development.branches)
    assert branches["pullRequests"] == requests
    commits = detail(client, entry, host, "repository")[0]["repositories"][0]["commits"]
    assert [commit["id"] for commit in commits] == list(development.commits)
    assert detail(client, entry, "bitbucket", "pullrequest") == []
    assert detail(client, entry, host, "deployment") == []


def test_some_details_are_empty_although_they_are_counted(client: httpx.Client) -> None:
    site = Site(SiteSpec(300, 4))
    gone = next(entry for entry in site.entries if any(found.gone for found in site.issue(entry).development))
    application = next(found.application for found in site.issue(gone).development if found.gone)
    with SandboxServer(site) as server, httpx.Client(base_url=server.url, auth=(server.email, server.token)) as asking:
        shown = detail(asking, gone, application, "repository")[0]
    assert shown["repositories"] == shown["pullRequests"] == []


@pytest.mark.parametrize(
    "query",
    [
        {"issueId": "PAY-1", "applicationType": "GitHub", "dataType": "branch"},
        {"applicationType": "GitHub", "dataType": "branch"},
        {"issueId": "20000", "dataType": "branch"},
        {"issueId": "20000", "applicationType": "GitHub"},
    ],
)
def test_a_key_or_a_missing_parameter_is_a_400(client: httpx.Client, query: dict[str, str]) -> None:
    assert client.get(DETAIL, params=query).status_code == 400


def test_it_wants_a_known_issue_and_the_permission(server: SandboxServer, client: httpx.Client) -> None:
    assert client.get(SUMMARY, params={"issueId": "1"}).status_code == 404
    server.faults = Faults(lacking=("VIEW_DEV_TOOLS",))
    assert client.get(SUMMARY, params={"issueId": "20000"}).status_code == 403


def test_development_changes_without_moving_updated(site: Site, client: httpx.Client) -> None:
    entry = site.entries[0]
    before = entry.updated
    site.develop_issue(entry.key, pull_requests=["OPEN"], commits=1)
    opened = detail(client, entry, "GitHub", "pullrequest")[0]["pullRequests"]
    site.develop_issue(entry.key, pull_requests=["MERGED"])
    merged = detail(client, entry, "GitHub", "pullrequest")[0]["pullRequests"]
    assert [request["status"] for request in (*opened, *merged)] == ["OPEN", "MERGED"]
    assert opened[0]["url"] == merged[0]["url"]
    assert "state=MERGED" in site.issue(entry).fields[FIELD]
    site.develop_issue(entry.key)
    assert site.issue(entry).fields[FIELD] == "{}"
    assert entry.updated == before
    with pytest.raises(KeyError, match="svn"):
        site.develop_issue(entry.key, application="svn")
