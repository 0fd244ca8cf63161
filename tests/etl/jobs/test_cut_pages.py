"""A page that was cut is loaded once its follow-ups are over; what one failed to bring comes with a later sync."""

import random
from typing import Any

import pytest
from django.db import transaction

from etl import pipeline
from etl.jobs import lifecycle, recovery, sweep, units, watermarks
from etl.jobs.units import LeaseLost
from etl.models import (
    EtlJobRun,
    ExtractionCheckpoint,
    Overall,
    QuarantinedRecord,
    RawExtractionData,
    RunKind,
    WorkItem,
)
from etl.queue.broker import Dead
from etl.queue.topology import Stage
from etl.transform.stage import transform
from tests.support.driving import run_to_end, stopped_after, waiting, work_off
from tests.support.making import a_run, change, checkpoint, raw_row
from tests.support.records import at
from tests.support.scripted import ITEMS, Scripted
from tests.support.threads import at_once, meeting

pytestmark = pytest.mark.django_db

CUT, WHOLE = "5", "1"


def rows() -> dict[str, str]:
    return dict(WorkItem.objects.values_list("external_id", "status__external_id"))


def quarantined() -> dict[str, str]:
    """The reasons of open entries."""
    return dict(QuarantinedRecord.objects.filter(resolved_at=None).values_list("external_id", "reason"))


def a_page(scripted: Scripted, *cut: str) -> None:
    """A project of one page with four items, some of them cut."""
    scripted.world.page = 4
    scripted.project("1", 4)
    for number in cut:
        scripted.world.items[number].cut = True


def refuse(scripted: Scripted, *numbers: str) -> None:
    scripted.world.refuses = {f"rest:{number}" for number in numbers}


def started(scripted: Scripted, **config: Any) -> EtlJobRun:
    return lifecycle.start(scripted.job.pk, trigger="test", config=config)


def one(run: EtlJobRun, stage: Stage, key: str = "") -> None:
    """Handles the oldest unit of a stage, or the follow-up of that item."""
    ids = waiting(run.pk, stage)
    if key:
        ids = list(ExtractionCheckpoint.objects.filter(pk__in=ids, cursor__rest=key).values_list("pk", flat=True))
    pipeline.handle(stage, ids[:1])


def the_page() -> RawExtractionData:
    return RawExtractionData.objects.get(entity_type="items")


# A page and its units


def ended(state: str, followup: ExtractionCheckpoint) -> int:
    ExtractionCheckpoint.objects.filter(pk=followup.pk).update(status=state)
    return units.complete_pages([followup.pk])


@pytest.mark.parametrize("states", [("completed", "completed"), ("failed", "completed"), ("completed", "failed")])
def test_a_cut_page_is_complete_once_its_last_followup_is_over_and_not_before(states: tuple[str, str]) -> None:
    run = a_run()
    page, other = raw_row(run, is_complete=False), raw_row(run, is_complete=False)
    followups = [checkpoint(run, parent_raw=page) for _ in states]

    completed = [ended(state, followup) for state, followup in zip(states, followups, strict=True)]

    assert completed == [0, 1]
    page.refresh_from_db()
    other.refresh_from_db()
    assert (page.is_complete, page.status, other.is_complete) == (True, "pending", False)


def test_a_cut_page_waits_for_a_followup_that_was_cancelled() -> None:
    run = a_run()
    page = raw_row(run, is_complete=False)
    checkpoint(run, parent_raw=page, status="cancelled")

    assert ended("failed", checkpoint(run, parent_raw=page)) == 0


@pytest.mark.django_db(transaction=True)
def test_of_two_last_followups_at_once_one_completes_the_page() -> None:
    run = a_run()
    page = raw_row(run, is_complete=False)
    followups = [checkpoint(run, parent_raw=page), checkpoint(run, parent_raw=page)]

    def finish(followup: ExtractionCheckpoint, state: str) -> int:
        with transaction.atomic():
            ExtractionCheckpoint.objects.filter(pk=followup.pk).update(status=state)
            all_have_ended()
            return units.complete_pages([followup.pk])

    all_have_ended = meeting(2)
    completed = at_once(lambda: finish(followups[0], "completed"), lambda: finish(followups[1], "failed"))

    assert sorted(completed) == [0, 1]
    page.refresh_from_db()
    assert page.is_complete


