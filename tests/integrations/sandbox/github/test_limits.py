from typing import Any

import httpx
import pytest

from integrations.sandbox.github import GitHubFaults, GitHubServer

from .conftest import Ask, Clock

LIMITS = "rateLimit { cost limit remaining used nodeCount resetAt }"
# The examples of GitHub's own page on limits, over what this schema has: 22,060 nodes and 51 points there.
NESTED = """query($repositories: Int, $pulls: Int, $labels: Int) { rateLimit(dryRun: true) { cost nodeCount }
  viewer { repositories(first: $repositories) { nodes { pullRequests(first: $pulls) { nodes {
    labels(first: $labels) { nodes { name } } } } } } } }"""
PAGE = """query($first: Int = 50) { rateLimit(dryRun: true) { cost nodeCount }
  repository(owner: "acme", name: "identity") { pullRequests(first: $first) { nodes {
    labels(first: 20) { nodes { name } } commits(first: 20) { nodes { id } } reviews(first: 20) { nodes { id } }
    comments(first: 20) { nodes { id } } reviewThreads(first: 10) { nodes { comments(first: 10) { nodes { id } } } }
  } } } }"""


def test_nodes_and_points_are_counted_from_the_arguments(ask: Ask) -> None:
    # 1 + 100 + 100 x 50 pages are 5,101 requests; 100 + 5,000 + 300,000 nodes.
    priced = ask(NESTED, repositories=100, pulls=50, labels=60)["rateLimit"]
    assert priced == {"cost": 51, "nodeCount": 305_100}
    # 1 + 50 x 5 + 50 x 10 requests.
    assert ask(PAGE)["rateLimit"] == {"cost": 8, "nodeCount": 50 + 50 * 80 + 500 + 5_000}


def test_fragments_and_lists_of_ids_are_counted_too(ask: Ask) -> None:
    text = """query($ids: [ID!]!) { rateLimit(dryRun: true) { cost nodeCount } nodes(ids: $ids) { ...more
      ... on Repository { pullRequests(first: 10) { totalCount } } } }
      fragment more on Repository { labels(first: 30) { totalCount } }"""
    assert ask(text, ids=["a", "b"])["rateLimit"] == {"cost": 1, "nodeCount": 2 * (10 + 30)}


def test_a_dry_run_reads_nothing_and_costs_nothing(ask: Ask) -> None:
    assert set(ask(PAGE)) == {"rateLimit"}
    assert ask("{ rateLimit { used } }")["rateLimit"]["used"] == 1


def test_too_many_nodes_are_refused(post: Any) -> None:
    body = post(NESTED, repositories=100, pulls=100, labels=100).json()
    assert set(body) == {"errors"}
    assert body["errors"][0]["type"] == "MAX_NODE_LIMIT_EXCEEDED"
    assert "up to 1,010,100 possible nodes which exceeds the maximum limit of 500,000" in body["errors"][0]["message"]


@pytest.mark.parametrize(
    ("arguments", "type"),
    [
        ("", "MISSING_PAGINATION_BOUNDARIES"),
        ("(first: 101)", "EXCESSIVE_PAGINATION"),
        ("(last: 101)", "EXCESSIVE_PAGINATION"),
        ("(first: -1)", "INVALID_PAGINATION_BOUNDARIES"),
        ("(first: 1, last: 1)", "UNPROCESSABLE"),
    ],
)
def test_each_list_needs_one_size_from_1_to_100(post: Any, arguments: str, type: str) -> None:
    body = post(
        f'{{ repository(owner: "acme", name: "identity") {{ pullRequests{arguments} {{ totalCount }} }} }}'
    ).json()
    assert set(body) == {"errors"}
    assert (body["errors"][0]["type"], body["errors"][0]["path"]) == (type, ["repository", "pullRequests"])


def test_each_answer_says_how_the_budget_stands(post: Any, clock: Clock) -> None:
    first = post(f"{{ {LIMITS} }}")
    clock.at += 10
    second = post(PAGE.replace("(dryRun: true)", "").replace("cost nodeCount", "cost limit remaining used resetAt"))
    told = second.json()["data"]["rateLimit"]
    assert told == {"cost": 8, "limit": 5000, "used": 9, "remaining": 4991, "resetAt": "2027-01-15T09:00:00Z"}
    assert first.headers["x-ratelimit-remaining"] == "4999"
    shown = {
        name: second.headers[f"x-ratelimit-{name}"] for name in ("limit", "remaining", "used", "reset", "resource")
    }
    assert shown == {"limit": "5000", "remaining": "4991", "used": "9", "reset": "1800003600", "resource": "graphql"}


