"""The queues as the contract's table has them, and when a message is tried again."""

import pytest

from etl.queue.broker import Dead, Delivery, Done, Outcome, Outgoing, RetryIn
from etl.queue.outcomes import outcome_of, outcome_of_error
from etl.queue.topology import ALL_QUEUES, QueueSpec, Stage, Tier, nearest_delay, queue_for, retry_delay_seconds
from integrations.errors import Permanent, Transient


def test_the_queues_are_those_of_the_contract() -> None:
    tiers = ("free", "basic", "premium", "enterprise")
    stages = {"extraction": 3600, "transform": 3600, "embedding": 1800}
    expected: dict[str, tuple[int, int, int | None]]
    expected = {f"{stage}_queue_{tier}": (ttl, 3, None) for stage, ttl in stages.items() for tier in tiers}
    expected |= {"etl.jobs": (3600, 3, None), "etl.custom_fields": (600, 5, None), "etl.failed": (86400, 0, 1000)}
    assert {s.name: (s.ttl_seconds, s.max_tries, s.max_length) for s in ALL_QUEUES.values()} == expected
    assert queue_for(Stage.EXTRACTION, Tier.PREMIUM) == "extraction_queue_premium"


@pytest.mark.parametrize(("attempt", "seconds"), [(0, 5), (1, 5), (2, 30), (3, 120), (4, 600), (99, 600)])
def test_the_delay_grows_with_the_attempt(attempt: int, seconds: int) -> None:
    assert retry_delay_seconds(attempt) == seconds


@pytest.mark.parametrize(("asked", "given"), [(0, 5), (17, 5), (17.5, 30), (18, 30), (100, 120), (9999, 600)])
def test_a_retry_waits_the_nearest_delay_there_is(asked: float, given: float) -> None:
    assert nearest_delay(asked) == given


def test_an_error_is_tried_again_until_the_tries_are_used_up() -> None:
    spec = QueueSpec("q", 1, max_tries=2)
    assert outcome_of_error(Transient("busy"), 1, spec) == RetryIn(5, "Transient: busy")
    assert outcome_of_error(Transient("busy"), 2, spec) == Dead("Transient: busy")
    assert outcome_of_error(Permanent("bad"), 1, spec) == Dead("Permanent: bad")


def test_a_queue_without_tries_never_gives_up() -> None:
    assert outcome_of_error(ValueError(), 999, QueueSpec("q", 1, max_tries=0)) == RetryIn(600, "ValueError: ")


@pytest.mark.parametrize("outcome", [Done(), RetryIn(1, "x"), Dead("x")])
def test_what_a_handler_says_is_done(outcome: Outcome) -> None:
    assert outcome_of(lambda _: outcome, Delivery("q", b""), QueueSpec("q", 1, 1)) is outcome


@pytest.mark.parametrize("priority", [0, 11])
def test_a_priority_out_of_range_is_refused(priority: int) -> None:
    with pytest.raises(ValueError, match=f"{priority} is not within"):
        Outgoing("etl.jobs", b"", priority)
