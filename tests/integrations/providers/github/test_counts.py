"""The count and the listing of a repository speak of the pull requests that a full sync reads of it."""

from datetime import UTC, datetime, timedelta

import pytest

from integrations.errors import Permanent, Transient
from integrations.provider import PlanContext, RepositoryRef, SourceCount
from integrations.providers.github.extract_listing import ListingStep
from integrations.providers.github.provider import GitHubProvider
from integrations.records import ListedItem
from integrations.sandbox.github import GitHubFaults, GitHubServer
from integrations.sandbox.github.repositories import Repository
from tests.integrations.providers.github.extraction import (
    connect,
    normalised,
    pages,
    plan_of,
    read_repository,
    records,
    reference,
)
from tests.integrations.providers.github.reading import Clock, home

github = GitHubProvider()
LISTING = ListingStep()


def counted(
    server: GitHubServer, repository: Repository, since: datetime | None = None, **settings: str
) -> SourceCount:
    connection = connect(server, **settings)
    scope = plan_of(connection, repository).scope
    context = PlanContext(repositories=[reference(repository)], watermarks={scope: since} if since else {})
    return github.counts(connection, context)[reference(repository).external_id]


def listed(server: GitHubServer, repository: Repository, **settings: str) -> list[ListedItem]:
    connection = connect(server, **settings)
    (partition,) = LISTING.plan(connection, PlanContext(repositories=[reference(repository)]))
    batches = normalised(pages(LISTING, connection, partition))
    assert not [one for batch in batches for one in batch.quarantined]
    return [line for batch in batches for line in batch.listed]


def a_day_within(server: GitHubServer, repository: Repository) -> datetime:
    """When about half of its pull requests were last updated before."""
    times = sorted(pull.updated_at for pull in server.site.pulls(repository))
    return datetime.fromtimestamp(times[len(times) // 2], UTC)


def test_as_many_are_counted_as_are_read_and_those_are_listed(server: GitHubServer, identity: Repository) -> None:
    read = records(read_repository(server, identity, batch_size=100))

    found, lines = counted(server, identity), listed(server, identity)

    assert (found.items, found.since, found.problem) == (len(read), None, "")
    assert {line.external_id: line.updated for line in lines} == {item: record.updated for item, record in read.items()}
    assert {line.project_id for line in lines} == {reference(identity).external_id}


def test_what_is_older_than_the_history_is_neither_counted_nor_listed(
    server: GitHubServer, identity: Repository
) -> None:
    start = f"{a_day_within(server, identity):%Y-%m-%d}"
    read = records(read_repository(server, identity, batch_size=100, start_date=start))

    found, lines = counted(server, identity, start_date=start), listed(server, identity, start_date=start)

    assert found.items == len(read) < counted(server, identity).items  # type: ignore[operator]
    assert f"{found.oldest:%Y-%m-%d %H:%M}" == f"{start} 00:00"
    assert {line.external_id for line in lines} == set(read)


def test_what_was_opened_and_what_was_changed_since_the_last_sync_is_told(
    server: GitHubServer, identity: Repository, clock: Clock
) -> None:
    watermark = datetime.fromtimestamp(clock.at, UTC)
    clock.at += 7200
    server.site.comment_pull(server.site.names("acme/identity")[0])
    server.site.open_pull("acme/identity", title="New")
    read = records(read_repository(server, identity, batch_size=100))

    found = counted(server, identity, watermark)

    assert (found.items, found.created, found.changed) == (len(read), 1, 2)
    assert found.since == watermark - timedelta(minutes=10)


def test_a_listed_pull_request_is_asked_for_by_its_key(server: GitHubServer, identity: Repository) -> None:
    line = listed(server, identity)[0]
    (partition,) = github.refetch(connect(server), [line.key])

    assert set(records(pages(github.parts[github.items_step], connect(server), partition))) == {line.external_id}


def test_one_that_is_gone_hidden_or_replaced_under_its_name_is_told_of(
    server: GitHubServer, identity: Repository
) -> None:
    connection = connect(server)
    other = RepositoryRef("1", identity.name_with_owner)
    assert "not visible" in github.counts(connection, PlanContext(repositories=[other]))["1"].problem

    server.site.delete_repository("acme/identity")

    found = counted(server, identity)
    assert (found.items, "acme/identity is not visible" in found.problem) == (None, True)
    assert listed(server, identity) == []


def test_an_empty_repository_has_none(server: GitHubServer) -> None:
    assert counted(server, home(server, "acme/handbook")).items == 0
    assert listed(server, home(server, "acme/handbook")) == []


def test_what_is_not_to_be_read_is_not_counted(server: GitHubServer, identity: Repository) -> None:
    connection = connect(server, repositories="acme/console")

    assert github.counts(connection, PlanContext(repositories=[reference(identity)])) == {}


def test_wrong_credentials_and_a_site_that_is_away_are_no_matter_of_a_repository(
    server: GitHubServer, identity: Repository
) -> None:
    connection = connect(server)
    wrong = type(connection)(1, "Sandbox", connection.settings, {"token": "wrong"})
    with pytest.raises(Permanent, match="401"):
        github.counts(wrong, PlanContext(repositories=[reference(identity)]))
    server.faults = GitHubFaults(error_share=1.0)
    with pytest.raises(Transient):
        counted(server, identity)
