from typing import Any

import httpx
import pytest

from integrations.sandbox.github import GitHubServer, GitHubSite
from integrations.sandbox.github.admin import HELP

HOME = "acme/identity"


@pytest.fixture
def name(site: GitHubSite) -> str:
    return site.open_pull(HOME)


def change(server: GitHubServer, path: str, **body: Any) -> httpx.Response:
    return httpx.post(f"{server.url}/sandbox/{path}", json=body)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("edit", {"title": "Another name", "labels": ["bug"], "draft": True}),
        ("merge", {}),
        ("close", {}),
        ("push", {"count": 2, "message": "PAY-1 More"}),
        ("force-push", {}),
        ("review", {"state": "APPROVED", "comments": 2}),
        ("comment", {"body": "What of it?"}),
    ],
)
def test_pull_requests_are_changed_without_credentials(
    server: GitHubServer, name: str, path: str, body: dict[str, Any]
) -> None:
    before = server.site.find(name).updated_at
    answer = change(server, path, pull=name, **body)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {path: server.site.find(name).updated_at}
    assert server.site.find(name).updated_at > before


def test_changes_that_need_another_one_first(server: GitHubServer, name: str) -> None:
    assert change(server, "reopen", pull=name).status_code == 400
    change(server, "close", pull=name)
    assert change(server, "reopen", pull=name).status_code == 200
    assert "no approval" in change(server, "dismiss", pull=name).text
    change(server, "review", pull=name, state="APPROVED")
    assert change(server, "dismiss", pull=name).status_code == 200


def test_repositories_are_changed(server: GitHubServer, name: str) -> None:
    assert change(server, "delete-fork", pull=name).json() == {"delete-fork": name}
    assert change(server, "archive-repository", repository=HOME).status_code == 200
    assert change(server, "unarchive-repository", repository=HOME).status_code == 200
    renamed = change(server, "rename-repository", repository=HOME, name="accounts").json()
    assert renamed == {"rename-repository": "acme/accounts"}
    moved = change(server, "transfer-repository", repository="acme/accounts", owner="acme-labs").json()
    assert moved == {"transfer-repository": "acme-labs/accounts"}
    assert change(server, "delete-repository", repository="acme-labs/accounts").status_code == 200
    assert server.site.repository(HOME) is None


def test_what_cannot_be_done_is_a_400_that_says_why(server: GitHubServer, name: str) -> None:
    assert "There is no acme/nope#1." in change(server, "merge", pull="acme/nope#1").text
    assert "lacks pull" in change(server, "merge").text
    assert "unrecognized field" in change(server, "merge", pull=name, nonsense=1).text
    assert change(server, "review", pull=name, state="GREAT").status_code == 400
    assert change(server, "nonsense").status_code == 404


def test_every_change_has_its_line_of_help() -> None:
    assert len(HELP) >= 18
    assert all(line.startswith("POST /sandbox/") and "{" in line for line in HELP)
