"""Links of work items to the pull requests that mention their keys, beside those that the work items' site knows."""

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from etl.load.merging import Source
from etl.models import WorkItemPrLink
from etl.sql import fetch
from integrations.records import (
    Batch,
    DevLink,
    ItemLinks,
    LinkKind,
    LinkOverview,
    Person,
    PullRequestRecord,
    RepositoryRecord,
)
from tests.support.loading import Loading, offline_integration
from tests.support.records import START, at, issue, items

pytestmark = pytest.mark.django_db

PR = LinkKind.PULL_REQUEST
PAY = RepositoryRecord("7", "Acme/Pay")
Link = tuple[str, str, str | None]
Answer = tuple[Loading, Batch]


def code_of(tenant: str, name: str = "Code") -> Loading:
    """An integration that brings pull requests."""
    return Loading.of(offline_integration(tenant, name))


def mentioning(*keys: str, number: int = 1, version: float = 0, **fields: Any) -> PullRequestRecord:
    """A pull request that was last updated ``version`` hours after the start."""
    known: dict[str, Any] = {
        "external_id": f"9{number:03}",
        "repository": PAY,
        "title": f"Change {number}",
        "state": "OPEN",
        "created": START,
        "updated": at(version),
        "url": f"https://code.test/Acme/Pay/pull/{number}",
        "mentioned_keys": keys,
        **fields,
    }
    return PullRequestRecord(number=number, **known)


def pulls(*records: PullRequestRecord) -> Batch:
    return Batch(pull_requests=list(records))


def developed(*numbers: int, item: str = "1", repository: str = "acme/pay", whole: bool = True) -> Batch:
    """What the site of the work item says: these are its pull requests."""
    links = [
        DevLink(PR, f"https://code.test/{repository}/pull/{number}", repository=repository, pr_number=number)
        for number in numbers
    ]
    return Batch(item_links=[ItemLinks(item, "code", (PR,), tuple(links), whole)])


def overview(*, present: bool, item: str = "1") -> Batch:
    return Batch(link_overviews=[LinkOverview(item, (("code", PR),) if present else ())])


def links(tenant: str = "Acme") -> list[Link]:
    """(work item, source, pull request) by their source ids."""
    rows = WorkItemPrLink.objects.filter(tenant__name=tenant, kind=PR)
    return sorted(rows.values_list("work_item__external_id", "source", "pr__external_id"), key=repr)


def written() -> list[tuple[Any, ...]]:
    """The physical versions of all links."""
    return fetch("SELECT id, xmin::text FROM work_items_prs_links ORDER BY id", [])


def test_a_mention_has_what_there_is_to_say_of_its_pull_request(listed: Loading, code: Loading) -> None:
    listed.load(items(issue("1")))

    code.load(pulls(mentioning("ABC-1", number=12, author=Person("ada"), version=3)))

    row = WorkItemPrLink.objects.get()
    assert (row.work_item, row.integration, row.source, row.kind) == (
        listed.item(), code.integration, "mention", "pull_request",
    )  # fmt: skip
    assert (row.external_id, row.url) == ("https://code.test/Acme/Pay/pull/12",) * 2
    assert row.pr
    assert (row.pr.external_id, row.external_repo, row.pr_number) == ("9012", "Acme/Pay", 12)
    assert (row.title, row.state, row.author, row.last_changed_at) == ("Change 12", "OPEN", "ada", at(3))


def test_a_pull_request_without_an_author_or_an_address_has_its_mention_too(listed: Loading, code: Loading) -> None:
    listed.load(items(issue("1")))

    code.load(pulls(mentioning("ABC-1", url="")))

    row = WorkItemPrLink.objects.get()
    assert (row.external_id, row.url, row.author) == ("Acme/Pay#1", "", "")


def test_a_mention_follows_its_pull_request(listed: Loading, code: Loading) -> None:
    listed.load(items(issue("1")))
    code.load(pulls(mentioning("ABC-1")))
    before = WorkItemPrLink.objects.get().pk

    code.load(pulls(mentioning("ABC-1", version=5, state="MERGED", title="Better", author=Person("bob"))))

    row = WorkItemPrLink.objects.get()
    assert (row.pk, row.state, row.title, row.author) == (before, "MERGED", "Better", "bob")
    assert row.last_changed_at == at(5)


def test_each_key_and_each_pull_request_has_its_own_mention(listed: Loading, code: Loading) -> None:
    listed.load(items(issue("1"), issue("2"), issue("3")))

    code.load(pulls(mentioning("ABC-1", "ABC-2", "ABC-1"), mentioning("ABC-1", number=2)))

    assert links() == [("1", "mention", "9001"), ("1", "mention", "9002"), ("2", "mention", "9001")]


def test_what_only_looks_like_a_key_is_none_until_there_is_such_a_work_item(listed: Loading, code: Loading) -> None:
    listed.load(items(issue("1")))
    code.load(pulls(mentioning("UTF-8", "COVID-19", "ABC-1")))
    assert links() == [("1", "mention", "9001")]

    listed.load(items(issue("19", key="COVID-19")))

    assert links() == [("1", "mention", "9001"), ("19", "mention", "9001")]


