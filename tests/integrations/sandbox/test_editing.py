from itertools import pairwise

import httpx
import pytest

from integrations.sandbox import Site, SiteSpec

from .conftest import Search

NOW = 1_800_000_000


def test_an_edited_summary_is_shown_with_a_history_and_a_new_updated(site: Site, search: Search) -> None:
    site.clock = lambda: NOW
    key = site.keys("PAY")[3]
    before = search(f"key = {key}", fields=["*all"], expand="changelog")["issues"][0]
    assert site.edit_issue(key, summary="A new name") == NOW * 1000
    after = search(f"updated >= {NOW * 1000}", fields=["*all"], expand="changelog")["issues"][0]
    assert after["fields"]["summary"] == "A new name"
    assert after["changelog"]["total"] == before["changelog"]["total"] + 1
    change = after["changelog"]["histories"][0]["items"][0]
    assert (change["fromString"], change["toString"]) == (before["fields"]["summary"], "A new name")


def test_a_status_edit_goes_on_from_the_current_status_and_sets_the_resolution(site: Site) -> None:
    key = next(e.key for e in site.entries if e.project.key == "DATA" and not site.issue(e).status.done)
    site.edit_issue(key, status="Done")
    site.edit_issue(key, status="in progress")
    site.edit_issue(key, status="Done")
    entry = site.find(key)
    assert entry is not None
    issue = site.issue(entry)
    steps = [item for history in issue.histories for item in history.items if item["field"] == "status"]
    assert all(before["to"] == after["from"] for before, after in pairwise(steps))
    assert issue.fields["status"]["name"] == "Done"
    assert issue.fields["resolution"]["name"] == "Done"
    assert issue.histories[-1].at == entry.updated


def test_a_field_edit_sets_the_raw_value(site: Site, search: Search) -> None:
    key = site.keys()[0]
    site.edit_issue(key, fields={"customfield_10028": 13.0})
    assert search(f"key = {key}", fields=["customfield_10028"])["issues"][0]["fields"] == {"customfield_10028": 13.0}


def test_edits_always_move_updated_even_when_the_clock_stands_behind(site: Site) -> None:
    site.clock = lambda: 0
    key = site.keys()[0]
    assert site.edit_issue(key, summary="one") < site.edit_issue(key, summary="two")


def test_edits_that_make_no_sense_are_refused(site: Site) -> None:
    key = site.keys("DATA")[0]
    entry = site.find(key)
    assert entry is not None
    with pytest.raises(KeyError):
        site.edit_issue("NO-1", summary="x")
    with pytest.raises(ValueError, match="no status 'Elsewhere'"):
        site.edit_issue(key, status="Elsewhere")
    with pytest.raises(ValueError, match="already"):
        site.edit_issue(key, status=site.issue(entry).status.name)


def test_a_deleted_issue_is_gone_and_its_children_lose_their_parent(site: Site, search: Search) -> None:
    parent = next(entry for entry in site.entries if entry.subtasks)
    child = parent.subtasks[0]
    before = len(site.entries)
    site.delete_issue(parent.key)
    assert search(f"key = {parent.key}")["issues"] == []
    assert "parent" not in search(f"key = {child.key}", fields=["*all"])["issues"][0]["fields"]
    assert len(site.entries) == before - 1


def test_an_added_issue_is_found_at_the_end(site: Site, search: Search) -> None:
    site.clock = lambda: NOW
    number = len(site.keys("PAY")) + 1
    key = site.add_issue("PAY", type="Bug", summary="Card declined", description="Since noon.")
    assert key == f"PAY-{number}"
    found = search("updated >= 0 ORDER BY updated DESC", fields=["summary", "status", "description"])["issues"][0]
    assert (found["key"], found["fields"]["summary"]) == (key, "Card declined")
    assert found["fields"]["status"]["name"] == "Open"
    assert found["fields"]["description"]["content"][0]["content"][0]["text"] == "Since noon."
    with pytest.raises(ValueError, match="NOPE"):
        site.add_issue("NOPE")


def test_a_parents_new_summary_is_seen_in_its_children(site: Site, search: Search) -> None:
    child = next(entry for entry in site.entries if entry.parent)
    assert child.parent is not None
    search(f"key = {child.key}", fields=["parent"])
    site.edit_issue(child.parent.key, summary="Renamed")
    shown = search(f"key = {child.key}", fields=["parent"])["issues"][0]["fields"]["parent"]
    assert shown["fields"]["summary"] == "Renamed"


def test_an_edited_site_leaves_a_new_one_of_the_same_spec_alone() -> None:
    edited, fresh = Site(SiteSpec(5)), Site(SiteSpec(5))
    edited.edit_issue(edited.keys()[0], summary="mine")
    assert fresh.issue(fresh.entries[0]).fields["summary"] != "mine"


