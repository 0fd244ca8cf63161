"""A sync that was interrupted goes on where it stopped, with the rows of one that was not."""

from collections import Counter
from typing import Any

import pytest

from etl import pipeline
from etl.extraction.stage import extract
from etl.jobs import lifecycle, resuming, units, watermarks
from etl.jobs.units import LeaseLost
from etl.models import EtlJobEvent, EtlJobRun, ExtractionCheckpoint, Overall, RawExtractionData, WorkItem
from etl.queue.topology import Stage
from tests.support.driving import run_to_end, waiting, work_off
from tests.support.scripted import ITEMS, Scripted

pytestmark = pytest.mark.django_db
Rows = list[tuple[str, str]]


def rows() -> Rows:
    return sorted(WorkItem.objects.values_list("external_id", "status__external_id"))


def a_site(scripted: Scripted) -> Rows:
    """A project in windows, some of whose pages are cut; the rows that a sync makes of it."""
    scripted.project("1", 10)
    scripted.world.windows = 2
    for number in ("1", "4", "9"):
        scripted.world.items[number].cut = True
    return sorted((number, "5" if item.cut else "1") for number, item in scripted.world.items.items())


def started(scripted: Scripted, **config: Any) -> EtlJobRun:
    return lifecycle.start(scripted.job.pk, trigger="test", config=config)


def ask(run: EtlJobRun, calls: int) -> None:
    """Makes so many calls; none of the answers is loaded."""
    for _ in range(calls):
        pipeline.handle(Stage.EXTRACTION, waiting(run.pk, Stage.EXTRACTION)[:1])


CALLS = 10


@pytest.mark.parametrize("calls", range(CALLS))
def test_stopped_after_any_call_the_next_sync_makes_only_the_others(scripted: Scripted, calls: int) -> None:
    expected = a_site(scripted)
    ask(started(scripted), calls)
    lifecycle.stop(scripted.job.pk)

    run = run_to_end(scripted.job)

    assert run.status == Overall.FINISHED
    assert rows() == expected
    assert len(set(scripted.world.calls)) == len(scripted.world.calls) == CALLS
    assert run.api_calls_made == CALLS - calls
    assert set(watermarks.read(scripted.integration.pk, ITEMS)) == {"project:1"}


def test_interrupted_again_and_again_no_call_is_made_twice(scripted: Scripted) -> None:
    expected = a_site(scripted)
    for _ in range(CALLS - 1):
        ask(started(scripted), 1)
        lifecycle.stop(scripted.job.pk)

    run_to_end(scripted.job)

    assert rows() == expected
    assert len(set(scripted.world.calls)) == len(scripted.world.calls) == CALLS


def test_a_watermark_remembers_the_first_answer_of_the_first_attempt(scripted: Scripted) -> None:
    scripted.project("1", 5)
    first = started(scripted)
    ask(first, 1)
    began = ExtractionCheckpoint.objects.get(run=first).first_answer_at
    lifecycle.stop(scripted.job.pk)

    run_to_end(scripted.job)

    assert watermarks.read(scripted.integration.pk, ITEMS) == {"project:1": began}


@pytest.mark.parametrize("refused", ["items:1:0", "items:1:1", "items:1:2", "rest:3"])
def test_what_was_refused_is_asked_for_again_and_nothing_else(scripted: Scripted, refused: str) -> None:
    scripted.project("1", 5)
    scripted.world.items["3"].cut = True
    scripted.world.refuses = {refused}
    assert run_to_end(scripted.job).status == Overall.FAILED
    scripted.world.refuses = set()

    run = run_to_end(scripted.job)

    assert run.status == Overall.FINISHED
    assert len(rows()) == 5
    assert Counter(scripted.world.calls) == {**dict.fromkeys(scripted.world.calls, 1), refused: 2}
    assert not RawExtractionData.objects.exclude(status="completed").exists()


