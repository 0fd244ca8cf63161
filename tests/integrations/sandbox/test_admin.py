"""Changing the site over HTTP while it runs, as a person with curl does."""

import re
from typing import Any

import httpx
import pytest

from integrations.sandbox import SandboxServer, Site
from integrations.sandbox.jira.admin import HELP


def post(server: SandboxServer, what: str, body: Any) -> httpx.Response:
    """Without credentials."""
    return httpx.post(f"{server.url}/sandbox/{what}", json=body, timeout=10)


def test_issues_are_deleted_moved_touched_and_added(server: SandboxServer, site: Site) -> None:
    first, second, third = site.keys("PAY")[:3]
    assert post(server, "delete", {"issues": [first]}).json() == {"delete": [first]}
    assert site.find(first) is None
    new = f"WEB-{len(site.keys('WEB')) + 1}"
    assert post(server, "move", {"issues": [second], "project": "WEB"}).json() == {"move": {second: new}}
    assert new in site.keys("WEB")
    entry = site.find(third)
    assert entry is not None
    before, updated = len(site.issue(entry).histories), entry.updated
    post(server, "touch", {"issues": [third]})
    assert (len(site.issue(entry).histories), entry.updated) == (before + 1, updated)
    added = post(server, "add", {"project": "OPS", "count": 2}).json()["add"]
    assert added == site.keys("OPS")[-2:]


def test_issues_are_edited_and_developed_and_statuses_renamed(server: SandboxServer, site: Site) -> None:
    entry = next(
        entry for entry in site.entries if site.status_of(entry).name == "To Do" and not entry.project.team_managed
    )
    post(server, "edit", {"issue": entry.key, "summary": "Another name"})
    post(server, "transition", {"issue": entry.key, "status": "In Progress"})
    post(server, "develop", {"issue": entry.key, "pull_requests": ["MERGED"]})
    post(server, "rename-status", {"status": "In Progress", "name": "Doing"})
    issue = site.issue(entry)
    assert (issue.fields["summary"], issue.status.name) == ("Another name", "Doing")
    assert [request.state for request in issue.development[0].pull_requests] == ["MERGED"]


def test_projects_go_and_come_back(server: SandboxServer, site: Site) -> None:
    assert post(server, "remove-project", {"project": "GROW"}).json() == {"remove-project": "GROW"}
    assert site.project("GROW") is None
    post(server, "restore-project", {"project": "GROW"})
    assert site.project("GROW") is not None


@pytest.mark.parametrize(
    ("what", "body", "message"),
    [
        ("delete", {"issues": ["NO-1"]}, "There is no NO-1."),
        ("delete", {}, "The body lacks issues."),
        ("delete", {"issue": "PAY-1"}, 'unrecognized field "issue"'),
        ("move", {"issues": ["PAY-1"], "project": "NOPE"}, "cannot move PAY-1 to the project NOPE"),
        ("transition", {"issue": "PAY-1", "status": "Nowhere"}, "no status 'Nowhere'"),
        ("add", {"project": "NOPE"}, "no project NOPE"),
    ],
)
def test_what_cannot_be_done_is_told(server: SandboxServer, what: str, body: Any, message: str) -> None:
    answer = post(server, what, body)
    assert answer.status_code == 400
    assert message in answer.json()["errorMessages"][0]


def test_faults_leave_these_calls_alone_and_every_call_is_in_the_help(server: SandboxServer) -> None:
    server.faults.fail_first = 100
    for line in HELP:
        path = re.findall(r"/sandbox/(\S+)", line)[0]
        assert post(server, path, {}).status_code == 400
    assert post(server, "nonsense", {}).status_code == 404