def test_an_exhausted_budget_is_told_with_status_200_until_it_is_filled_again(
    server: GitHubServer, post: Any, clock: Clock
) -> None:
    server.faults = GitHubFaults(points=9)
    text = PAGE.replace("(dryRun: true)", "")
    # The last one may cost more than is left.
    assert [set(post(text).json()) for _ in range(2)] == [{"data"}, {"data"}]
    refused = post(text)
    assert refused.status_code == 200
    assert refused.json()["errors"][0]["type"] == "RATE_LIMITED"
    assert (refused.headers["x-ratelimit-remaining"], refused.headers["x-ratelimit-used"]) == ("0", "16")
    clock.at = int(refused.headers["x-ratelimit-reset"])
    assert post(text).json()["data"]["rateLimit"]["cost"] == 8


def test_newer_answers_name_the_limit_otherwise(server: GitHubServer, post: Any) -> None:
    server.faults = GitHubFaults(points=1, rate_limit_type="RATE_LIMIT")
    post("{ viewer { login } }")
    error = post("{ viewer { login } }").json()["errors"][0]
    assert (error["type"], error["code"]) == ("RATE_LIMIT", "graphql_rate_limit")


def test_callers_have_budgets_of_their_own_and_rest_has_another(
    server: GitHubServer, client: httpx.Client, post: Any
) -> None:
    server.faults = GitHubFaults(points=2)
    post("{ viewer { login } }")
    assert client.get("/rate_limit").json()["resources"]["graphql"]["remaining"] == 1
    assert client.get("/user").headers["x-ratelimit-resource"] == "core"
    token, _ = server.app.mint(server.app.installations[0].number, None, server.site.clock())
    answer = httpx.post(
        f"{server.url}/graphql", json={"query": f"{{ {LIMITS} }}"}, headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.json()["data"]["rateLimit"]["used"] == 1
    client.get("/user")
    refused = client.get("/user")
    assert (refused.status_code, refused.headers["x-ratelimit-remaining"]) == (403, "0")
    assert "rate limit exceeded" in refused.json()["message"]


def test_too_many_queries_a_minute_are_a_secondary_limit(server: GitHubServer, post: Any, clock: Clock) -> None:
    server.faults = GitHubFaults(minute_points=2)
    post("{ viewer { login } }")
    clock.at += 20
    post("{ viewer { login } }")
    refused = post("{ viewer { login } }")
    assert (refused.status_code, refused.headers["retry-after"]) == (403, "40")
    assert "secondary rate limit" in refused.json()["message"]
    clock.at += 40
    assert post("{ viewer { login } }").status_code == 200


HEAVY = """query($first: Int!) { repository(owner: "acme", name: "identity") { pullRequests(first: $first) { nodes {
  commits(first: 100) { nodes { id } } labels(first: 5) { nodes { id } } } } } }"""


@pytest.mark.parametrize("status", [502, 504])
def test_a_page_that_is_too_big_times_out_and_costs_twice(server: GitHubServer, post: Any, status: int) -> None:
    server.faults = GitHubFaults(heavy_nodes=25, heavy_status=status)
    assert post(HEAVY, first=10).status_code == status
    assert post(HEAVY, first=10).status_code == status
    assert "data" in post(HEAVY, first=1).json()
    assert post("{ rateLimit { used } }").json()["data"]["rateLimit"]["used"] == 6


def test_a_query_that_asks_too_much_is_ended_with_partial_data(server: GitHubServer, post: Any) -> None:
    server.faults = GitHubFaults(resource_nodes=25)
    answer = post(HEAVY, first=10)
    body = answer.json()
    assert answer.status_code == 200
    nodes = body["data"]["repository"]["pullRequests"]["nodes"]
    assert len(nodes) > 1
    # A list that may not be null takes its pull request with it; one that may be is null alone.
    assert nodes[0]
    assert nodes[-1] is None
    assert {error["type"] for error in body["errors"]} == {"RESOURCE_LIMITS_EXCEEDED"}
    assert body["errors"][-1]["path"][:3] == ["repository", "pullRequests", "nodes"]
    assert "errors" not in post(HEAVY, first=1).json()
