"""Search that lags behind what happened."""

from integrations.sandbox import Faults, SandboxServer, Site

from .conftest import Search

NOW = 1_800_000_000
SINCE = f"updated >= {NOW * 1000}"


def keys(search: Search, jql: str) -> list[str]:
    return [issue["key"] for issue in search(jql, fields=["summary"])["issues"]]


def test_a_change_is_found_only_after_so_many_searches(site: Site, server: SandboxServer, search: Search) -> None:
    site.clock = lambda: NOW
    server.faults = Faults(late_calls=2)
    new, edited = site.add_issue("PAY"), site.keys("WEB")[0]
    site.edit_issue(edited, summary="Changed")
    assert [len(keys(search, SINCE)) for _ in range(4)] == [0, 0, 2, 2]
    assert set(keys(search, SINCE)) == {new, edited}


def test_until_then_an_edited_issue_is_found_where_it_was(site: Site, server: SandboxServer, search: Search) -> None:
    site.clock = lambda: NOW
    server.faults = Faults(late_calls=1)
    entry = site.entries[5]
    before = entry.updated
    site.edit_issue(entry.key, summary="Changed")
    assert entry.key in keys(search, f"updated <= {before} AND updated >= {before}")
    assert entry.key not in keys(search, f"updated <= {before} AND updated >= {before}")


def test_a_change_is_found_after_a_while_of_the_sites_clock(site: Site, server: SandboxServer, search: Search) -> None:
    site.clock = lambda: NOW
    server.faults = Faults(late_seconds=30)
    key = site.add_issue("PAY")
    assert keys(search, SINCE) == []
    site.clock = lambda: NOW + 30
    assert keys(search, SINCE) == [key]


def test_the_second_of_two_changes_hides_only_itself(site: Site, server: SandboxServer, search: Search) -> None:
    server.faults = Faults(late_seconds=30)
    key = site.keys()[0]
    site.clock = lambda: NOW
    site.edit_issue(key, summary="first")
    site.clock = lambda: NOW + 20
    site.edit_issue(key, summary="second")
    site.clock = lambda: NOW + 40
    assert keys(search, f"{SINCE} AND updated < {(NOW + 20) * 1000}") == [key]
    site.clock = lambda: NOW + 50
    assert keys(search, f"updated >= {(NOW + 20) * 1000}") == [key]


def test_what_is_fetched_by_id_is_never_late(site: Site, server: SandboxServer, search: Search) -> None:
    server.faults = Faults(late_calls=9)
    key = site.add_issue("PAY", summary="Brand new")
    assert site.find(key) is not None
    assert keys(search, f"key = {key}") == []
