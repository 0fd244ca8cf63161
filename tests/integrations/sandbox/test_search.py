from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from integrations.sandbox import SandboxServer, Site

from .conftest import Search

ALL = "updated >= 0 ORDER BY updated ASC, id ASC"


def every_page(search: Search, jql: str, **body: Any) -> list[dict[str, Any]]:
    pages = [search(jql, **body)]
    while "nextPageToken" in pages[-1]:
        pages.append(search(jql, nextPageToken=pages[-1]["nextPageToken"], **body))
    return pages


def ids(pages: list[dict[str, Any]]) -> list[int]:
    return [int(issue["id"]) for page in pages for issue in page["issues"]]


def test_pages_hold_every_issue_once_and_only_the_last_has_no_token(site: Site, search: Search) -> None:
    pages = every_page(search, ALL, maxResults=70)
    assert sorted(ids(pages)) == [entry.id for entry in site.entries]
    assert [page["isLast"] for page in pages] == [False] * 4 + [True]
    assert all("total" not in page for page in pages)


def test_issues_come_in_the_order_that_was_asked_for(site: Site, search: Search) -> None:
    expected = sorted(site.entries, key=lambda entry: (entry.updated, entry.id))
    assert ids(every_page(search, ALL, maxResults=90)) == [entry.id for entry in expected]
    descending = ids([search("created >= 0 ORDER BY created DESC", maxResults=100)])
    newest = sorted(site.entries, key=lambda entry: -entry.created)[:100]
    assert descending == [entry.id for entry in newest]


def test_keys_are_ordered_by_their_numbers(search: Search) -> None:
    page = search("project = PAY ORDER BY key", fields=["summary"], maxResults=12)
    assert [issue["key"] for issue in page["issues"]] == [f"PAY-{number}" for number in range(1, 13)]


def test_without_fields_only_the_id_comes(search: Search) -> None:
    assert set(search(ALL)["issues"][0]) == {"id"}


def test_only_the_fields_that_were_named_come(search: Search) -> None:
    issue = search(ALL, fields=["summary", "customfield_10028", "nonsense"])["issues"][0]
    assert set(issue["fields"]) == {"summary", "customfield_10028"}
    assert "changelog" not in issue
    most = search(ALL, fields=["*all", "-description"])["issues"][0]["fields"]
    assert "description" not in most
    assert "created" in most


def test_names_and_schema_come_only_where_they_were_asked_for(search: Search) -> None:
    plain = search(ALL, fields=["*all"])
    assert not {"names", "schema"} & set(plain)
    explained = search(ALL, fields=["*all"], expand="names,schema")
    assert explained["names"]["customfield_10028"] == "Story Points"
    assert explained["schema"]["customfield_10028"]["type"] == "number"


def test_pages_with_fields_hold_at_most_a_hundred_issues(search: Search) -> None:
    assert len(search(ALL, fields=["summary"], maxResults=5000)["issues"]) == 100
    assert len(search(ALL, fields=["id"], maxResults=5000)["issues"]) == 300


def test_an_embedded_changelog_holds_the_newest_forty_newest_first(site: Site, search: Search) -> None:
    long = next(entry for entry in site.entries if entry.changes > 60)
    issue = search(f"key = {long.key}", fields=["summary"], expand="changelog")["issues"][0]
    histories = site.issue(long).histories
    shown = issue["changelog"]
    assert [entry["id"] for entry in shown["histories"]] == [str(entry.id) for entry in histories[:-41:-1]]
    assert (shown["startAt"], shown["maxResults"], shown["total"]) == (0, 40, len(histories))


def test_the_size_of_the_embedded_changelog_is_an_option(site: Site) -> None:
    entry = next(entry for entry in site.entries if entry.changes > 5)
    with SandboxServer(site, inline_histories=2) as server:
        body = {"jql": f"id in ({entry.id})", "fields": ["summary"], "expand": "changelog"}
        url = f"{server.url}/rest/api/3/search/jql"
        issue = httpx.post(url, json=body, auth=(server.email, server.token)).json()["issues"][0]
    assert len(issue["changelog"]["histories"]) == 2