def test_what_fails_again_at_the_same_place_is_begun_afresh(scripted: Scripted) -> None:
    scripted.project("1", 5)
    scripted.world.refuses = {"items:1:1"}
    for _ in range(2):
        run_to_end(scripted.job)
    scripted.world.refuses = set()

    run_to_end(scripted.job)

    assert scripted.world.calls == [
        *("items:1:0", "items:1:1"),
        *("items:1:1",),
        *("items:1:0", "items:1:1", "items:1:2"),
    ]
    assert len(rows()) == 5


def test_what_a_site_refuses_again_and_again_is_gone_on_with_as_soon_as_it_does_not(scripted: Scripted) -> None:
    scripted.project("1", 5)
    scripted.world.refuses, scripted.world.status = {"items:1:1"}, 401
    for _ in range(4):
        run_to_end(scripted.job)
    scripted.world.refuses = set()

    run_to_end(scripted.job)

    assert scripted.world.calls == ["items:1:0", *["items:1:1"] * 5, "items:1:2"]
    assert len(rows()) == 5


def test_what_failed_before_its_first_answer_is_planned_anew(scripted: Scripted) -> None:
    scripted.project("1", 3)
    scripted.world.refuses, scripted.world.status = {"items:1:0"}, 403
    first = run_to_end(scripted.job)
    scripted.world.refuses = set()

    run = run_to_end(scripted.job)

    assert ExtractionCheckpoint.objects.get(run=first).status == "failed"
    assert ExtractionCheckpoint.objects.get(run=run).status == "completed"


@pytest.fixture
def _one_sync_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resuming, "SYNCS_LOOKED_AT", 1)


@pytest.mark.usefixtures("_one_sync_is_looked_at")
def test_a_restricted_sync_leaves_what_was_interrupted_to_the_next_whole_one(scripted: Scripted) -> None:
    scripted.project("1", 7)
    ask(started(scripted), 2)
    lifecycle.stop(scripted.job.pk)
    run_to_end(scripted.job, {"projects": ["P1"]})
    scripted.world.calls.clear()

    run_to_end(scripted.job)

    assert scripted.world.calls == ["items:1:2", "items:1:3"]
    assert set(watermarks.read(scripted.integration.pk, ITEMS)) == {"project:1"}


def test_a_restricted_sync_goes_on_where_one_of_the_same_projects_was_interrupted(scripted: Scripted) -> None:
    scripted.project("1", 5)
    ask(started(scripted, projects=["P1"]), 1)
    lifecycle.stop(scripted.job.pk)

    run_to_end(scripted.job, {"projects": ["P1"]})

    assert scripted.world.calls == ["items:1:0", "items:1:1", "items:1:2"]
    assert watermarks.read(scripted.integration.pk, ITEMS) == {}


def test_a_full_sync_reads_all_again(scripted: Scripted) -> None:
    expected = a_site(scripted)
    ask(started(scripted), 5)
    lifecycle.stop(scripted.job.pk)
    scripted.world.calls.clear()

    run_to_end(scripted.job, {"full_sync": True})

    assert len(scripted.world.calls) == CALLS
    assert rows() == expected


def test_an_interrupted_full_sync_of_other_questions_is_not_gone_on_with(scripted: Scripted) -> None:
    scripted.project("1", 5)
    run_to_end(scripted.job)
    ask(started(scripted, full_sync=True), 1)
    lifecycle.stop(scripted.job.pk)
    scripted.world.calls.clear()

    run = run_to_end(scripted.job)

    assert scripted.world.calls == ["items:1:0", "items:1:1", "items:1:2"]
    assert ExtractionCheckpoint.objects.get(run=run).cursor["question"]["since"] is not None


def test_an_attempt_that_was_completed_is_not_gone_on_with(scripted: Scripted) -> None:
    scripted.project("1", 3)
    run_to_end(scripted.job)
    scripted.world.calls.clear()

    run_to_end(scripted.job)

    assert scripted.world.calls == ["items:1:0", "items:1:1"]
    assert not EtlJobEvent.objects.filter(message__contains="go on").exists()


