"""`work-items/links`: which are found by what, and in which order."""

from typing import Any

import pytest

from etl.models import Pr, WorkItem
from integrations.records import Batch, DevLink, ItemLinks, LinkKind
from pulse.tenancy.models import Tenant
from tests.etl.api.callers import Caller, member
from tests.support.loading import Loading, offline_integration
from tests.support.records import issue, items, pull_request, pulls

PULL, BRANCH = LinkKind.PULL_REQUEST, LinkKind.BRANCH
# Of which work item, where it was found, and what it is.
Told = tuple[str, str, str]
FIRST, SECOND, THIRD = (
    ("ABC-1", "code", "branch"),
    ("ABC-1", "code", "pull_request"),
    ("ABC-2", "mention", "pull_request"),
)


def load(tenant: str) -> None:
    """A branch and a pull request that is not stored of one item, and a stored one that mentions the other."""
    jira, github = Loading.of(offline_integration(tenant)), Loading.of(offline_integration(tenant, "Code"))
    jira.load(items(issue("1"), issue("2", project_id="7", project_key="XYZ")))
    of_site = (DevLink(BRANCH, "acme/web@fast", title="fast"), DevLink(PULL, "x", repository="acme/web", pr_number=9))
    jira.load(Batch(item_links=[ItemLinks("1", "code", (BRANCH, PULL), of_site)]))
    github.load(pulls(pull_request("12", mentioned_keys=("ABC-2",))))


@pytest.fixture
def caller(db: None) -> Caller:
    load("Acme")
    load("Rival")
    return Caller(member("otto", Tenant.objects.get(name="Acme")))


def found(caller: Caller, **query: Any) -> list[Told]:
    answer = caller.get("work-items/links", **query)
    assert answer.status_code == 200, answer.content
    return [(row["key"], row["source"], row["kind"]) for row in answer.json()["results"]]


@pytest.mark.parametrize(
    ("query", "links"),
    [
        ({}, [FIRST, SECOND, THIRD]),
        ({"key": "ABC-1"}, [FIRST, SECOND]),
        ({"project": "XYZ"}, [THIRD]),
        ({"source": "mention"}, [THIRD]),
        ({"kind": "pull_request"}, [SECOND, THIRD]),
        ({"active": "false"}, []),
    ],
)
def test_links_are_found(caller: Caller, query: dict[str, str], links: list[Told]) -> None:
    assert found(caller, **query) == links


def test_links_of_a_row_are_found_by_its_id(caller: Caller) -> None:
    item = WorkItem.objects.get(tenant__name="Acme", key="ABC-1")
    pr, foreign = Pr.objects.get(tenant__name="Acme"), Pr.objects.get(tenant__name="Rival")

    assert found(caller, work_item_id=item.pk) == [FIRST, SECOND]
    assert found(caller, pr_id=pr.pk) == [THIRD]
    assert found(caller, integration_id=pr.integration_id) == [THIRD]
    assert found(caller, pr_id=foreign.pk) == []


def test_a_link_says_where_it_leads(caller: Caller) -> None:
    _, named, mentioned = caller.get("work-items/links").json()["results"]

    assert (named["repository"], named["number"], named["pr_id"]) == ("acme/web", 9, None)
    assert (mentioned["number"], mentioned["project"]) == (12, "XYZ")
    assert caller.get(f"prs/{mentioned['pr_id']}").json()["number"] == 12


def test_the_pages_of_links_together_are_the_list_and_the_file(caller: Caller) -> None:
    links: list[Told] = []
    query: dict[str, Any] = {"limit": 1, "fields": "key,source,kind"}
    while True:
        answer = caller.get("work-items/links", **query).json()
        links += [(row["key"], row["source"], row["kind"]) for row in answer["results"]]
        if answer["next"] is None:
            break
        query["cursor"] = answer["next"]

    file = caller.get("work-items/links/export", fields="key,source,kind").content.decode().splitlines()

    assert links == [FIRST, SECOND, THIRD]
    assert sorted(file[1:]) == sorted(",".join(one) for one in links)


def test_a_project_that_there_is_not_is_told(caller: Caller) -> None:
    answer = caller.get("work-items/links", project="NONE")

    assert (answer.status_code, answer.json()["errors"]) == (404, {"project": ["there is no 'NONE'"]})
