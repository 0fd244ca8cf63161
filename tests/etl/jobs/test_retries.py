"""When a unit is tried again, and how often."""

import pytest
from pytest_django import Settings

from etl.jobs import retries
from etl.queue import queues
from etl.queue.topology import ALL_QUEUES, CUSTOM_FIELDS_QUEUE, FAILED_QUEUE, JOBS_QUEUE, Stage, Tier, queue_for


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 5), (2, 30), (3, 120), (4, 600), (9, 600)])
def test_delays_grow_and_are_up_to_a_quarter_longer_by_chance(attempt: int, seconds: int) -> None:
    assert retries.delay_seconds(attempt, lambda: 0.0) == seconds
    assert retries.delay_seconds(attempt, lambda: 1.0) == seconds * 1.25


def test_what_failed_together_does_not_come_back_together() -> None:
    assert len({retries.delay_seconds(1) for _ in range(20)}) > 1


@pytest.mark.parametrize("stage", Stage)
def test_the_tries_of_a_stage_can_be_set(settings: Settings, stage: Stage) -> None:
    setattr(settings, f"MAX_TRIES_{stage.upper()}", 7)

    last = {other: next(number for number in range(1, 10) if retries.is_last(other, number)) for other in Stage}
    assert last == {**dict.fromkeys(Stage, 3), stage: 7}
    assert {queues()[queue_for(stage, tier)].max_tries for tier in Tier} == {7}


def test_a_stage_of_no_number_of_tries_has_no_last_one(settings: Settings) -> None:
    settings.MAX_TRIES_EXTRACTION = 0

    assert not any(retries.is_last(Stage.EXTRACTION, attempt) for attempt in (1, 3, 1000))


def test_the_tries_of_other_messages_can_be_set(settings: Settings) -> None:
    settings.MAX_TRIES_JOBS, settings.MAX_TRIES_CUSTOM_FIELDS = 4, 2

    assert [queues()[name].max_tries for name in (JOBS_QUEUE, CUSTOM_FIELDS_QUEUE, FAILED_QUEUE)] == [4, 2, 0]


def test_where_nothing_is_set_the_tries_are_those_of_the_table_of_queues() -> None:
    assert queues() == ALL_QUEUES