def test_dates_carry_offsets_of_two_zones_without_colon(search: Search) -> None:
    pages = every_page(search, ALL, fields=["created"], maxResults=100)
    offsets = {issue["fields"]["created"][-5:] for page in pages for issue in page["issues"]}
    assert offsets == {"-0800", "-0700", "+0530"}


def test_projects_are_filtered_by_key_name_or_id_in_any_case(site: Site, search: Search) -> None:
    expected = len(site.keys("PAY"))
    for name in ("PAY", "pay", '"Payments"', "10000"):
        assert len(search(f"project = {name}", maxResults=1000)["issues"]) == expected
    both = search("(project in (PAY, DATA)) AND created >= 0", maxResults=1000)["issues"]
    assert len(both) == expected + len(site.keys("DATA"))


def test_milliseconds_are_exact_and_strings_are_minutes_in_the_callers_zone(site: Site, search: Search) -> None:
    middle = sorted(entry.updated for entry in site.entries)[150]
    assert len(search(f"updated >= {middle}", maxResults=1000)["issues"]) == 150
    local = datetime.fromtimestamp(middle / 1000, ZoneInfo(site.zone)).replace(second=0, microsecond=0)
    text = f'updated >= "{local:%Y-%m-%d %H:%M}"'
    expected = [entry for entry in site.entries if entry.updated >= local.timestamp() * 1000]
    assert len(search(text, maxResults=1000)["issues"]) == len(expected)


def test_an_issue_edited_between_two_pages_moves_to_the_end(site: Site, search: Search) -> None:
    first = search(ALL, maxResults=150)
    later = site.find(search(ALL, nextPageToken=first["nextPageToken"])["issues"][0]["id"])
    assert later is not None
    site.edit_issue(later.key, summary="moved")
    rest = ids([search(ALL, maxResults=1000, nextPageToken=first["nextPageToken"])])
    assert rest[-1] == later.id
    assert rest.count(later.id) == 1


def test_get_answers_as_post_does(client: httpx.Client, search: Search) -> None:
    query = {"jql": ALL, "fields": "summary,status", "maxResults": "7", "expand": "changelog"}
    answer = client.get("/rest/api/3/search/jql", params=query).json()
    assert answer == search(ALL, fields=["summary", "status"], maxResults=7, expand="changelog")


def test_the_approximate_count_is_the_number_of_hits(site: Site, client: httpx.Client) -> None:
    answer = client.post("/rest/api/3/search/approximate-count", json={"jql": "project = MOB"})
    assert answer.json() == {"count": len(site.keys("MOB"))}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"jql": ALL, "startAt": 0},
        {"jql": ALL, "expand": ["changelog"]},
        {"jql": ALL, "fields": "summary"},
        {"jql": ALL, "maxResults": 0},
        {"jql": ALL, "maxResults": True},
        {"jql": ALL, "nextPageToken": "nonsense"},
        {"jql": ALL, "nextPageToken": "bnVsbA=="},
        [],
    ],
)
def test_a_body_that_jira_refuses_is_refused_in_jiras_words(client: httpx.Client, body: Any) -> None:
    response = client.post("/rest/api/3/search/jql", json=body)
    assert response.status_code == 400
    assert response.json()["errorMessages"]
    assert response.json()["errors"] == {}


def test_a_token_belongs_to_its_query(client: httpx.Client, search: Search) -> None:
    token = search(ALL)["nextPageToken"]
    response = client.post("/rest/api/3/search/jql", json={"jql": "project = PAY", "nextPageToken": token})
    assert response.status_code == 400


def test_bulkfetch_gives_what_it_finds_and_names_what_it_does_not(site: Site, client: httpx.Client) -> None:
    first, second = site.entries[:2]
    body = {"issueIdsOrKeys": [first.key.lower(), str(second.id), "NO-1"], "fields": ["summary"]}
    answer = client.post("/rest/api/3/issue/bulkfetch", json=body).json()
    assert [issue["key"] for issue in answer["issues"]] == [first.key, second.key]
    assert [error["id"] for error in answer["issueErrors"]] == ["NO-1"]
    assert client.post("/rest/api/3/issue/bulkfetch", json={"issueIdsOrKeys": ["1"] * 101}).status_code == 400
