from typing import Any

import httpx
import pytest

from integrations.sandbox.github import GitHubFaults, GitHubServer, GitHubSite

from .conftest import Ask, Clock

PULLS = """query($first: Int, $last: Int, $after: String, $before: String, $order: IssueOrder,
                  $states: [PullRequestState!], $name: String = "checkout-service") {
  repository(owner: "acme", name: $name) { pullRequests(first: $first, last: $last, after: $after, before: $before,
    orderBy: $order, states: $states) {
      totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      edges { cursor } nodes { number createdAt updatedAt state } } } }"""
NEWEST = {"field": "UPDATED_AT", "direction": "DESC"}


def pulls(ask: Ask, **variables: Any) -> dict[str, Any]:
    found: dict[str, Any] = ask(PULLS, **variables)["repository"]["pullRequests"]
    return found


def numbers(page: dict[str, Any]) -> list[int]:
    return [node["number"] for node in page["nodes"]]


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
@pytest.mark.parametrize(("field", "name"), [("CREATED_AT", "createdAt"), ("UPDATED_AT", "updatedAt")])
def test_pages_follow_each_other_in_the_order_asked_for(ask: Ask, field: str, name: str, direction: str) -> None:
    order = {"field": field, "direction": direction}
    seen: list[dict[str, Any]] = []
    page = pulls(ask, first=4, order=order)
    while True:
        seen += page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            break
        assert page["pageInfo"]["endCursor"] == page["edges"][-1]["cursor"]
        page = pulls(ask, first=4, order=order, after=page["pageInfo"]["endCursor"])
    times = [node[name] for node in seen]
    assert times == sorted(times, reverse=direction == "DESC")
    assert len({node["number"] for node in seen}) == len(seen) == page["totalCount"] > 5


def test_pages_are_read_backwards_too(ask: Ask) -> None:
    every = numbers(pulls(ask, first=100))
    last = pulls(ask, last=3)
    assert numbers(last) == every[-3:]
    assert last["pageInfo"]["hasPreviousPage"]
    assert not last["pageInfo"]["hasNextPage"]
    before = pulls(ask, last=2, before=last["pageInfo"]["startCursor"])
    assert numbers(before) == every[-5:-3]
    assert before["pageInfo"]["hasNextPage"]


def test_states_filter_and_count(ask: Ask) -> None:
    found = {state: pulls(ask, first=100, states=[state]) for state in ("OPEN", "CLOSED", "MERGED")}
    assert all({node["state"] for node in page["nodes"]} <= {state} for state, page in found.items())
    assert sum(page["totalCount"] for page in found.values()) == pulls(ask, first=1)["totalCount"]
    assert pulls(ask, first=100, states=["OPEN", "MERGED"])["totalCount"] == sum(
        found[state]["totalCount"] for state in ("OPEN", "MERGED")
    )


def test_one_that_changes_meanwhile_comes_again_in_front(ask: Ask, site: GitHubSite) -> None:
    first = pulls(ask, first=3, order=NEWEST)
    last = pulls(ask, last=1, order=NEWEST)["nodes"][0]["number"]
    site.edit_pull(f"acme/checkout-service#{last}", title="edited meanwhile")
    rest = pulls(ask, first=100, order=NEWEST, after=first["pageInfo"]["endCursor"])
    assert last not in numbers(rest)
    assert numbers(pulls(ask, first=1, order=NEWEST)) == [last]


def test_a_cursor_of_another_list_is_refused(ask: Ask, post: Any) -> None:
    cursor = pulls(ask, first=1)["pageInfo"]["endCursor"]
    for variables in ({"name": "identity", "after": cursor}, {"after": "nonsense"}, {"after": cursor, "order": NEWEST}):
        body = post(PULLS, first=1, **variables).json()
        assert body["errors"][0]["type"] == "INVALID_CURSOR_ARGUMENTS"
        assert body["errors"][0]["path"] == ["repository", "pullRequests"]


NESTED = """query($id: ID!, $after: String) { node(id: $id) { ... on PullRequest {
  commits(first: 50, after: $after) { totalCount pageInfo { hasNextPage endCursor } nodes { commit { oid } } } } } }"""


