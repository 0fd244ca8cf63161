"""A worker that stays with a partition: while it stores a page, the next one is being fetched."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from etl import pipeline
from etl.extraction import reading, stage
from etl.jobs import lifecycle, units
from etl.models import EtlJobRun, ExtractionCheckpoint, RawExtractionData, UnitState
from etl.queue.broker import Dead, Done
from etl.queue.topology import Stage
from integrations.models import IntegrationLimit
from tests.support.brokers import RecordingBroker
from tests.support.driving import waiting
from tests.support.scripted import Scripted, ScriptedProvider

pytestmark = pytest.mark.django_db(transaction=True)
PAGES = [f"items:1:{page}" for page in range(4)]
WAIT_SECONDS = 10.0


@pytest.fixture
def run(scripted: Scripted) -> EtlJobRun:
    """A sync of one project of four pages, planned."""
    scripted.project("1", 8)
    return lifecycle.start(scripted.job.pk, trigger="test")


def unit_of(run: EtlJobRun) -> ExtractionCheckpoint:
    return ExtractionCheckpoint.objects.get(run=run)


def read(run: EtlJobRun) -> object:
    return pipeline.handle(Stage.EXTRACTION, waiting(run.pk, Stage.EXTRACTION))


def stored() -> list[str]:
    return list(RawExtractionData.objects.order_by("id").values_list("external_id", flat=True))


def before_storing(monkeypatch: pytest.MonkeyPatch, do: Callable[[], object]) -> None:
    """Does that each time that an answer is about to be stored, when the next call is decided on."""
    store = stage._store

    def storing(*arguments: Any) -> None:
        do()
        store(*arguments)

    monkeypatch.setattr(stage, "_store", storing)


def test_a_worker_reads_the_pages_of_a_partition_one_after_the_other(scripted: Scripted, run: EtlJobRun) -> None:
    assert read(run) == Done()

    unit = unit_of(run)
    assert (unit.status, unit.pages, unit.takes) == (UnitState.COMPLETED, 4, 0)
    assert scripted.world.calls == stored() == PAGES
    numbers = RawExtractionData.objects.order_by("id").values_list("extraction_metadata__batch_number", flat=True)
    assert list(numbers) == [1, 2, 3, 4]


def test_the_next_page_is_asked_for_while_one_is_being_stored(
    scripted: Scripted, run: EtlJobRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, called = threading.Semaphore(0), scripted.world.called

    def call(name: str) -> Any:
        asked.release()
        return called(name)

    monkeypatch.setattr(scripted.world, "called", call)
    # The first call, then with each page the one after it, which the last page has not.
    monkeypatch.setattr(scripted.world, "page", 4)
    overlaps: list[bool] = []
    asked_before = iter([2, 0])
    before_storing(
        monkeypatch,
        lambda: overlaps.append(all(asked.acquire(timeout=WAIT_SECONDS) for _ in range(next(asked_before)))),
    )

    read(run)

    assert overlaps == [True, True]
    assert stored() == PAGES[:2]


def test_what_a_page_gives_rise_to_is_woken_as_soon_as_it_is_stored(
    run: EtlJobRun, recording: RecordingBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[int] = []
    before_storing(monkeypatch, lambda: woken.append(recording.counts("transform_queue_free").message_count))

    read(run)

    assert woken == [0, 1, 2, 3]


def test_a_run_that_is_paused_keeps_the_page_that_was_asked_for_already_and_asks_for_no_other(
    scripted: Scripted, run: EtlJobRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused: list[int] = []

    def pause_once() -> None:
        if not paused:
            paused.append(lifecycle.pause(scripted.job.pk).pk)

    before_storing(monkeypatch, pause_once)

    read(run)

    unit = unit_of(run)
    assert (unit.status, unit.pages, unit.published_at) == (UnitState.PENDING, 2, None)
    assert scripted.world.calls == stored() == PAGES[:2]


def test_the_others_have_their_turn_after_some_seconds(
    scripted: Scripted, run: EtlJobRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "KEEP_SECONDS", 0.0)

    read(run)

    assert (unit_of(run).status, scripted.world.calls) == (UnitState.PENDING, PAGES[:1])


def test_a_worker_does_not_stay_with_a_partition_while_too_many_answers_wait(
    scripted: Scripted, run: EtlJobRun, settings: Settings
) -> None:
    settings.BACKLOG_LIMIT = 1

    read(run)

    unit = unit_of(run)
    assert (unit.status, unit.pages, unit.published_at) == (UnitState.PENDING, 3, None)
    assert scripted.world.calls == stored() == PAGES[:3]


@pytest.mark.parametrize("held_back", ["blocked", "ceiling"])
def test_nothing_is_asked_for_ahead_where_the_integration_is_held_back(
    scripted: Scripted, run: EtlJobRun, held_back: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    integration = scripted.integration
    if held_back == "ceiling":
        integration.settings["rate_limit"] = "20"
        integration.save()
    else:
        until = timezone.now() + timedelta(minutes=1)
        fetch = ScriptedProvider.fetch

        def fetch_and_block(*arguments: Any) -> Any:
            IntegrationLimit.objects.update_or_create(
                integration=integration, defaults={"tenant": integration.tenant, "blocked_until": until}
            )
            return fetch(*arguments)

        monkeypatch.setattr(ScriptedProvider, "fetch", fetch_and_block)

    read(run)

    assert (unit_of(run).status, scripted.world.calls) == (UnitState.PENDING, PAGES[:1])


def test_a_page_that_is_refused_fails_the_partition_behind_those_that_are_stored(
    scripted: Scripted, run: EtlJobRun
) -> None:
    scripted.world.refuses = {PAGES[2]}

    assert isinstance(read(run), Dead)

    unit = unit_of(run)
    assert (unit.status, unit.pages, unit.cursor["page"]) == (UnitState.FAILED, 2, 2)
    assert stored() == PAGES[:2]


def test_a_worker_that_lost_its_partition_stores_nothing_more_of_it(
    scripted: Scripted, run: EtlJobRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = units.take(ExtractionCheckpoint, [unit_of(run).pk])
    assert lease is not None
    pages = stage.extract(lease)
    next(pages)
    ExtractionCheckpoint.objects.update(lease_token=None)

    with pytest.raises(units.LeaseLost):
        next(pages)

    assert stored() == PAGES[:1]
