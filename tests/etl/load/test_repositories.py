import random
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from custommapping.models import Authority
from etl.models import EtlJobEvent, Pr, QdrantVector, QuarantinedRecord, Repository
from integrations.records import Batch, OwnerRepositories, RepositoryRecord
from tests.support.loading import Loading, offline_integration
from tests.support.records import WEB, at, pull_request, pulls
from tests.support.tables import derived_rows, versions

pytestmark = pytest.mark.django_db

API = RepositoryRecord("501", "acme/api", "https://code.test/acme/api")
SHOP = RepositoryRecord("502", "globex/shop")


def listing(*records: RepositoryRecord, owner: str = "acme") -> Batch:
    """All repositories of an owner."""
    ids = tuple(record.external_id for record in records)
    return Batch(repositories=list(records), owner_repositories=[OwnerRepositories(owner, ids)])


def named(record: RepositoryRecord) -> Batch:
    """One repository that was asked for by its name."""
    return Batch(repositories=[record])


def gone(*names: str) -> Batch:
    return Batch(gone_repositories=list(names))


def names(*, active: bool = True) -> list[str]:
    return sorted(Repository.objects.filter(active=active).values_list("full_name", flat=True))


def test_a_listed_repository_has_all_that_is_said_of_it(loading: Loading) -> None:
    record = replace(WEB, default_branch="trunk", private=True, archived=True, fork=True)

    loaded = loading.load(named(record))

    row = Repository.objects.get()
    assert (row.external_id, row.full_name, row.name, row.url) == ("500", "acme/web", "web", record.url)
    assert (row.description, row.default_branch) == ("The shop", "trunk")
    assert (row.private, row.archived, row.fork, row.active) == (True, True, True, True)
    assert (row.authority, loaded.records, loaded.vectors) == (Authority.LISTED, 1, 1)


def test_what_a_pull_request_shows_of_its_repository_stands_in_until_it_is_listed(loading: Loading) -> None:
    loading.load(pulls(pull_request(repository=replace(WEB, description="As seen"), version=9)), extracted=9)
    seen = Repository.objects.get()

    loading.load(listing(WEB))

    listed = Repository.objects.get()
    assert (seen.pk, seen.description, seen.authority) == (listed.pk, "As seen", Authority.SEEN)
    assert (listed.description, listed.authority) == ("The shop", Authority.LISTED)


def test_what_is_only_seen_never_overwrites_what_is_listed_however_new_it_is(loading: Loading) -> None:
    loading.load(listing(WEB))

    loading.load(pulls(pull_request(repository=replace(WEB, full_name="acme/old"), version=99)), extracted=99)

    assert names() == ["acme/web"]


def test_of_what_pull_requests_show_the_newest_wins_in_any_order(loading: Loading) -> None:
    for version in (2, 3, 1):
        shown = replace(WEB, description=f"Version {version}")
        loading.load(pulls(pull_request(str(version), repository=shown, version=version)))

    assert Repository.objects.get().description == "Version 3"


def test_of_an_owner_what_the_listing_does_not_have_becomes_inactive_and_nothing_else(loading: Loading) -> None:
    seen = RepositoryRecord("503", "acme/seen")
    other = Loading.of(offline_integration(name="Other"))
    other.load(named(replace(API, full_name="acme/other")))
    loading.load(Batch(repositories=[WEB, API, SHOP]))
    loading.load(pulls(pull_request(repository=seen)))

    loading.load(listing(WEB, owner="ACME"))

    assert names(active=False) == ["acme/api"]
    assert names() == ["acme/other", "acme/seen", "acme/web", "globex/shop"]


def test_an_owner_without_any_repository_left_has_none_that_is_active(loading: Loading) -> None:
    loading.load(listing(WEB, API))

    loading.load(listing())

    assert names() == []
    assert [event.message for event in EtlJobEvent.objects.all()] == [
        "repositories that the site does not show any more became inactive: acme/api, acme/web"
    ]


def test_a_name_that_nothing_goes_by_any_more_is_compared_without_case(loading: Loading) -> None:
    loading.load(Batch(repositories=[replace(WEB, full_name="Acme/Web"), API]))

    loading.load(gone("acme/WEB", "acme/never-known"))

    assert names(active=False) == ["Acme/Web"]


@pytest.mark.parametrize("way", [listing(WEB), named(WEB)], ids=["listed", "named"])
@pytest.mark.parametrize("end", [listing(), gone("acme/web")], ids=["not listed", "gone"])
def test_a_repository_that_is_back_is_active_again_with_its_vector(loading: Loading, end: Batch, way: Batch) -> None:
    def vector() -> tuple[str, bool]:
        row = QdrantVector.objects.get(table_name="repositories")
        return row.status, bool(row.content_hash)

    loading.load(listing(WEB))
    QdrantVector.objects.update(status="completed")
    loading.load(end)
    ended = (names(), vector())
    QdrantVector.objects.update(status="completed")

    loaded = loading.load(way)

    assert ended == ([], ("pending", False))
    assert (names(), vector(), loaded.vectors) == (["acme/web"], ("pending", True), 1)


def test_a_renamed_repository_keeps_its_row_and_its_pull_requests(loading: Loading) -> None:
    loading.load(listing(WEB))
    loading.load(pulls(pull_request()))
    known = Repository.objects.get().pk

    loading.load(listing(replace(WEB, full_name="acme/website")), extracted=1)

    row = Repository.objects.get()
    assert (row.pk, row.full_name, row.name, row.active) == (known, "acme/website", "website", True)
    assert Pr.objects.get().repository_id == known


