"""Work items that are asked for one by one, as deliveries of webhooks name them."""

from typing import Any

import pytest
from django.utils import timezone

from etl import pipeline
from etl.jobs import lifecycle, units
from etl.jobs.advance import advance
from etl.jobs.sweep import sweep
from etl.models import EtlJobRun, ExtractionCheckpoint, Overall, RunKind, WorkItem
from etl.queue.topology import Stage
from tests.support.brokers import RecordingBroker
from tests.support.driving import waiting, work_off
from tests.support.scripted import ITEMS, Scripted
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db


def request(scripted: Scripted, *ids: str) -> EtlJobRun:
    return lifecycle.request_items(scripted.integration, ids, trigger="webhook")


def asked_for() -> list[list[str]]:
    """The items of each unit that was made."""
    return [unit.cursor["items"] for unit in ExtractionCheckpoint.objects.order_by("pk")]


def test_a_request_has_the_item_fetched_and_loaded_in_a_run_of_its_own(
    scripted: Scripted, recording: RecordingBroker
) -> None:
    scripted.project("1", 3)

    run = request(scripted, "2")

    assert (run.kind, run.trigger) == (RunKind.WEBHOOK, "webhook")
    sweep()
    assert [body["type"] for body in recording.bodies()] == [ITEMS]
    work_off(run)
    assert run.status == Overall.FINISHED
    assert (run.api_calls_made, run.records_processed) == (1, 1)
    assert list(WorkItem.objects.values_list("external_id", flat=True)) == ["2"]
    assert scripted.world.calls == ["ids:2"]
    assert scripted.job.overall == Overall.NOT_STARTED


def test_requests_share_the_open_run_and_what_waits_is_asked_for_together_and_once(scripted: Scripted) -> None:
    scripted.project("1", 3)

    runs = {request(scripted, number).pk for number in ("1", "2", "1")}

    assert len(runs) == 1
    assert asked_for() == [["1", "2"]]


@pytest.mark.parametrize("state", [{"published_at": timezone.now()}, {"tries": 1}, {"pages": 1}])
def test_a_unit_that_is_on_its_way_or_had_an_error_takes_nothing_in(scripted: Scripted, state: dict[str, Any]) -> None:
    request(scripted, "1")
    ExtractionCheckpoint.objects.update(**state)

    request(scripted, "2")
    request(scripted, "3")

    assert asked_for() == [["1"], ["2", "3"]]


def test_a_request_during_a_fetch_has_the_item_fetched_once_more(scripted: Scripted) -> None:
    scripted.project("1", 1)
    run = request(scripted, "1")
    units.take(ExtractionCheckpoint, waiting(run.pk, Stage.EXTRACTION))

    request(scripted, "1")

    assert len(waiting(run.pk, Stage.EXTRACTION)) == 1


def test_a_request_after_the_end_of_a_run_begins_another(scripted: Scripted) -> None:
    scripted.project("1", 1)
    first = request(scripted, "1")
    work_off(first)

    second = request(scripted, "1")

    assert second.pk != first.pk
    assert second.status == Overall.RUNNING


def test_a_request_is_served_beside_a_sync(scripted: Scripted) -> None:
    scripted.project("1", 1)
    sync = lifecycle.start(scripted.job.pk, trigger="test")

    run = request(scripted, "1")
    work_off(run, stages=(Stage.EXTRACTION, Stage.TRANSFORM))

    assert WorkItem.objects.count() == 1
    assert EtlJobRun.objects.get(pk=sync.pk).status == Overall.RUNNING


def test_an_item_that_is_gone_when_it_is_asked_for_becomes_inactive(scripted: Scripted) -> None:
    scripted.project("1", 1)
    work_off(request(scripted, "1"), stages=(Stage.EXTRACTION, Stage.TRANSFORM))
    scripted.world.items.clear()

    work_off(request(scripted, "1"), stages=(Stage.EXTRACTION, Stage.TRANSFORM))

    assert WorkItem.objects.get().deleted_at is not None


@pytest.mark.django_db(transaction=True)
def test_of_requests_at_once_all_are_served_by_one_run(scripted: Scripted) -> None:
    scripted.project("1", 4)

    runs = at_once(*[lambda number=number: request(scripted, number).pk for number in ("1", "2", "3", "3")])

    assert len(set(runs)) == 1
    (asked,) = asked_for()
    assert sorted(asked) == ["1", "2", "3"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("_again", range(3))
def test_no_request_is_lost_in_a_run_that_is_just_ending(scripted: Scripted, _again: int) -> None:
    scripted.project("1", 2)
    run = request(scripted, "1")
    ExtractionCheckpoint.objects.update(status="completed")

    _, requested = at_once(lambda: run if advance(run.pk) else None, lambda: request(scripted, "2"))

    assert requested is not None
    assert EtlJobRun.objects.get(pk=requested.pk).status == Overall.RUNNING
    pipeline.handle(Stage.EXTRACTION, waiting(requested.pk, Stage.EXTRACTION))
    assert scripted.world.calls == ["ids:2"]
