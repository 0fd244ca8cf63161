"""Planning and reading pull requests with all that belongs to them, against the sandbox."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from integrations.errors import Permanent, StageError
from integrations.provider import PlanContext
from integrations.sandbox.github import GitHubFaults, GitHubServer, GitHubSite, GitHubSpec
from integrations.sandbox.github.repositories import Repository
from tests.integrations.providers.github.extraction import (
    PULL_REQUESTS,
    connect,
    pages,
    plan_of,
    read_repository,
    reference,
)
from tests.integrations.providers.github.reading import (
    NOW,
    Clock,
    assert_whole,
    fetch,
    home,
    newest_first,
    nodes,
    numbers,
    planned,
    rest,
    sizes,
    warnings,
)


@pytest.mark.parametrize("name", ["acme/identity", "acme/console", "acme-labs/spikes"])
def test_every_pull_request_comes_with_all_that_belongs_to_it(server: GitHubServer, name: str) -> None:
    read = read_repository(server, home(server, name), organization="acme, acme-labs")
    assert_whole(server, home(server, name), read)
    assert warnings(read) == []


def test_pages_of_50_come_newest_first_and_cost_8_points(clock: Clock) -> None:
    with GitHubServer(GitHubSite(GitHubSpec(300, seed=3), clock)) as server:
        identity = home(server, "acme/identity")
        read = read_repository(server, identity)
        assert [len(nodes(answer)) for answer, _ in read] == [50, 8]
        assert numbers(read) == newest_first(server, identity)
    assert [answer.metadata["cost"] for answer, _ in read] == [8, 8]
    assert {part.metadata["cost"] for part in rest(read)} == {1}


def test_answers_say_what_was_asked_and_what_it_cost(server: GitHubServer, identity: Repository) -> None:
    (answer, _), *_ = read_repository(server, identity, start_date="2020-01-01")
    assert answer.metadata == {
        "method": "POST",
        "url": "/api/graphql",
        "status": 200,
        "full_name": "acme/identity",
        "repository_id": identity.id,
        "oldest": "2020-01-01T00:00:00Z",
        "newest": "",
        "page_size": 50,
        "put_aside": [],
        "cost": 8,
        "remaining": 4992,
    }
    assert answer.source_time == datetime.fromtimestamp(NOW, UTC)
    assert set(answer.digests) == {node["fullDatabaseId"] for node in nodes(answer)}


def test_what_a_page_cut_is_followed_list_by_list(server: GitHubServer, identity: Repository) -> None:
    for _ in range(21):
        server.site.review_pull("acme/identity#1", "APPROVED")
    parts = rest(read_repository(server, identity))
    # Labels are never so many here; what is said in a thread has its thread's id.
    assert {(part.metadata["connection"], "thread" in part.metadata) for part in parts} == {
        ("commits", False),
        ("reviews", False),
        ("comments", False),
        ("reviewThreads", False),
        ("comments", True),
    }
    assert len({part.external_id for part in parts}) == len(parts)
    assert all(set(part.digests) == {part.metadata["pull_request"]} for part in parts)


def test_what_is_said_in_threads_behind_the_first_ones_is_read_to_its_end(
    server: GitHubServer, identity: Repository
) -> None:
    pull = next(pull for pull in server.site.pulls(identity) if len(pull.threads) > 20)
    server.site.review_pull(f"acme/identity#{pull.number}", "COMMENTED", comments=230)
    read = read_repository(server, identity)
    assert_whole(server, identity, read)
    thread = pull.threads[-1].id
    assert [part.metadata["page_size"] for part in rest(read) if part.metadata.get("thread") == thread] == [100] * 3


def test_a_page_without_a_cut_list_has_nothing_to_follow(server: GitHubServer) -> None:
    ((answer, parts),) = read_repository(server, home(server, "acme/handbook"))
    assert (answer.followups, parts, nodes(answer)) == ((), [], [])


@pytest.mark.parametrize("size", [1, 7, 100])
def test_the_size_of_a_page_can_be_set(server: GitHubServer, size: int) -> None:
    ingestion = home(server, "acme/ingestion")
    read = read_repository(server, ingestion, batch_size=size)
    assert set(sizes(read)) == {size}
    assert_whole(server, ingestion, read)


def test_the_setting_goes_before_the_size_of_the_job(server: GitHubServer) -> None:
    ingestion = home(server, "acme/ingestion")
    assert set(sizes(pages(PULL_REQUESTS, *planned(server, ingestion, batch_size="3")))) == {3}


@pytest.mark.parametrize("size", ["0", "101", "ten", "-1", "1e9"])
def test_a_size_that_no_page_can_have_is_told(server: GitHubServer, identity: Repository, size: str) -> None:
    with pytest.raises(Permanent, match=f"batch_size is '{size}'"):
        pages(PULL_REQUESTS, *planned(server, identity, batch_size=size))
    assert not server.counts


def test_each_repository_in_scope_has_a_partition_and_a_watermark_of_its_own(server: GitHubServer) -> None:
    connection = connect(server, organization="acme", exclude_repositories="legacy-*")
    context = PlanContext(repositories=[reference(found) for found in server.site.repositories])
    partitions = PULL_REQUESTS.plan(connection, context)
    ours = [
        found for found in server.site.repositories
        if found.owner.login == "acme" and found.name != "legacy-billing"
    ]  # fmt: skip
    assert [partition.key for partition in partitions] == [
        f"repository:{reference(found).external_id}" for found in ours
    ]
    assert [partition.scope for partition in partitions] == [partition.key for partition in partitions]


def test_other_pull_requests_to_be_read_have_another_watermark(server: GitHubServer, identity: Repository) -> None:
    scopes = {day: plan_of(connect(server, start_date=day), identity).scope for day in ("", "2024-01-01", "2025-01-01")}
    assert len(set(scopes.values())) == 3
    earlier = datetime(2025, 1, 1, tzinfo=UTC)
    context = PlanContext(repositories=[reference(identity)], watermarks={scopes["2025-01-01"]: earlier})
    (partition,) = PULL_REQUESTS.plan(connect(server, start_date="2024-01-01"), context)
    assert partition.cursor["question"]["since"] is None


def test_a_question_stays_the_same_under_another_name_and_another_size(
    server: GitHubServer, identity: Repository
) -> None:
    """So that a partition goes on where an earlier run left it."""
    before = plan_of(connect(server), identity)
    server.site.rename_repository("acme/identity", "passports")
    after = plan_of(connect(server, batch_size="7"), identity)
    assert (before.key, before.scope, before.cursor["question"]) == (after.key, after.scope, after.cursor["question"])


def test_a_fetch_that_failed_can_be_made_again_from_its_cursor(server: GitHubServer, identity: Repository) -> None:
    connection, partition = planned(server, identity)
    server.faults = GitHubFaults(fail_first=2)
    with pytest.raises(StageError):
        fetch(connection, partition.cursor)
    assert_whole(server, identity, pages(PULL_REQUESTS, connection, partition))


def test_recorded_answers_are_recognised_by_their_shape(server: GitHubServer, identity: Repository) -> None:
    read = read_repository(server, identity, batch_size=20)
    found = [PULL_REQUESTS.recognise(orjson.loads(answer.body)) for answer, _ in read]
    assert [kind for kind, _ in filter(None, found)] == ["github_pull_requests"] * 2
    assert len(set(found)) == 2
    part = PULL_REQUESTS.recognise(orjson.loads(read[0][1][0].body))
    assert part
    assert part[0] == "github_pull_request_rest"
    by_id = PULL_REQUESTS.recognise({"data": {"nodes": [None, {"id": "PR_1"}]}})
    assert by_id
    assert by_id[0] == "github_pull_requests_by_id"


@pytest.mark.parametrize(
    "content", [None, [], {}, {"data": None}, {"data": {"repository": {"nameWithOwner": "acme/web"}}}, {"issues": []}]
)
def test_what_is_no_answer_of_this_step_is_not_recognised(content: Any) -> None:
    assert PULL_REQUESTS.recognise(content) is None
