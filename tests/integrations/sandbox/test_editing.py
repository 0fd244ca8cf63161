from itertools import pairwise

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