# A follow-up that fails for good


def test_a_followup_that_fails_costs_its_item_and_nothing_else(scripted: Scripted) -> None:
    a_page(scripted, "2", "3")
    refuse(scripted, "2")
    run = started(scripted)

    outcomes = work_off(run)

    assert (run.status, run.quarantined, run.errors_encountered) == (Overall.FAILED, 1, 1)
    assert "rest:2 is refused" in run.error_message
    assert len([outcome for outcome in outcomes if isinstance(outcome, Dead)]) == 1
    assert rows() == {"1": WHOLE, "3": CUT, "4": WHOLE}
    assert "rest:2 is refused" in quarantined()["2"]
    assert watermarks.read(scripted.integration.pk, ITEMS) == {}


def test_the_next_sync_brings_what_was_missing_and_closes_the_entry(scripted: Scripted) -> None:
    a_page(scripted, "2", "3")
    refuse(scripted, "2")
    run_to_end(scripted.job)
    scripted.world.calls.clear()
    refuse(scripted)

    run = run_to_end(scripted.job)

    assert (run.status, run.quarantined, run.warning) == (Overall.FINISHED, 0, "")
    assert scripted.world.calls == ["rest:2"]
    assert rows() == {"1": WHOLE, "2": CUT, "3": CUT, "4": WHOLE}
    assert quarantined() == {}
    assert set(watermarks.read(scripted.integration.pk, ITEMS)) == {"project:1"}
    assert not RawExtractionData.objects.exclude(status="completed").exists()


@pytest.mark.parametrize("seed", range(6))
def test_in_whatever_order_units_end_the_same_is_loaded(scripted: Scripted, seed: int) -> None:
    a_page(scripted, "2", "3", "4")
    refuse(scripted, "3")
    run = started(scripted)
    work_off(run, shuffle=random.Random(seed))
    assert (run.status, rows()) == (Overall.FAILED, {"1": WHOLE, "2": CUT, "4": CUT})
    refuse(scripted)

    run = started(scripted)
    work_off(run, shuffle=random.Random(seed))

    assert (run.status, rows()) == (Overall.FINISHED, {"1": WHOLE, "2": CUT, "3": CUT, "4": CUT})


def test_of_what_was_loaded_before_the_row_stays_as_it_is(scripted: Scripted) -> None:
    a_page(scripted, "2", "3")
    run_to_end(scripted.job)
    for item in scripted.world.items.values():
        item.version = 1
    refuse(scripted, "2")

    run_to_end(scripted.job)

    assert set(WorkItem.objects.filter(source_updated_at=at(1)).values_list("external_id", flat=True)) == {
        "1",
        "3",
        "4",
    }
    assert rows()["2"] == CUT
    assert set(quarantined()) == {"2"}


def test_what_a_page_says_as_before_is_not_unchanged_where_more_was_to_come(scripted: Scripted) -> None:
    a_page(scripted)
    run_to_end(scripted.job)
    scripted.world.items["2"].cut = True
    refuse(scripted, "2")

    run_to_end(scripted.job, {"full_sync": True})

    assert set(quarantined()) == {"2"}
    refuse(scripted)
    run_to_end(scripted.job, {"full_sync": True})
    assert (rows()["2"], quarantined()) == (CUT, {})


def test_where_workers_died_on_a_followup_the_others_are_loaded(scripted: Scripted) -> None:
    a_page(scripted, "2", "3")
    run = started(scripted)
    one(run, Stage.EXTRACTION)
    followup = ExtractionCheckpoint.objects.get(cursor__rest="2")
    change(followup, f"takes = {units.MAX_TAKES - 1}, published_at = now()")
    assert units.take(ExtractionCheckpoint, [followup.pk])
    change(followup, "lease_until = now() - interval '1 second'")
    one(run, Stage.EXTRACTION, "3")

    sweep.sweep()
    work_off(run)

    assert (run.status, rows()) == (Overall.FAILED, {"1": WHOLE, "3": CUT, "4": WHOLE})
    assert recovery.DIED in quarantined()["2"]


