"""Faults that come again and again: by count, by chance, by time."""

import re
from collections import Counter

import httpx
import pytest

from integrations.sandbox import Faults, SandboxServer, Site, Throttle

from .conftest import Search

MYSELF, SEARCH = "/rest/api/3/myself", "/rest/api/3/search/jql"
ALL = "updated >= 0 ORDER BY id"


def statuses(client: httpx.Client, calls: int) -> list[int]:
    return [client.get(MYSELF).status_code for _ in range(calls)]


def outcomes(client: httpx.Client, calls: int) -> list[str]:
    """The status of each call, or the name of the error of a connection that was cut."""
    found = []
    for number in range(calls):
        try:
            found.append(str(client.get(MYSELF, params={"call": str(number)}).status_code))
        except httpx.TransportError as error:
            found.append(type(error).__name__)
    return found


def test_every_fourth_call_is_throttled_and_every_third_unavailable(
    server: SandboxServer, client: httpx.Client
) -> None:
    server.faults = Faults(throttle_every=4, unavailable_every=3, unavailable_seconds=9)
    assert statuses(client, 8) == [200, 200, 503, 429, 200, 503, 200, 429]
    server.faults = Faults(unavailable_every=1, unavailable_seconds=9)
    assert client.get(MYSELF).headers["retry-after"] == "9"


@pytest.mark.parametrize(
    ("form", "present", "absent"),
    [
        (Throttle.RETRY_AFTER, {"retry-after"}, {"x-ratelimit-reset"}),
        (Throttle.RESET, {"x-ratelimit-reset"}, {"retry-after"}),
        (Throttle.BARE, set(), {"retry-after", "x-ratelimit-reset"}),
    ],
)
def test_a_429_has_the_form_that_was_asked_for(
    server: SandboxServer, client: httpx.Client, form: Throttle, present: set[str], absent: set[str]
) -> None:
    server.faults = Faults(throttle_every=1, throttle=form)
    headers = set(client.get(MYSELF).headers)
    assert present <= headers
    assert not absent & headers


def test_a_reset_may_point_to_the_past_and_never_has_seconds(
    site: Site, server: SandboxServer, client: httpx.Client
) -> None:
    site.clock = lambda: 1_700_000_030
    server.faults = Faults(throttle_every=1, throttle=Throttle.RESET, reset_seconds=0)
    assert client.get(MYSELF).headers["x-ratelimit-reset"] == "2023-11-14T22:13Z"


def test_a_share_of_the_calls_fails_the_same_ones_each_time(server: SandboxServer, client: httpx.Client) -> None:
    runs = []
    for _ in range(2):
        server.faults = Faults(error_share=0.2, seed=3)
        runs.append(outcomes(client, 200))
    assert runs[0] == runs[1]
    assert 20 <= Counter(runs[0])["500"] <= 60
    server.faults = Faults(error_share=0.2, seed=4)
    assert outcomes(client, 200) != runs[0]


def test_a_call_that_failed_by_chance_can_succeed_later(server: SandboxServer, client: httpx.Client) -> None:
    server.faults = Faults(error_share=0.5)
    assert set(statuses(client, 20)) == {200, 500}


def test_which_calls_fail_does_not_depend_on_their_order(server: SandboxServer, client: httpx.Client) -> None:
    def failed(numbers: range) -> set[int]:
        server.faults = Faults(error_share=0.3)
        return {n for n in numbers if client.get(MYSELF, params={"call": str(n)}).status_code == 500}

    assert failed(range(40)) == failed(range(39, -1, -1))


def test_connections_are_cut_before_and_within_the_body(server: SandboxServer, client: httpx.Client) -> None:
    server.faults = Faults(lost_share=0.5)
    seen = Counter(outcomes(client, 60))
    assert set(seen) == {"200", "RemoteProtocolError"}
    messages = set()
    for number in range(60):
        try:
            client.get(MYSELF, params={"again": str(number)})
        except httpx.RemoteProtocolError as error:
            messages.add("within" if re.search("incomplete|without sending complete", str(error)) else "before")
    assert messages == {"before", "within"}


def test_a_quota_is_told_in_every_answer_and_what_exceeds_it_is_refused_until_the_window_ends(
    site: Site, server: SandboxServer, client: httpx.Client
) -> None:
    site.clock = lambda: 1_700_000_005
    server.faults = Faults(quota=6)
    answers = [client.get(MYSELF) for _ in range(7)]
    assert [answer.status_code for answer in answers] == [200] * 6 + [429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == list("5432100")
    assert ["x-ratelimit-nearlimit" in answer.headers for answer in answers] == [False] * 4 + [True] * 3
    assert answers[-1].headers["retry-after"] == "35"
    site.clock = lambda: 1_700_000_041
    assert client.get(MYSELF).status_code == 200


def test_answers_can_be_slow_at_random(site: Site) -> None:
    with SandboxServer(site, faults=Faults(jitter_seconds=60)) as server:
        slow = []
        for number in range(6):
            try:
                httpx.get(f"{server.url}{MYSELF}?n={number}", auth=(server.email, server.token), timeout=0.05)
            except httpx.ReadTimeout:
                slow.append(number)
    assert slow


def test_short_pages_hold_fewer_issues_and_yet_all_come(site: Site, server: SandboxServer, search: Search) -> None:
    server.faults = Faults(short_share=0.7)
    pages = [search(ALL, maxResults=50)]
    while token := pages[-1].get("nextPageToken"):
        pages.append(search(ALL, maxResults=50, nextPageToken=token))
    sizes = [len(page["issues"]) for page in pages]
    assert len([size for size in sizes if size < 50]) > 3
    assert [int(issue["id"]) for page in pages for issue in page["issues"]] == [entry.id for entry in site.entries]


def test_page_tokens_expire_after_so_many_pages_of_a_query(server: SandboxServer, client: httpx.Client) -> None:
    def page(jql: str, token: str | None) -> httpx.Response:
        return client.post(SEARCH, json={"jql": jql} | ({"nextPageToken": token} if token else {}))

    server.faults = Faults(token_pages=2)
    first = page(ALL, None).json()["nextPageToken"]
    second = page(ALL, first).json()["nextPageToken"]
    refused = page(ALL, second)
    assert refused.status_code == 400
    assert "expired" in refused.json()["errorMessages"][0]
    # A query that begins anew has new tokens.
    assert page("updated >= 1", page("updated >= 1", None).json()["nextPageToken"]).status_code == 200


def test_all_page_tokens_can_be_made_to_expire(server: SandboxServer, client: httpx.Client, search: Search) -> None:
    token = search(ALL)["nextPageToken"]
    server.expire_tokens()
    assert client.post(SEARCH, json={"jql": ALL, "nextPageToken": token}).status_code == 400
    assert search(ALL, nextPageToken=search(ALL)["nextPageToken"])["issues"]


def test_paths_can_be_missing(server: SandboxServer, client: httpx.Client) -> None:
    server.faults = Faults(missing=("/rest/api/3/issue/bulkfetch", "/rest/api/3/changelog"))
    for path in ("issue/bulkfetch", "changelog/bulkfetch"):
        assert client.post(f"/rest/api/3/{path}", json={"issueIdsOrKeys": ["PAY-1"]}).status_code == 404


def test_issues_of_forbidden_projects_are_not_found(site: Site, server: SandboxServer, search: Search) -> None:
    server.faults = Faults(forbidden_projects=("PAY", "WEB"))
    found = search(ALL, maxResults=1000)["issues"]
    assert len(found) == 300 - len(site.keys("PAY")) - len(site.keys("WEB"))