MOVED = replace(WEB, full_name="globex/web")
ANEW = replace(WEB, external_id="999", description="Made anew")
HISTORIES: dict[str, tuple[list[Batch], list[str], list[str]]] = {
    "deleted": ([listing(WEB, API), listing(API)], ["acme/api"], ["acme/web"]),
    "gone and back": ([listing(WEB), listing(), listing(WEB)], ["acme/web"], []),
    "transferred, the new owner listed first": (
        [listing(WEB), listing(MOVED, owner="globex"), listing()],
        ["globex/web"],
        [],
    ),
    "transferred, the old owner listed first": (
        [listing(WEB), listing(), listing(MOVED, owner="globex")],
        ["globex/web"],
        [],
    ),
    "transferred to who is not listed": ([listing(WEB), listing(API), gone("acme/web")], ["acme/api"], ["acme/web"]),
    "deleted, and another one made of that name": (
        [named(WEB), gone("acme/web"), named(ANEW)],
        ["acme/web"],
        ["acme/web"],
    ),
    "deleted, and another one made of that name before anybody looked": (
        [named(WEB), named(ANEW)],
        ["acme/web"],
        ["acme/web"],
    ),
    "renamed, and another one made of the old name": (
        [named(WEB), named(ANEW), named(replace(WEB, full_name="acme/website"))],
        ["acme/web", "acme/website"],
        [],
    ),
    "seen on a pull request between": ([listing(WEB), pulls(pull_request()), listing()], [], ["acme/web"]),
}


@pytest.mark.parametrize(("history", "active", "inactive"), HISTORIES.values(), ids=HISTORIES)
def test_the_newest_answer_that_could_tell_of_a_repository_says_whether_it_is_there(
    history: list[Batch], active: list[str], inactive: list[str]
) -> None:
    for number, order in enumerate(permutations(range(len(history)))):
        loading = Loading.of(offline_integration(name=f"Code {number}"))
        answers = [(loading.source(at(hour)), batch) for hour, batch in enumerate(history)]

        for place in order:
            loading.load(answers[place][1], answers[place][0])

        rows = Repository.objects.filter(integration=loading.integration)
        found = sorted(rows.values_list("full_name", "active"))
        assert found == sorted([(name, True) for name in active] + [(name, False) for name in inactive]), order


def made_up_answers(seed: int, count: int = 12) -> list[Batch]:
    """Answers one after another, each of which says something new of each repository that it has."""
    chance = random.Random(seed)
    answers: list[Batch] = []
    for number in range(count):
        owner = chance.choice(["acme", "globex"])
        some = [
            RepositoryRecord(str(which), f"{owner}/{chance.choice('abc')}{which}", description=f"Answer {number}")
            for which in chance.sample(range(6), chance.randint(0, 4))
        ]
        shown = [
            pull_request(record.external_id, repository=record, version=number, title=f"Answer {number}")
            for record in some
        ]
        answers.append(
            chance.choice([listing(*some, owner=owner), gone(*(one.full_name for one in some)), pulls(*shown)])
        )
    return answers


@pytest.mark.parametrize("seed", range(4))
def test_answers_in_any_order_leave_the_same_repositories(seed: int) -> None:
    answers, rows = made_up_answers(seed), []
    for number in range(4):
        loading = Loading.of(offline_integration(name=f"Code {number}"))
        stored = [(loading.source(at(hour)), batch) for hour, batch in enumerate(answers)]
        if number:
            random.Random(number).shuffle(stored)
        for source, batch in stored:
            loading.load(batch, source)
        rows.append(derived_rows(loading.integration.pk))

    assert rows[1:] == [rows[0]] * 3


@pytest.mark.parametrize("batch", [listing(WEB, API), pulls(pull_request())], ids=["listed", "seen"])
def test_loading_the_same_again_writes_no_row_and_queues_no_vector(loading: Loading, batch: Batch) -> None:
    loading.load(batch)
    before = versions(loading.integration.pk)

    again = loading.load(batch, extracted=5)

    assert versions(loading.integration.pk) == before
    assert again.vectors == 0


def refused_record(**fields: Any) -> QuarantinedRecord:
    return QuarantinedRecord.objects.get(resolved_at=None, **fields)


def test_a_repository_that_postgresql_refuses_is_set_aside_until_it_is_right_and_all_others_load(
    loading: Loading,
) -> None:
    loaded = loading.load(listing(replace(WEB, default_branch="b" * 256), API))
    entry = refused_record(table_name="repositories")

    loading.load(listing(WEB, API))

    assert (loaded.records, loaded.quarantined) == (1, 1)
    assert (entry.external_id, entry.path) == ("500", "repository acme/web")
    assert "default_branch" in entry.reason
    assert names() == ["acme/api", "acme/web"]
    assert not QuarantinedRecord.objects.filter(resolved_at=None).exists()


def test_a_pull_request_of_a_refused_repository_is_refused_alone(loading: Loading) -> None:
    bad = replace(WEB, default_branch="b" * 256)

    loaded = loading.load(pulls(pull_request("1", repository=bad), pull_request("2", repository=API)))

    assert (loaded.records, loaded.quarantined) == (1, 2)
    assert list(Pr.objects.values_list("external_id", flat=True)) == ["2"]
    assert "repository_id" in refused_record(table_name="prs").reason