def test_the_key_of_another_tenants_work_item_never_matches(listed: Loading, code: Loading) -> None:
    theirs, their_code = code_of("Globex", "Jira"), code_of("Globex")
    listed.load(items(issue("1"), issue("2")))
    theirs.load(items(issue("1"), issue("3")))

    code.load(pulls(mentioning("ABC-1", "ABC-2", "ABC-3")))
    assert (links(), links("Globex")) == ([("1", "mention", "9001"), ("2", "mention", "9001")], [])
    their_code.load(pulls(mentioning("ABC-1", "ABC-3", number=2)))
    theirs.load(items(issue("2")))
    theirs.load(developed(1))

    assert links() == [("1", "mention", "9001"), ("2", "mention", "9001")]
    # Their site knows a pull request of the name that ours has.
    assert links("Globex") == [("1", "code", None), ("1", "mention", "9002"), ("3", "mention", "9002")]


def test_a_key_that_two_sites_of_the_tenant_have_mentions_both_work_items(listed: Loading, code: Loading) -> None:
    other = code_of("Acme", "Other")
    other.load(items(issue("50", key="ABC-1")))
    listed.load(items(issue("1")))

    code.load(pulls(mentioning("ABC-1")))

    assert links() == [("1", "mention", "9001"), ("50", "mention", "9001")]


def test_the_same_answers_loaded_again_write_no_link(listed: Loading, code: Loading) -> None:
    answers: list[Answer] = [
        (listed, items(issue("1"), issue("2"))),
        (code, pulls(mentioning("ABC-1", "ABC-2"), mentioning("ABC-2", number=2))),
        (listed, overview(present=True)),
        (listed, developed(1)),
    ]
    sources = [loading.source() for loading, _ in answers]
    load_in_order(answers, sources)
    before = written()
    assert links() == [("1", "code", "9001"), ("2", "mention", "9001"), ("2", "mention", "9002")]

    load_in_order(answers, sources)
    load_in_order(answers, [loading.source() for loading, _ in answers])

    assert written() == before


def load_in_order(answers: Sequence[Answer], sources: Sequence[Source]) -> None:
    for (loading, batch), source in zip(answers, sources, strict=True):
        loading.load(batch, source)


@pytest.mark.parametrize("loaded_first", ["link", "pull request"])
@pytest.mark.parametrize(("name", "is_found"), [("ACME/pay", True), ("acme/payments", False), ("pay", False)])
def test_the_sources_own_link_finds_its_pull_request_by_name_and_number(
    listed: Loading, code: Loading, loaded_first: str, name: str, is_found: bool
) -> None:
    listed.load(items(issue("1")))
    answers: list[Answer] = [(listed, developed(1, 2, repository=name)), (code, pulls(mentioning()))]

    for loading, batch in answers if loaded_first == "link" else reversed(answers):
        loading.load(batch)

    found = dict(WorkItemPrLink.objects.values_list("pr_number", "pr__external_id"))
    assert found == {1: "9001" if is_found else None, 2: None}


@pytest.mark.parametrize("loaded_first", ["link", "pull request"])
@pytest.mark.parametrize(
    ("site", "is_found"),
    [
        ("https://CODE.test", True),
        ("http://www.code.test:80", True),
        ("https://git@code.test:443", True),
        ("https://code.test:8443", False),
        ("https://elsewhere.test/scm", False),
    ],
)
def test_the_same_name_and_number_on_another_site_is_another_pull_request(
    listed: Loading, code: Loading, loaded_first: str, site: str, is_found: bool
) -> None:
    listed.load(items(issue("1")))
    link = DevLink(PR, "1", repository="acme/pay", pr_number=1, url=f"{site}/acme/pay/1")
    told = Batch(item_links=[ItemLinks("1", "code", (PR,), (link,))])
    answers: list[Answer] = [(listed, told), (code, pulls(mentioning("ABC-1")))]

    for loading, batch in answers if loaded_first == "link" else reversed(answers):
        loading.load(batch)

    expected = [("code", "9001")] if is_found else [("code", None), ("mention", "9001")]
    assert list(WorkItemPrLink.objects.order_by("source").values_list("source", "pr__external_id")) == expected


def test_a_link_to_a_branch_or_a_commit_finds_no_pull_request(listed: Loading, code: Loading) -> None:
    listed.load(items(issue("1")))
    branch = DevLink(LinkKind.BRANCH, "b", repository="acme/pay", pr_number=1)
    listed.load(Batch(item_links=[ItemLinks("1", "code", (LinkKind.BRANCH,), (branch,))]))

    code.load(pulls(mentioning("ABC-1")))

    assert list(WorkItemPrLink.objects.order_by("kind").values_list("kind", "source", "pr__external_id")) == [
        ("branch", "code", None), ("pull_request", "mention", "9001"),
    ]  # fmt: skip


def renamed(code: Loading, name: str, external_id: str = "7") -> None:
    code.load(Batch(repositories=[RepositoryRecord(external_id, name)]))