def test_a_moved_issue_keeps_its_id_and_changes_its_key(site: Site, search: Search, client: httpx.Client) -> None:
    old = site.keys("PAY")[3]
    entry = site.find(old)
    assert entry is not None
    before, count = entry.updated, len(site.keys("WEB"))
    new = site.move_issue(old, "WEB")
    assert new == f"WEB-{count + 1}"
    shown = search(f"project = WEB AND id = {entry.id}", fields=["*all"], expand="changelog")["issues"][0]
    assert (shown["id"], shown["key"], shown["fields"]["project"]["key"]) == (str(entry.id), new, "WEB")
    items = {item["field"]: item for item in shown["changelog"]["histories"][0]["items"]}
    assert (items["Key"]["fromString"], items["Key"]["toString"]) == (old, new)
    assert items["project"]["toString"] == "Customer Portal"
    assert entry.updated > before
    assert search(f"project = PAY AND id = {entry.id}")["issues"] == []
    statuses = {status.id for status in entry.project.workflow_of(entry.type).statuses}
    assert shown["fields"]["status"]["id"] in statuses


def test_the_old_key_of_a_moved_issue_still_finds_it(site: Site, client: httpx.Client) -> None:
    old = site.keys("PAY")[0]
    new = site.move_issue(old, "DATA")
    body = {"issueIdsOrKeys": [old.lower()], "fields": ["summary"], "expand": ["changelog"]}
    answer = client.post("/rest/api/3/issue/bulkfetch", json=body).json()
    assert [issue["key"] for issue in answer["issues"]] == [new]
    assert answer["issues"][0]["changelog"]["total"]
    assert answer["issueErrors"] == []
    assert client.get(f"/rest/api/3/issue/{old}").json()["key"] == new
    again = site.move_issue(new, "OPS")
    assert client.get(f"/rest/api/3/issue/{old}").json()["key"] == again
    site.delete_issue(again)
    assert client.get(f"/rest/api/3/issue/{old}").status_code == 404
    with pytest.raises(ValueError, match="NOPE"):
        site.move_issue(site.keys()[0], "NOPE")


def test_a_touched_issue_has_one_more_history_and_the_same_updated(site: Site, search: Search) -> None:
    key = next(entry.key for entry in site.entries if site.issue(entry).status.name == "To Do")
    before = search(f"key = {key}", fields=["updated"], expand="changelog")["issues"][0]
    site.touch_issue(key)
    site.touch_issue(key, status="In Progress")
    after = search(f"key = {key}", fields=["updated", "status"], expand="changelog")["issues"][0]
    assert after["fields"]["updated"] == before["fields"]["updated"]
    assert after["changelog"]["total"] == before["changelog"]["total"] + 2
    assert after["fields"]["status"]["name"] == "In Progress"
    entry = site.find(key)
    assert entry is not None
    assert site.edit_issue(key, summary="later") > site.issue(entry).histories[-2].at


def test_a_renamed_status_is_shown_everywhere_but_in_histories(
    site: Site, client: httpx.Client, search: Search
) -> None:
    site.rename_status("In Review", "Peer review")
    names = [status["name"] for status in client.get("/rest/api/3/status").json()]
    assert "Peer review" in names
    assert "In Review" not in names
    types = client.get("/rest/api/3/project/PAY/statuses").json()
    assert "Peer review" in {status["name"] for kind in types for status in kind["statuses"]}
    issues = search('status = "Peer review"', fields=["status"], expand="changelog", maxResults=100)["issues"]
    assert {issue["fields"]["status"]["name"] for issue in issues} == {"Peer review"}
    moves = [
        i for issue in issues for h in issue["changelog"]["histories"] for i in h["items"] if i["field"] == "status"
    ]
    assert "In Review" in {move["toString"] for move in moves}
    edited = next(key for key in site.keys("MOB") if _status(site, key) == "In Progress")
    site.edit_issue(edited, status="peer review")
    site.rename_status("In Progress", "Doing")
    assert _status(site, edited) == "Peer review"
    with pytest.raises(ValueError, match="no status 'In Review'"):
        site.rename_status("In Review", "x")


def _status(site: Site, key: str) -> str:
    entry = site.find(key)
    assert entry is not None
    return site.status_of(entry).name


def test_a_removed_project_cannot_be_seen_until_it_is_restored(
    site: Site, client: httpx.Client, search: Search
) -> None:
    key, count = site.keys("GROW")[0], len(site.keys("GROW"))
    site.remove_project("GROW")
    listed = client.get("/rest/api/3/project/search").json()["values"]
    assert "GROW" not in {project["key"] for project in listed}
    assert len(search("updated >= 0", maxResults=1000)["issues"]) == 300 - count
    assert client.post("/rest/api/3/search/jql", json={"jql": "project = GROW"}).status_code == 400
    assert client.get(f"/rest/api/3/issue/{key}").status_code == 404
    assert client.get("/rest/api/3/project/GROW/statuses").status_code == 404
    with pytest.raises(KeyError, match="GROW"):
        site.remove_project("GROW")
    site.restore_project("GROW")
    assert len(search("project = GROW", maxResults=1000)["issues"]) == count
