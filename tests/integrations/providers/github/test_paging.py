"""Pages that are too much for the site, and cursors that it does not know any more."""

from typing import Any

import pytest

from integrations.errors import Permanent
from integrations.provider import Partition
from integrations.providers.github import places
from integrations.providers.github.client import client_for
from integrations.providers.github.normalise import normalise
from integrations.providers.github.refusals import TooMuch
from integrations.sandbox.github import GitHubFaults, GitHubServer
from integrations.sandbox.github.repositories import Repository
from tests.integrations.providers.github.extraction import (
    PULL_REQUESTS,
    connect,
    pages,
    plan_of,
    read_repository,
    stored,
)
from tests.integrations.providers.github.reading import (
    Between,
    Clock,
    assert_whole,
    fetch,
    newest_first,
    numbers,
    planned,
    rest,
    sizes,
    stale,
)


@pytest.mark.parametrize(
    "faults",
    [
        GitHubFaults(heavy_nodes=40),
        GitHubFaults(heavy_nodes=40, heavy_status=504),
        GitHubFaults(resource_nodes=40),
    ],
    ids=["502", "504", "RESOURCE_LIMITS_EXCEEDED"],
)
def test_pages_that_are_too_much_are_halved_until_they_come(
    server: GitHubServer, identity: Repository, faults: GitHubFaults
) -> None:
    server.faults = faults
    read = read_repository(server, identity)
    assert_whole(server, identity, read)
    assert numbers(read) == newest_first(server, identity)
    assert max(sizes(read)) <= 12
    # One that is too much alone comes with shorter lists.
    assert min(sizes(read)) == 1


def test_the_size_that_came_is_remembered_and_grows_back(server: GitHubServer, identity: Repository) -> None:
    def relieve() -> None:
        server.counts.clear()
        server.faults = GitHubFaults()

    server.faults = GitHubFaults(heavy_nodes=60)
    read = read_repository(server, identity, Between(1, relieve), batch_size=24)
    assert_whole(server, identity, read)
    # Three pages of a size, then twice as much.
    assert sizes(read) == [3] * 3 + [6] * 3 + [12]
    # No page was asked for twice any more.
    assert sum(server.counts.values()) == len(read[1:]) + len(rest(read))


def test_one_that_comes_in_no_size_is_told_with_its_place(server: GitHubServer, identity: Repository) -> None:
    connection, partition = planned(server, identity, batch_size="25")
    first = fetch(connection, partition.cursor)
    assert first.next_cursor
    server.faults = GitHubFaults(heavy_nodes=-1)
    server.counts.clear()
    with pytest.raises(TooMuch, match="acme/identity, page 2") as raised:
        fetch(connection, first.next_cursor)
    assert first.next_cursor["after"] in str(raised.value)
    assert raised.value.status == 502
    # 25, 12, 6, 3, 1, then its lists: 10, 5, 2, 1, then without numbers of lines, then its ids alone.
    assert sum(server.counts.values()) == 11


def test_short_pages_are_not_taken_for_the_end(server: GitHubServer, identity: Repository) -> None:
    server.faults = GitHubFaults(short_share=0.7)
    assert_whole(server, identity, read_repository(server, identity, batch_size=10))


def test_a_site_that_repeats_a_cursor_is_told(server: GitHubServer, identity: Repository) -> None:
    def repeat() -> None:
        server.faults = GitHubFaults(repeat_token=True)

    with pytest.raises(Permanent, match=r"acme/identity, page 2 .*gave cursor '.+' again"):
        read_repository(server, identity, Between(1, repeat), batch_size=5)


def test_a_list_within_a_pull_request_ends_as_well_and_costs_no_other_one(
    server: GitHubServer, identity: Repository
) -> None:
    connection = connect(server)
    answer = fetch(connection, plan_of(connection, identity).cursor)
    server.faults = GitHubFaults(repeat_token=True)
    rest = [page for page, _ in pages(PULL_REQUESTS, connection, answer.followups[0])]
    batch = normalise(stored(answer), [stored(page) for page in rest])
    lost = {entry.external_id for entry in batch.quarantined}
    assert lost
    assert lost <= {page.metadata["pull_request"] for page in rest}
    assert {record.external_id for record in batch.pull_requests} == answer.digests.keys() - lost


def test_a_cursor_that_is_not_known_any_more_leads_to_the_same_place(
    server: GitHubServer, identity: Repository, clock: Clock
) -> None:
    connection = connect(server, batch_size="10")
    (first, _), *rest = pages(PULL_REQUESTS, connection, plan_of(connection, identity))
    before = numbers([(first, [])])
    # Some that were passed move to the front: they are not read again.
    clock.at += 3600
    server.site.comment_pull(f"acme/identity#{before[4]}")
    again = pages(PULL_REQUESTS, connection, stale(first.next_cursor))
    # What was updated at the very instant comes once more.
    assert numbers(again) == [before[-1], *numbers(rest)]


def test_so_does_one_far_down_a_long_list(
    server: GitHubServer, monkeypatch: pytest.MonkeyPatch, identity: Repository
) -> None:
    monkeypatch.setattr(places, "_PLACES_A_PAGE", 7)
    connection = connect(server, batch_size="10")
    read = pages(PULL_REQUESTS, connection, plan_of(connection, identity))
    again = pages(PULL_REQUESTS, connection, stale(read[2][0].next_cursor))
    assert numbers(again) == numbers(read)[29:]


def test_a_site_that_knows_none_of_its_cursors_is_told(server: GitHubServer, identity: Repository) -> None:
    connection = connect(server, batch_size="2")
    cursor: Any = PULL_REQUESTS.fetch(
        client_for(connection), connection, plan_of(connection, identity).cursor
    ).next_cursor
    for _ in range(places.MOST_RESTARTS):
        answer = fetch(connection, stale(cursor).cursor)
        cursor = answer.next_cursor
    with pytest.raises(Permanent, match=f"forgot its cursors {places.MOST_RESTARTS} times"):
        fetch(connection, stale(cursor).cursor)


def test_a_list_within_a_pull_request_that_lost_its_cursor_begins_again(
    server: GitHubServer, identity: Repository
) -> None:
    connection = connect(server)
    read = pages(PULL_REQUESTS, connection, plan_of(connection, identity))
    followup: Any = read[0][0].followups[0].cursor
    lost = {**followup, "open": [{**task, "after": "Y3Vyc29yOm9sZA=="} for task in followup["open"]]}
    parts = [answer for answer, _ in pages(PULL_REQUESTS, connection, Partition("rest", lost))]
    assert_whole(server, identity, [(read[0][0], parts), *read[1:]])