def test_a_link_keeps_its_pull_request_when_the_repository_is_renamed(listed: Loading, code: Loading) -> None:
    listed.load(items(issue("1")))
    code.load(pulls(mentioning("ABC-1")))
    listed.load(developed(1))

    renamed(code, "acme/payments")
    assert links() == [("1", "code", "9001")]
    listed.load(developed(1))
    assert links() == [("1", "code", "9001")]
    listed.load(developed(1, repository="Acme/Payments"))

    assert links() == [("1", "code", "9001")]


def test_mentions_have_the_name_that_the_repository_has_now(listed: Loading, code: Loading) -> None:
    listed.load(items(issue("1"), issue("2")))
    code.load(pulls(mentioning("ABC-1", number=1), mentioning("ABC-2", number=2)))
    listed.load(developed(2, item="2", repository="acme/payments"))
    assert links() == [("1", "mention", "9001"), ("2", "code", None), ("2", "mention", "9002")]

    renamed(code, "acme/payments")

    assert links() == [("1", "mention", "9001"), ("2", "code", "9002")]
    assert WorkItemPrLink.objects.get(source="mention").external_repo == "acme/payments"


def test_a_repository_that_was_listed_again_under_its_name_has_no_link_derived(listed: Loading, code: Loading) -> None:
    listed.load(items(issue("1")))
    code.load(pulls(mentioning("ABC-1")))
    renamed(code, "Acme/Pay")
    before = written()

    with CaptureQueriesContext(connection) as queries:
        code.load(Batch(repositories=[RepositoryRecord("7", "Acme/Pay", description="New")]))

    assert written() == before
    assert not any("work_items_prs_links" in query["sql"] for query in queries)


def test_a_repository_that_was_made_anew_under_its_name_has_its_own_pull_requests(
    listed: Loading, code: Loading
) -> None:
    listed.load(items(issue("1"), issue("2")))
    anew = RepositoryRecord("8", "acme/pay")
    listed.load(developed(1, item="2"))
    answers = [
        (code, pulls(mentioning("ABC-1"))),
        (code, pulls(mentioning("ABC-1", external_id="new", repository=anew, created=at(9), version=9))),
    ]
    for order in permutations(answers):
        for loading, batch in order:
            loading.load(batch)
        assert links() == [("1", "mention", "new"), ("2", "code", "new")]

    renamed(code, "acme/old")

    assert links() == [("1", "mention", "9001"), ("1", "mention", "new"), ("2", "code", "new")]


def test_a_pull_request_that_loses_its_link_to_another_one_of_that_name_is_mentioned_again(
    listed: Loading, code: Loading
) -> None:
    listed.load(items(issue("1")))
    listed.load(developed(1))
    code.load(pulls(mentioning("ABC-1")))
    renamed(code, "acme/old")
    assert links() == [("1", "code", "9001")]

    code.load(pulls(mentioning(external_id="new", repository=RepositoryRecord("8", "acme/pay"), created=at(9))))

    assert links() == [("1", "code", "new"), ("1", "mention", "9001")]


def test_a_pull_request_that_two_integrations_read_is_linked_once(listed: Loading, code: Loading) -> None:
    listed.load(items(issue("1"), issue("2")))
    second = code_of("Acme", "Second")
    listed.load(developed(1, item="2"))

    for loading in (second, code):
        loading.load(pulls(mentioning("ABC-1", "ABC-2")))

    assert links() == [("1", "mention", "9001"), ("2", "code", "9001")]
    assert {row.pr and row.pr.integration for row in WorkItemPrLink.objects.all()} == {code.integration}


def test_mentions_of_an_inactive_work_item_go_and_what_its_own_site_said_stays(listed: Loading, code: Loading) -> None:
    listed.load(items(issue("1"), issue("2")))
    code.load(pulls(mentioning("ABC-1", "ABC-2"), mentioning("ABC-1", number=2)))
    listed.load(developed(2))

    listed.load(Batch(gone=["1"]))
    assert links() == [("1", "code", "9002"), ("2", "mention", "9001")]
    code.load(pulls(mentioning("ABC-1", "ABC-2", version=1)))
    assert links() == [("1", "code", "9002"), ("2", "mention", "9001")]
    listed.load(items(issue("1", version=2)))

    assert links() == [("1", "code", "9002"), ("1", "mention", "9001"), ("2", "mention", "9001")]


def test_what_the_site_of_the_work_item_says_ends_no_mention_of_its_own_integration(listed: Loading) -> None:
    listed.load(items(issue("1")))
    listed.load(pulls(mentioning("ABC-1")))
    before = written()

    listed.load(overview(present=False))
    listed.load(developed())

    assert written() == before
    assert links() == [("1", "mention", "9001")]


def test_an_answer_with_work_items_and_pull_requests_links_them(listed: Loading) -> None:
    listed.load(Batch(work_items=[issue("1")], pull_requests=[mentioning("ABC-1")]))

    assert links() == [("1", "mention", "9001")]
