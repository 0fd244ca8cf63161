from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from integrations.sandbox import SandboxServer, Site, SiteSpec
from integrations.sandbox.github import GitHubSite, GitHubSpec
from integrations.sandbox.jira.entries import Entry

JIRA = SiteSpec(200, seed=6)
STATES = {"OPEN": "OPEN", "MERGED": "MERGED", "CLOSED": "DECLINED"}


@pytest.fixture
def jira() -> Iterator[tuple[Site, httpx.Client]]:
    with (
        SandboxServer(Site(JIRA)) as server,
        httpx.Client(base_url=server.url, auth=(server.email, server.token), timeout=20) as client,
    ):
        yield server.site, client


def developed(site: Site) -> list[Entry]:
    return [entry for entry in site.entries if site.issue(entry).development]


def detail(client: httpx.Client, entry: Entry, kind: str) -> list[dict[str, Any]]:
    """What the development panel says of an issue."""
    query = {"issueId": str(entry.id), "applicationType": "GitHub", "dataType": kind}
    found: list[dict[str, Any]] = client.get("/rest/dev-status/latest/issue/detail", params=query).json()["detail"]
    return found


def test_jiras_development_data_and_github_tell_of_the_same_pull_requests(jira: tuple[Site, httpx.Client]) -> None:
    github = GitHubSite(GitHubSpec(40, jira=JIRA))
    shown = [
        (entry, one)
        for entry in developed(jira[0])
        for found in detail(jira[1], entry, "pullrequest")
        for one in found["pullRequests"]
    ]
    assert len(shown) > 5
    for entry, one in shown:
        pull = github.find(f"acme/{one['repositoryName']}{one['id']}")
        assert one["url"] == pull.url
        assert one["status"] == STATES[pull.state]
        assert one["name"] == pull.title
        assert one["author"]["name"] == (pull.author and pull.author.name)
        assert one["repositoryUrl"] == pull.repository.url
        assert one["source"]["branch"] in ("main", pull.head_ref_name)
        assert entry.key in pull.title


def test_their_commits_are_the_same_ones(jira: tuple[Site, httpx.Client]) -> None:
    github = GitHubSite(GitHubSpec(40, jira=JIRA))
    compared = 0
    for entry in developed(jira[0]):
        requests = [one for found in detail(jira[1], entry, "pullrequest") for one in found["pullRequests"]]
        for found in detail(jira[1], entry, "repository"):
            for home in found["repositories"] if requests else []:
                pull = github.find(f"acme/{home['name']}{requests[0]['id']}")
                known = {made.commit.oid: made.commit.url for made in pull.commits}
                assert {one["id"]: one["url"] for one in home["commits"]}.items() <= known.items()
                compared += 1
    assert compared > 3


def test_numbers_of_other_pull_requests_do_not_clash_with_them() -> None:
    for count in (0, 400):
        site = GitHubSite(GitHubSpec(count, jira=JIRA))
        names = site.names()
        assert len(set(names)) == len(names)
