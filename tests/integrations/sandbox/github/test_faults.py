import json
from typing import Any

import httpx
import pytest

from integrations.sandbox import Damage, Throttle
from integrations.sandbox.github import GitHubFaults, GitHubServer

from .conftest import Clock

VIEWER = "{ viewer { login } }"


def test_the_secondary_limit_is_told_in_each_of_its_forms(server: GitHubServer, post: Any) -> None:
    server.faults = GitHubFaults(throttle_first=1, retry_after=7)
    refused = post(VIEWER)
    assert (refused.status_code, refused.headers["retry-after"]) == (403, "7")
    assert "secondary rate limit" in refused.json()["message"]
    assert post(VIEWER).status_code == 200
    server.faults = GitHubFaults(throttle_first=1, throttle_status=429, throttle=Throttle.BARE)
    refused = post(VIEWER)
    assert refused.status_code == 429
    assert "retry-after" not in refused.headers
    server.faults = GitHubFaults(throttle_first=1, throttle_status=200)
    refused = post(VIEWER)
    assert (refused.status_code, refused.headers["retry-after"]) == (200, "1")
    assert "secondary rate limit" in refused.json()["errors"][0]["message"]


def test_a_limit_may_name_its_reset_in_epoch_seconds(server: GitHubServer, post: Any, clock: Clock) -> None:
    server.faults = GitHubFaults(throttle_first=1, throttle=Throttle.RESET, reset_seconds=90)
    refused = post(VIEWER)
    assert refused.headers["x-ratelimit-reset"] == "1800000090"
    assert refused.headers["x-ratelimit-remaining"] == "0"


@pytest.mark.parametrize("status", [500, 503])
def test_the_first_calls_fail_in_githubs_words(server: GitHubServer, post: Any, status: int) -> None:
    server.faults = GitHubFaults(fail_first=1, fail_status=status)
    refused = post(VIEWER)
    assert (refused.status_code, refused.json()["status"]) == (status, str(status))
    assert post(VIEWER).status_code == 200


def test_a_bad_gateway_answers_with_a_page(server: GitHubServer, post: Any) -> None:
    server.faults = GitHubFaults(fail_first=1, fail_status=502)
    refused = post(VIEWER)
    assert (refused.status_code, refused.headers["content-type"]) == (502, "text/html")


def test_connections_break_off_and_answers_are_cut(server: GitHubServer, post: Any) -> None:
    server.faults = GitHubFaults(lost_share=1)
    with pytest.raises(httpx.TransportError):
        post(VIEWER)
    server.faults = GitHubFaults(cut_under="/graphql")
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        post(VIEWER).json()
    server.faults = GitHubFaults(html_under="")
    assert post(VIEWER).text.startswith("<!DOCTYPE html>")


def test_one_title_is_damaged_and_the_others_are_whole(server: GitHubServer, post: Any) -> None:
    text = '{ repository(owner: "acme", name: "identity") { pullRequests(first: 3) { nodes { title } } } }'

    def titles(damage: Damage | None = None) -> list[str]:
        server.faults = GitHubFaults(issues={"acme/identity#2": damage} if damage else {})
        nodes = json.loads(post(text).content)["data"]["repository"]["pullRequests"]["nodes"]
        return [node["title"] for node in nodes]

    first, second, third = titles()
    assert titles(Damage.NUL) == [first, f"be\0fore {second}", third]
    assert titles(Damage.LONE_SURROGATE) == [first, f"be\ud83dfore {second}", third]
    assert titles(Damage.ESCAPED_BACKSLASH) == [first, f"C:\\u0000 {second}", third]


def test_faults_may_concern_some_paths_only(server: GitHubServer, client: httpx.Client, post: Any) -> None:
    server.faults = GitHubFaults(error_share=1, only_under="/graphql", missing=("/meta",))
    assert post(VIEWER).status_code == 500
    assert client.get("/user").status_code == 200
    assert client.get("/meta").json()["message"] == "No such path: /meta"


def test_a_site_that_is_changed_needs_no_faults_and_no_token(server: GitHubServer) -> None:
    server.faults = GitHubFaults(error_share=1, points=0)
    body = {"repository": "acme/identity", "title": "x"}
    assert httpx.post(f"{server.url}/sandbox/open", json=body).status_code == 200


def test_calls_are_counted_and_remembered(server: GitHubServer, client: httpx.Client, post: Any) -> None:
    post(VIEWER)
    client.get("/user")
    assert server.counts == {"/graphql": 1, "/user": 1}
    assert server.requests[0].json()["query"] == VIEWER


def test_a_body_that_holds_no_query_is_refused(client: httpx.Client) -> None:
    for content in (b"{not json", b"[]", b'{"query": 1}', b'{"query": "{ viewer { login } }", "variables": [1]}'):
        answer = client.post("/graphql", content=content)
        assert answer.status_code == 400
        assert answer.json()["status"] == "400"
