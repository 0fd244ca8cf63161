from typing import Any

import httpx
import pytest

from integrations.sandbox import Site
from integrations.sandbox.jira.entries import Entry


@pytest.fixture
def long(site: Site) -> Entry:
    """An issue whose embedded changelog is cut."""
    return next(entry for entry in site.entries if entry.changes > 150)


def bulk(client: httpx.Client, **body: Any) -> list[dict[str, Any]]:
    """All pages of a bulk fetch."""
    pages = [client.post("/rest/api/3/changelog/bulkfetch", json=body).json()]
    while token := pages[-1].get("nextPageToken"):
        pages.append(client.post("/rest/api/3/changelog/bulkfetch", json=body | {"nextPageToken": token}).json())
    return pages


def test_a_whole_changelog_comes_oldest_first_by_offset(site: Site, long: Entry, client: httpx.Client) -> None:
    found: list[dict[str, Any]] = []
    for start in range(0, len(site.issue(long).histories), 100):
        page = client.get(f"/rest/api/3/issue/{long.key}/changelog", params={"startAt": start}).json()
        assert page["startAt"] == start
        assert page["total"] == len(site.issue(long).histories)
        found += page["values"]
    assert page["isLast"]
    assert "nextPage" not in page
    assert [history["id"] for history in found] == [str(history.id) for history in site.issue(long).histories]
    assert isinstance(found[0]["created"], str)


def test_the_changelog_of_an_unknown_issue_is_a_404(client: httpx.Client) -> None:
    assert client.get("/rest/api/3/issue/NO-1/changelog").status_code == 404
    assert client.get("/rest/api/3/issue/PAY-1/changelog", params={"startAt": "x"}).status_code == 400


def test_bulkfetch_gives_every_history_once_merged_by_date_and_split_over_pages(
    site: Site, long: Entry, client: httpx.Client
) -> None:
    wanted = [long, *site.entries[:20]]
    pages = bulk(client, issueIdsOrKeys=[str(entry.id) for entry in wanted], maxResults=50)
    logs = [log for page in pages for log in page["issueChangeLogs"]]
    found: dict[int, list[str]] = {entry.id: [] for entry in wanted}
    for log in logs:
        found[int(log["issueId"])] += [history["id"] for history in log["changeHistories"]]
    for entry in wanted:
        assert found[entry.id] == [str(history.id) for history in site.issue(entry).histories]
    assert len([log for log in logs if log["issueId"] == str(long.id)]) > 1


def test_bulkfetch_gives_created_as_epoch_milliseconds(site: Site, long: Entry, client: httpx.Client) -> None:
    page = bulk(client, issueIdsOrKeys=[long.key])[0]
    times = [history["created"] for history in page["issueChangeLogs"][0]["changeHistories"]]
    assert times == [history.at for history in site.issue(long).histories]


def test_bulkfetch_filters_by_field(long: Entry, client: httpx.Client) -> None:
    page = bulk(client, issueIdsOrKeys=[long.key], fieldIds=["status"])[0]
    histories = page["issueChangeLogs"][0]["changeHistories"]
    assert all(any(item.get("fieldId") == "status" for item in history["items"]) for history in histories)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"issueIdsOrKeys": []},
        {"issueIdsOrKeys": ["1"] * 1001},
        {"issueIdsOrKeys": ["PAY-1"], "fieldIds": ["x"] * 11},
        {"issueIdsOrKeys": ["PAY-1"], "startAt": 0},
        {"issueIdsOrKeys": ["PAY-1"], "nextPageToken": "stale"},
    ],
)
def test_bulkfetch_refuses_what_jira_refuses(client: httpx.Client, body: dict[str, Any]) -> None:
    assert client.post("/rest/api/3/changelog/bulkfetch", json=body).status_code == 400