# Stopped, and gone on with


@pytest.mark.parametrize("handled", range(7))
def test_stopped_at_any_point_the_next_sync_brings_all(scripted: Scripted, handled: int) -> None:
    a_page(scripted, "2", "3")
    refuse(scripted, "2")
    stopped_after(scripted.job, handled)
    refuse(scripted)

    run = run_to_end(scripted.job)

    assert run.status == Overall.FINISHED
    assert rows() == {"1": WHOLE, "2": CUT, "3": CUT, "4": WHOLE}
    assert quarantined() == {}
    assert scripted.world.calls.count("items:1:0") == 1


def test_stopped_again_before_what_was_missing_came_nothing_is_lost(scripted: Scripted) -> None:
    a_page(scripted, "2")
    refuse(scripted, "2")
    run_to_end(scripted.job)
    started(scripted)
    lifecycle.stop(scripted.job.pk)
    page = the_page()
    assert (page.is_complete, page.status, rows()) == (True, "completed", {"1": WHOLE, "3": WHOLE, "4": WHOLE})
    refuse(scripted)

    run_to_end(scripted.job)

    assert rows()["2"] == CUT


def test_a_followup_that_ends_after_the_stop_brings_its_page_into_the_next_sync(scripted: Scripted) -> None:
    a_page(scripted, "2")
    run = started(scripted)
    one(run, Stage.EXTRACTION)
    lease = units.take(ExtractionCheckpoint, waiting(run.pk, Stage.EXTRACTION))
    assert lease
    lifecycle.stop(scripted.job.pk)

    units.fail(lease, "403")

    assert (the_page().is_complete, the_page().status) == (True, "cancelled")
    run_to_end(scripted.job)
    assert rows() == {"1": WHOLE, "2": CUT, "3": WHOLE, "4": WHOLE}


def test_a_page_that_is_in_hand_is_taken_away_when_what_was_missing_comes(scripted: Scripted) -> None:
    a_page(scripted, "2")
    refuse(scripted, "2")
    old = started(scripted)
    one(old, Stage.EXTRACTION)
    one(old, Stage.EXTRACTION)
    lease = units.take(RawExtractionData, waiting(old.pk, Stage.TRANSFORM))
    assert lease
    lifecycle.stop(scripted.job.pk)
    refuse(scripted)
    run = started(scripted)
    one(run, Stage.EXTRACTION)

    with pytest.raises(LeaseLost):
        transform(lease)

    work_off(run)
    assert run.status == Overall.FINISHED
    assert rows() == {"1": WHOLE, "2": CUT, "3": WHOLE, "4": WHOLE}


def test_made_anew_without_what_is_missing_its_item_is_quarantined_again(scripted: Scripted) -> None:
    a_page(scripted, "2")
    run_to_end(scripted.job)
    scripted.world.items["2"].version = 1
    refuse(scripted, "2")
    run_to_end(scripted.job)
    before = rows()

    run = lifecycle.reprocess(scripted.job.pk, trigger="test")
    work_off(run)

    assert (run.kind, run.status, run.quarantined) == (RunKind.REPROCESS, Overall.FINISHED, 1)
    assert rows() == before
    refuse(scripted)
    run_to_end(scripted.job)
    assert quarantined() == {}


def test_what_fails_again_does_not_hold_up_what_has_changed_since(scripted: Scripted) -> None:
    a_page(scripted, "2")
    scripted.world.refuses, scripted.world.status = {"rest:2"}, 403
    for _ in range(2):
        run_to_end(scripted.job)
    scripted.world.items["3"].status = "3"

    run = run_to_end(scripted.job)

    assert (run.status, rows()["3"]) == (Overall.FAILED, "3")
    assert scripted.world.calls == ["items:1:0", *["rest:2"] * 2, "items:1:0", "rest:2"]
    assert set(quarantined()) == {"2"}