def test_a_later_sync_of_another_project_does_not_hide_what_was_interrupted(scripted: Scripted) -> None:
    scripted.project("1", 5)
    scripted.project("2", 1)
    ask(started(scripted), 1)
    lifecycle.stop(scripted.job.pk)
    run_to_end(scripted.job, {"projects": ["P2"]})

    run_to_end(scripted.job)

    assert Counter(scripted.world.calls)["items:1:0"] == 1
    assert len(rows()) == 6


def test_a_page_that_a_worker_still_has_in_hand_is_taken_from_it(scripted: Scripted) -> None:
    scripted.project("1", 3)
    run = started(scripted)
    lease = units.take(ExtractionCheckpoint, waiting(run.pk, Stage.EXTRACTION))
    assert lease
    lifecycle.stop(scripted.job.pk)
    following = started(scripted)

    with pytest.raises(LeaseLost):
        list(extract(lease))

    assert not RawExtractionData.objects.exists()
    work_off(following)
    assert following.status == Overall.FINISHED
    assert len(rows()) == 3


def test_the_run_says_how_many_partitions_go_on(scripted: Scripted) -> None:
    for project in ("1", "2", "3"):
        scripted.project(project, 5)
    run = started(scripted)
    pipeline.handle(Stage.EXTRACTION, waiting(run.pk, Stage.EXTRACTION)[2:])
    lifecycle.stop(scripted.job.pk)

    run = started(scripted)

    (event,) = EtlJobEvent.objects.filter(run=run, stage="extraction", context={})
    assert event.message == "3 partitions go on where an earlier run was left"


# What was put aside


def a_page_with_one_put_aside(scripted: Scripted) -> None:
    scripted.project("1", 2)
    scripted.world.items["2"].aside = True


def test_what_was_put_aside_and_not_read_before_the_stop_comes_with_the_next_sync(scripted: Scripted) -> None:
    a_page_with_one_put_aside(scripted)
    ask(started(scripted), 1)
    lifecycle.stop(scripted.job.pk)
    scripted.world.hidden = {"1", "2"}

    run = run_to_end(scripted.job)

    assert (run.status, len(rows())) == (Overall.FINISHED, 2)
    assert scripted.world.calls.count("ids:2") == 1


def test_what_was_put_aside_and_failed_is_asked_for_once_more_and_then_left(scripted: Scripted) -> None:
    a_page_with_one_put_aside(scripted)
    scripted.world.refuses = {"ids:2"}
    states = [run_to_end(scripted.job).status]
    scripted.world.hidden = {"1", "2"}

    states += [run_to_end(scripted.job).status for _ in range(2)]

    assert states == [Overall.FAILED, Overall.FAILED, Overall.FINISHED]
    assert scripted.world.calls.count("ids:2") == 2


def test_what_a_webhook_had_put_aside_is_taken_up_too(scripted: Scripted) -> None:
    scripted.project("1", 1)
    run_to_end(scripted.job)
    run = lifecycle.request_items(scripted.integration, ["1"], trigger="test")
    other = {"items": ["1"]}
    ExtractionCheckpoint.objects.filter(run=run).update(cursor=other, scope="item:1", status="failed")
    work_off(run)
    EtlJobRun.objects.filter(pk=run.pk).update(status=Overall.FAILED)

    run_to_end(scripted.job)

    assert scripted.world.calls.count("ids:1") == 1


@pytest.mark.usefixtures("_one_sync_is_looked_at")
def test_a_restricted_sync_leaves_what_was_put_aside_to_the_next_whole_one(scripted: Scripted) -> None:
    a_page_with_one_put_aside(scripted)
    ask(started(scripted), 1)
    lifecycle.stop(scripted.job.pk)
    scripted.world.hidden = {"1", "2"}

    run_to_end(scripted.job, {"projects": ["P1"]})
    assert "ids:2" not in scripted.world.calls

    run_to_end(scripted.job)
    assert len(rows()) == 2
