import threading
from typing import Any

import httpx
import orjson
import pytest

from integrations.sandbox import Damage, Faults, SandboxServer, Site, Throttle

from .conftest import Search

SEARCH, MYSELF = "/rest/api/3/search/jql", "/rest/api/3/myself"
ALL = "updated >= 0 ORDER BY id"


def page(client: httpx.Client) -> httpx.Response:
    return client.post(SEARCH, json={"jql": ALL, "fields": ["*all"]})


def damaged(server: SandboxServer, client: httpx.Client, damage: Damage) -> tuple[bytes, Any, list[Any]]:
    """The body, the damaged issue and the others of a page in which the third issue is damaged."""
    server.faults = Faults(issues={server.site.keys()[2]: damage})
    body = page(client).content
    issues = orjson.loads(body.replace(rb"\ud83d", b"?"))["issues"]
    return body, issues[2], issues[:2] + issues[3:]


def test_a_login_page_comes_with_status_200_for_the_paths_named(server: SandboxServer, client: httpx.Client) -> None:
    server.faults.html_under = "/rest/api/3/search"
    answer = page(client)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html;charset=UTF-8")
    assert answer.text.startswith("<!DOCTYPE html>")
    assert client.get(MYSELF).json()["accountId"]


def test_json_is_cut_off_inside_a_complete_http_answer(server: SandboxServer, client: httpx.Client) -> None:
    server.faults.cut_under = SEARCH
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(page(client).content)


def test_a_token_is_repeated(server: SandboxServer, search: Search) -> None:
    server.faults.repeat_token = True
    token = search(ALL)["nextPageToken"]
    assert search(ALL, nextPageToken=token)["nextPageToken"] == token


@pytest.mark.parametrize("damage", list(Damage))
def test_one_issue_is_damaged_and_the_others_are_whole(
    server: SandboxServer, client: httpx.Client, damage: Damage
) -> None:
    clean = orjson.loads(page(client).content)["issues"]
    _, bad, good = damaged(server, client, damage)
    assert bad != clean[2]
    assert good == clean[:2] + clean[3:]


def test_damages_are_what_they_say(server: SandboxServer, client: httpx.Client) -> None:
    assert "fields" not in damaged(server, client, Damage.NO_FIELDS)[1]
    assert isinstance(damaged(server, client, Damage.FIELDS_LIST)[1]["fields"], list)
    assert damaged(server, client, Damage.BAD_CREATED)[1]["fields"]["created"] == "yesterday"
    assert damaged(server, client, Damage.NUL)[1]["fields"]["summary"].startswith("be\0fore ")
    assert damaged(server, client, Damage.ESCAPED_BACKSLASH)[1]["fields"]["summary"].startswith("C:\\u0000 ")
    assert rb'"summary":"be\ud83dfore ' in damaged(server, client, Damage.LONE_SURROGATE)[0]
    assert len(damaged(server, client, Damage.HUGE)[0]) > 6_000_000


def test_the_first_calls_fail_and_then_it_works(server: SandboxServer, client: httpx.Client) -> None:
    server.faults = Faults(fail_first=2, fail_status=503, only_under=SEARCH)
    assert client.get(MYSELF).status_code == 200
    assert [page(client).status_code for _ in range(3)] == [503, 503, 200]


@pytest.mark.parametrize("seconds", [0, 7])
def test_the_first_calls_are_throttled_and_told_when_to_come_again(
    server: SandboxServer, client: httpx.Client, seconds: int
) -> None:
    server.faults = Faults(throttle_first=1, retry_after=seconds)
    refused = client.get(MYSELF)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, str(seconds))
    assert refused.headers["ratelimit-reason"] == "jira-burst-based"
    assert client.get(MYSELF).status_code == 200


def test_a_throttled_call_may_name_a_reset_instead_of_seconds(
    server: SandboxServer, site: Site, client: httpx.Client
) -> None:
    site.clock = lambda: 1_700_000_000
    server.faults = Faults(throttle_first=1, throttle=Throttle.RESET)
    refused = client.get(MYSELF)
    assert refused.status_code == 429
    assert "retry-after" not in refused.headers
    assert refused.headers["x-ratelimit-reset"] == "2023-11-14T22:14Z"


def test_bare_ids_are_never_damaged(server: SandboxServer, site: Site, search: Search) -> None:
    server.faults = Faults(issues=dict.fromkeys(site.keys(), Damage.HUGE))
    assert len(search(ALL, maxResults=1000)["issues"]) == 300


def test_one_project_is_forbidden_wherever_it_is_asked_for(
    server: SandboxServer, site: Site, client: httpx.Client
) -> None:
    server.faults = Faults(forbidden_projects=("PAY",))
    key, other = site.keys("PAY")[0], site.keys("WEB")[0]
    assert client.get("/rest/api/3/project/PAY/statuses").status_code == 403
    assert client.get(f"/rest/api/3/issue/{key}/changelog").status_code == 403
    assert client.post(SEARCH, json={"jql": "project in (WEB, PAY)"}).status_code == 403
    assert client.post(SEARCH, json={"jql": "project = WEB"}).status_code == 200
    both = client.post("/rest/api/3/issue/bulkfetch", json={"issueIdsOrKeys": [key, other]}).json()
    assert [issue["key"] for issue in both["issues"]] == [other]
    logs = client.post("/rest/api/3/changelog/bulkfetch", json={"issueIdsOrKeys": site.keys("PAY")[:9]}).json()
    assert logs["issueChangeLogs"] == []


def test_a_slow_answer_runs_into_the_callers_timeout(server: SandboxServer, client: httpx.Client) -> None:
    server.faults = Faults(delay_seconds=30, only_under=MYSELF)
    with pytest.raises(httpx.ReadTimeout):
        client.get(MYSELF, timeout=0.05)
    assert client.get("/rest/api/3/serverInfo").status_code == 200


def test_stopping_does_not_wait_for_slow_answers(site: Site) -> None:
    server = SandboxServer(site, faults=Faults(delay_seconds=600))
    server.start()
    failures: list[Exception] = []

    def ask() -> None:
        try:
            httpx.get(server.url + MYSELF, auth=(server.email, server.token), timeout=60)
        except httpx.TransportError as error:
            failures.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    while not server.counts[MYSELF]:
        asking.join(0.01)
    server.stop()
    asking.join(10)
    assert not asking.is_alive()
