"""Reading only what changed since the last sync, or since a day."""

from datetime import UTC, datetime, timedelta

import pytest

from integrations.providers.github.extract_pull_requests import CHANGED_SINCE
from integrations.providers.github.questions import OVERLAP
from integrations.sandbox.github import GitHubServer
from integrations.sandbox.github.repositories import Repository
from tests.integrations.providers.github.extraction import read_repository, records
from tests.integrations.providers.github.reading import NOW, Clock, assert_whole, numbers, rest, since, sizes


def test_a_sync_ends_where_the_last_one_began(server: GitHubServer, identity: Repository, clock: Clock) -> None:
    changed: list[int] = []
    for number in (3, 20, 31):
        clock.at += 3600
        server.site.comment_pull(f"acme/identity#{number}")
        changed.insert(0, number)
    read = since(server, identity, NOW + 1800)
    assert numbers(read)[:3] == changed
    assert len(read) == 1


def test_a_sync_looks_back_a_little_further(server: GitHubServer, identity: Repository, clock: Clock) -> None:
    """What changed while the last sync began may have been found only after it."""
    for number in range(1, 21):
        clock.at += 60
        server.site.comment_pull(f"acme/identity#{number}")
    read = since(server, identity, clock.at)
    within = int(OVERLAP / timedelta(minutes=1)) + 1
    assert numbers(read)[:within] == list(range(20, 20 - within, -1))
    # Two pages, the second of which holds the oldest that are asked for.
    assert sizes(read) == [CHANGED_SINCE, 2 * CHANGED_SINCE]


def test_in_a_quiet_repository_a_sync_costs_one_point(server: GitHubServer, identity: Repository) -> None:
    read = since(server, identity, NOW)
    assert [answer.metadata["cost"] for answer, _ in read] == [1]


def test_pages_of_a_sync_grow_to_the_full_size(server: GitHubServer, identity: Repository, clock: Clock) -> None:
    for pull in server.site.pulls(identity):
        clock.at += 60
        server.site.comment_pull(f"acme/identity#{pull.number}")
    read = since(server, identity, NOW)
    assert sizes(read) == [6, 12, 24]
    assert_whole(server, identity, read)


def test_what_changes_state_behind_a_page_is_seen_by_the_next_sync(
    server: GitHubServer, identity: Repository, clock: Clock
) -> None:
    number = next(pull.number for pull in server.site.pulls(identity) if pull.state == "OPEN" and not pull.is_draft)
    clock.at += 60
    first = read_repository(server, identity)
    began = first[0][0].source_time
    assert began
    clock.at += 60
    server.site.merge_pull(f"acme/identity#{number}")
    found = records(since(server, identity, began.timestamp()))
    assert [record.state for record in found.values() if record.number == number] == ["MERGED"]


@pytest.mark.parametrize("size", [1, 10, 50])
def test_what_a_first_read_leaves_out_does_not_depend_on_the_size_of_pages(
    server: GitHubServer, identity: Repository, size: int
) -> None:
    updated = sorted(pull.updated_at for pull in server.site.pulls(identity))
    day = datetime.fromtimestamp(updated[len(updated) // 2], UTC).date()
    begin = datetime.combine(day, datetime.min.time(), UTC).timestamp()
    wanted = {pull.number for pull in server.site.pulls(identity) if pull.updated_at >= begin}
    read = read_repository(server, identity, start_date=day.isoformat(), batch_size=size)
    assert {record.number for record in records(read).values()} == wanted
    assert 0 < len(wanted) <= len(numbers(read)) <= len(wanted) + size
    assert {external_id for answer, _ in read for external_id in answer.digests} == set(records(read))


def test_what_a_page_cut_of_older_ones_is_not_followed(
    server: GitHubServer, identity: Repository, clock: Clock
) -> None:
    server.site.review_pull("acme/identity#1", "COMMENTED", comments=30)
    assert rest(since(server, identity, clock.at))
    clock.at += 3600
    read = since(server, identity, clock.at)
    assert numbers(read)[0] == 1
    assert (rest(read), records(read)) == ([], {})