def test_nested_lists_are_followed_by_the_id_of_what_they_belong_to(ask: Ask, post: Any, site: GitHubSite) -> None:
    every = [pull for home in site.repositories for pull in site.pulls(home)]
    pull = next(pull for pull in every if len(pull.commits) > 130)
    seen: list[str] = []
    after = None
    while True:
        page = ask(NESTED, id=pull.id, after=after)["node"]["commits"]
        seen += [node["commit"]["oid"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert seen == [made.commit.oid for made in pull.commits]
    assert page["totalCount"] == len(seen)
    other = next(other for other in every if other is not pull)
    assert post(NESTED, id=other.id, after=after).json()["errors"][0]["type"] == "INVALID_CURSOR_ARGUMENTS"


def test_nodes_are_found_by_their_ids_beside_those_that_are_not(post: Any, site: GitHubSite) -> None:
    home = site.repositories[0]
    pull = site.pulls(home)[0]
    ids = [home.id, "PR_kwDOAAAA", pull.id, "nonsense"]
    body = post("query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }", ids=ids).json()
    assert body["data"]["nodes"] == [
        {"__typename": "Repository", "id": home.id},
        None,
        {"__typename": "PullRequest", "id": pull.id},
        None,
    ]
    assert [(error["type"], error["path"]) for error in body["errors"]] == [
        ("NOT_FOUND", ["nodes", 1]),
        ("NOT_FOUND", ["nodes", 3]),
    ]


def test_what_is_not_found_is_null_with_an_error_beside_the_rest(post: Any) -> None:
    body = post(
        """{ viewer { login } repository(owner: "acme", name: "nope") { id } organization(login: "nope") { id }
             console: repository(owner: "acme", name: "console") { pullRequest(number: 99999) { id } } }"""
    ).json()
    assert body["data"] == {
        "viewer": {"login": "pulse-reader"},
        "repository": None,
        "organization": None,
        "console": {"pullRequest": None},
    }
    assert [(error["type"], error["message"]) for error in body["errors"]] == [
        ("NOT_FOUND", "Could not resolve to a Repository with the name 'acme/nope'."),
        ("NOT_FOUND", "Could not resolve to an Organization with the login of 'nope'."),
        ("NOT_FOUND", "Could not resolve to a PullRequest with the number of 99999."),
    ]


def test_repositories_are_chosen_by_owner_and_kind(ask: Ask) -> None:
    def listed(arguments: str) -> list[dict[str, Any]]:
        text = f"""{{ organization(login: "acme") {{ repositories(first: 100{arguments}) {{ nodes {{
            name isArchived isFork isPrivate isDisabled isEmpty defaultBranchRef {{ name }} databaseId }} }} }} }}"""
        found: list[dict[str, Any]] = ask(text)["organization"]["repositories"]["nodes"]
        return found

    every = {one["name"]: one for one in listed("")}
    assert [one["name"] for one in listed(", isArchived: true")] == ["legacy-billing"]
    assert [one["name"] for one in listed(", isFork: true")] == ["widgets"]
    assert every["frozen-app"]["isDisabled"]
    assert every["handbook"] | {"databaseId": 0} == {
        "name": "handbook",
        "isArchived": False,
        "isFork": False,
        "isPrivate": True,
        "isDisabled": False,
        "isEmpty": True,
        "defaultBranchRef": None,
        "databaseId": 0,
    }
    assert every["templates"]["defaultBranchRef"] is None
    assert not every["templates"]["isEmpty"]
    # Ids beyond 32 bits do not fit.
    assert {one["databaseId"] is None for one in every.values()} == {True, False}
    private = [one["name"] for one in listed(", privacy: PRIVATE")]
    assert private == [name for name, one in every.items() if one["isPrivate"]]
    by_name = [one["name"] for one in listed(", orderBy: {field: NAME, direction: DESC}")]
    assert by_name == sorted(every, reverse=True)


def test_a_former_name_leads_on_unless_that_is_not_wanted(ask: Ask, post: Any) -> None:
    text = (
        'query($follow: Boolean) { repository(owner: "acme", name: "Admin-Console", followRenames: $follow) { name } }'
    )
    assert ask(text, follow=True)["repository"]["name"] == "console"
    assert post(text, follow=False).json()["errors"][0]["type"] == "NOT_FOUND"


def test_timeline_items_are_chosen_by_type_and_time(ask: Ask, site: GitHubSite, clock: Clock) -> None:
    name = site.open_pull("acme/identity")
    site.force_push(name)
    clock.at += 3_600
    site.close_pull(name)
    text = """query($id: ID!, $types: [PullRequestTimelineItemsItemType!], $since: DateTime) { node(id: $id) {
      ... on PullRequest { timelineItems(first: 10, itemTypes: $types, since: $since) { nodes { __typename } } } } }"""

    def kinds(**variables: Any) -> list[str]:
        found = ask(text, id=site.find(name).id, **variables)["node"]["timelineItems"]["nodes"]
        return [one["__typename"] for one in found]

    assert kinds() == ["HeadRefForcePushedEvent", "ClosedEvent"]
    assert kinds(types=["CLOSED_EVENT"]) == ["ClosedEvent"]
    assert kinds(since="2027-01-15T08:30:00Z") == ["ClosedEvent"]


def test_pages_may_be_shorter_than_asked_for_and_cursors_may_repeat(ask: Ask, server: GitHubServer) -> None:
    every = numbers(pulls(ask, first=100))
    server.faults = GitHubFaults(short_share=1)
    short = pulls(ask, first=10)
    assert len(short["nodes"]) < 10
    assert short["pageInfo"]["hasNextPage"]
    assert numbers(short) == every[: len(short["nodes"])]
    server.faults = GitHubFaults(repeat_token=True)
    cursor = pulls(ask, first=2)["pageInfo"]["endCursor"]
    assert pulls(ask, first=2, after=cursor)["pageInfo"]["endCursor"] == cursor


def test_both_paths_answer_and_an_enterprise_server_has_one_only(site: GitHubSite) -> None:
    query = {"query": "{ viewer { login } rateLimit { limit } }"}
    with GitHubServer(site) as server, GitHubServer(site, is_enterprise=True) as own:
        headers = {"Authorization": f"token {server.token}"}
        both = [httpx.post(server.url + path, json=query, headers=headers) for path in ("/graphql", "/api/graphql")]
        assert [one.json()["data"]["rateLimit"]["limit"] for one in both] == [5000, 5000]
        assert httpx.post(own.url + "/graphql", json=query, headers=headers).status_code == 404
        answer = httpx.post(own.url + "/api/graphql", json=query, headers=headers)
        assert answer.json()["data"] == {"viewer": {"login": "pulse-reader"}, "rateLimit": None}
        assert "x-ratelimit-limit" not in answer.headers
        assert httpx.get(own.url + "/api/v3/user", headers=headers).json()["login"] == "pulse-reader"
        assert httpx.get(own.url + "/api/v3/meta").json()["installed_version"]
        assert httpx.get(own.url + "/user", headers=headers).status_code == 404
