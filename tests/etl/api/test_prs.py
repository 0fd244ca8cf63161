"""`prs` and `repositories`: which are found by what, and what is told of them."""

from typing import Any

import pytest

from etl.models import Pr, Repository
from integrations.records import Person, RepositoryRecord
from pulse.tenancy.models import Tenant
from tests.etl.api.callers import Caller, member
from tests.support.loading import Loading, offline_integration
from tests.support.records import at, pull_request, pulls

APP = RepositoryRecord("501", "acme/app", "https://code.test/acme/app", "", "main")


@pytest.fixture
def caller(db: None) -> Caller:
    loading = Loading.of(offline_integration())
    loading.load(
        pulls(
            pull_request("1", body="Long words", head="a", base="main"),
            pull_request("2", repository=APP, state="MERGED", merged=at(3), closed=at(3), version=3),
            pull_request("3", author=Person("bot"), bot=True, draft=True, version=30, base="next"),
        )
    )
    Loading.of(offline_integration("Rival")).load(pulls(pull_request("4")))
    return Caller(member("otto", Tenant.objects.get(name="Acme")))


def found(caller: Caller, path: str = "prs", name: str = "number", **query: Any) -> list[Any]:
    answer = caller.get(path, **query)
    assert answer.status_code == 200, answer.content
    return [row[name] for row in answer.json()["results"]]


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ({}, [1, 2, 3]),
        ({"repository": "ACME/app"}, [2]),
        ({"number": 3}, [3]),
        ({"state": "MERGED"}, [2]),
        ({"state": "OPEN", "draft": "false"}, [1]),
        ({"author": "ann"}, [1, 2]),
        ({"bot": "true"}, [3]),
        ({"base": "next"}, [3]),
        ({"merged_from": "2024-03-01", "merged_to": "2024-03-02"}, [2]),
        ({"closed_to": "2024-03-01"}, []),
        ({"updated_from": "2024-03-02"}, [3]),
        ({"created_from": "2024-03-02"}, []),
        ({"active": "false"}, []),
    ],
)
def test_pull_requests_are_found(caller: Caller, query: dict[str, Any], numbers: list[int]) -> None:
    assert found(caller, **query) == numbers


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ({"state": "merged"}, 400, '"merged": is none of: OPEN, CLOSED, MERGED'),
        ({"number": 0}, 400, '"0": Ensure this value is greater than or equal to 1.'),
        ({"number": 2**31}, 400, "less than or equal to 2147483647"),
        ({"merged_from": "soon"}, 400, '"soon": Datetime has wrong format.'),
        ({"fields": "secret"}, 400, "is none of: id, integration_id"),
        ({"repository": "acme/none"}, 404, "there is no 'acme/none'"),
    ],
)
def test_a_bad_filter_is_named_with_its_value(caller: Caller, query: dict[str, Any], status: int, said: str) -> None:
    answer = caller.get("prs", **query)

    assert (answer.status_code, list(answer.json()["errors"])) == (status, list(query))
    assert said in next(iter(answer.json()["errors"].values()))[0]


def test_a_pull_request_is_told_whole_and_a_list_tells_what_was_asked_for(caller: Caller) -> None:
    one = Pr.objects.get(number=1, tenant__name="Acme")

    whole = caller.get(f"prs/{one.pk}").json()

    assert (whole["repository"], whole["title"], whole["author"]) == ("acme/web", "Pull request 1", "ann")
    assert (whole["body"], whole["created"], whole["merged"]) == ("Long words", "2024-03-01T09:00:00Z", None)
    assert "mentioned_keys" not in whole
    assert "body" not in caller.get("prs").json()["results"][0]
    assert caller.get("prs", number=1, fields="body,number").json()["results"] == [{"number": 1, "body": "Long words"}]


def test_a_page_of_pull_requests_costs_the_same_queries_however_many_it_has(
    caller: Caller, django_assert_max_num_queries: Any
) -> None:
    counted = []
    for limit in (1, 3):
        with django_assert_max_num_queries(20) as queries:
            assert len(found(caller, limit=limit)) == limit
        counted.append(len(queries))

    assert counted[0] == counted[1]


def test_repositories_are_found_by_name_and_kind(caller: Caller) -> None:
    Repository.objects.filter(full_name="acme/app").update(archived=True, private=True, fork=True)

    queries: list[dict[str, str]] = [
        {}, {"full_name": "Acme/Web"}, {"archived": "true"}, {"private": "false"}, {"fork": "true"},
        {"active": "false"},
    ]  # fmt: skip

    names = [found(caller, "repositories", "full_name", **query) for query in queries]

    assert names == [["acme/web", "acme/app"], ["acme/web"], ["acme/app"], ["acme/web"], ["acme/app"], []]
