"""Extraction is held back while answers wait for their transform, and never for ever."""

import pytest
from pytest_django import Settings

from etl.jobs.backlog import has_backlog
from etl.jobs.wakeups import integrations_waiting, wake
from etl.models import EtlJobRun, RunKind
from etl.queue.topology import Stage
from tests.support.brokers import RecordingBroker
from tests.support.making import a_run, an_integration, change, checkpoint, raw_row

pytestmark = pytest.mark.django_db


@pytest.fixture
def at_most_two(settings: Settings) -> None:
    settings.BACKLOG_LIMIT = 2


def test_extraction_is_held_back_while_more_answers_wait_than_the_limit(
    recording: RecordingBroker, at_most_two: None
) -> None:
    run = a_run()
    checkpoint(run)
    answers = [raw_row(run), raw_row(run, status="processing"), raw_row(run)]

    assert has_backlog(run.integration_id)
    assert wake(Stage.EXTRACTION, run.integration_id) == 0
    assert integrations_waiting(Stage.EXTRACTION) == []
    assert wake(Stage.TRANSFORM, run.integration_id) == 2

    change(answers[1], "processing_status = 'completed'")

    assert not has_backlog(run.integration_id)
    assert integrations_waiting(Stage.EXTRACTION) == [run.integration_id]
    assert wake(Stage.EXTRACTION, run.integration_id) == 1


@pytest.mark.parametrize("done", ["completed", "failed", "cancelled"])
def test_answers_that_are_dealt_with_are_no_backlog(recording: RecordingBroker, at_most_two: None, done: str) -> None:
    run = a_run()
    checkpoint(run)
    for _ in range(5):
        raw_row(run, status=done)

    assert wake(Stage.EXTRACTION, run.integration_id) == 1


def test_answers_that_wait_for_what_is_to_be_fetched_yet_hold_nothing_back(
    recording: RecordingBroker, at_most_two: None
) -> None:
    run = a_run()
    checkpoint(run)
    for _ in range(3):
        raw_row(run, parent=raw_row(run, is_complete=False))

    assert not has_backlog(run.integration_id)
    assert wake(Stage.EXTRACTION, run.integration_id) == 1


@pytest.mark.parametrize("status", ["PAUSED", "STOPPED", "FAILED"])
def test_answers_of_a_run_that_does_not_go_on_hold_nothing_back(
    recording: RecordingBroker, at_most_two: None, status: str
) -> None:
    old = a_run()
    for _ in range(3):
        raw_row(old)
    EtlJobRun.objects.filter(pk=old.pk).update(status=status)
    run = a_run(old.integration, RunKind.WEBHOOK)
    checkpoint(run)

    assert wake(Stage.EXTRACTION, run.integration_id) == 1


def test_the_backlog_of_one_integration_does_not_hold_back_another(
    recording: RecordingBroker, at_most_two: None
) -> None:
    busy, other = a_run(an_integration("Busy")), a_run(an_integration("Other"))
    checkpoint(busy)
    checkpoint(other)
    for _ in range(3):
        raw_row(busy)

    assert integrations_waiting(Stage.EXTRACTION) == [other.integration_id]
    assert [wake(Stage.EXTRACTION, run.integration_id) for run in (busy, other)] == [0, 1]


def test_what_is_held_back_goes_on_although_no_answer_at_all_may_wait(
    recording: RecordingBroker, settings: Settings
) -> None:
    settings.BACKLOG_LIMIT = 0
    run = a_run()
    checkpoint(run)
    answer = raw_row(run)
    assert wake(Stage.EXTRACTION, run.integration_id) == 0

    change(answer, "processing_status = 'completed'")

    assert wake(Stage.EXTRACTION, run.integration_id) == 1
