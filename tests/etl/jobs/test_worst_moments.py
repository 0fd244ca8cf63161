"""Workers that stall, die or meet at the worst moment: what is stored and how a run ends is the same as without."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest

from etl import pipeline
from etl.jobs import advance, lifecycle, units
from etl.jobs.sweep import sweep
from etl.jobs.units import Lease
from etl.jobs.wakeups import UNIT_MODELS
from etl.models import (
    DeadLetter,
    EtlJobEvent,
    EtlJobRun,
    ExtractionCheckpoint,
    Overall,
    QdrantVector,
    RawExtractionData,
    WorkItem,
)
from etl.queue.broker import Done, Outgoing
from etl.queue.topology import Stage
from etl.sql import execute
from tests.support.brokers import RecordingBroker
from tests.support.deaths import Killed
from tests.support.driving import forget_delays, waiting, work_off, worked_off
from tests.support.making import a_run, all_planned, raw_row
from tests.support.scripted import ITEMS, LINKS, Scripted
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db
PAGES = ["items:1:0", "items:1:1", "rest:2"]
KEYS = {"P1-1", "P1-2", "P1-3"}
Act = Callable[[Stage, Lease], None]


@pytest.fixture
def run(scripted: Scripted) -> EtlJobRun:
    """A sync of three items on two pages, the first of which is completed by another call."""
    scripted.project("1", 3)
    scripted.world.items["2"].cut = True
    return lifecycle.start(scripted.job.pk, trigger="test")


def once_before_the_work(monkeypatch: pytest.MonkeyPatch, stage: Stage, act: Act) -> list[Lease]:
    """Has that happen when a worker has taken its first unit of a stage; whose lease that was."""
    spec = pipeline.STAGES[stage]
    met: list[Lease] = []

    def work(lease: Lease) -> Any:
        if not met:
            met.append(lease)
            act(stage, lease)
        return spec.work(lease)

    monkeypatch.setitem(pipeline.STAGES, stage, pipeline.StageSpec(work, spec.feeds))
    return met


def once_before_the_commit(monkeypatch: pytest.MonkeyPatch, stage: Stage, act: Act) -> list[Lease]:
    """The same when all is done but to store it."""
    met: list[Lease] = []

    def before(name: str) -> None:
        ends = getattr(units, name)

        @contextmanager
        def end(lease: Lease, *arguments: Any, **named: Any) -> Iterator[None]:
            if lease.model is UNIT_MODELS[stage] and not met:
                met.append(lease)
                act(stage, lease)
            with ends(lease, *arguments, **named):
                yield

        monkeypatch.setattr(units, name, end)

    before("ending")
    before("continuing")
    return met


MOMENTS = (once_before_the_work, once_before_the_commit)


def lose(lease: Lease) -> None:
    """The worker was not heard of for so long that its lease has run out."""
    execute(f"UPDATE {lease.model._meta.db_table} SET lease_until = now() - interval '1 s' WHERE id = ANY(%s)", [
        list(lease.ids)
    ])  # fmt: skip


def all_is_there(run: EtlJobRun) -> None:
    """Every item, answer and vector, once; and nothing is open, failed or left in anybody's hands."""
    assert (run.status, run.error_message) == (Overall.FINISHED, "")
    assert set(WorkItem.objects.values_list("key", flat=True)) == KEYS
    assert WorkItem.objects.get(key="P1-2").status.external_id == "5"
    assert sorted(RawExtractionData.objects.values_list("external_id", flat=True)) == PAGES
    assert EtlJobEvent.objects.filter(run=run, message__startswith="run ended").count() == 1
    for model in UNIT_MODELS.values():
        left = model.objects.exclude(status="completed") | model.objects.exclude(lease_token=None)  # type: ignore[attr-defined]
        assert not left.exists()
    assert QdrantVector.objects.filter(table_name="work_items").count() == len(KEYS)


# A worker stalls past its lease and comes back


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("stage", Stage)
def test_a_worker_that_comes_back_after_another_has_done_its_work_changes_nothing(
    run: EtlJobRun,
    recording: RecordingBroker,
    monkeypatch: pytest.MonkeyPatch,
    page_by_page: None,
    stage: Stage,
    moment: Callable[..., list[Lease]],
) -> None:
    def be_overtaken(stage: Stage, lease: Lease) -> None:
        lose(lease)
        assert sweep().taken_back == len(lease.ids)
        for unit in lease.ids:
            assert pipeline.handle(stage, [unit]) == Done()

    met = moment(monkeypatch, stage, be_overtaken)

    worked_off(run)

    assert met
    all_is_there(run)


@pytest.mark.parametrize("stage", Stage)
def test_a_worker_that_comes_back_while_another_is_at_its_work_leaves_it_to_that_one(
    run: EtlJobRun, recording: RecordingBroker, monkeypatch: pytest.MonkeyPatch, page_by_page: None, stage: Stage
) -> None:
    others: list[Lease] = []

    def be_taken_for_dead(stage: Stage, lease: Lease) -> None:
        lose(lease)
        sweep()
        other = units.take(lease.model, lease.ids)
        assert other is not None
        others.append(other)

    once_before_the_commit(monkeypatch, stage, be_taken_for_dead)
    work_off(run)
    (other,) = others
    unit = other.model.objects.get(pk=other.ids[0])  # type: ignore[attr-defined]
    assert (unit.status, unit.lease_token, run.status) == ("processing", other.token, Overall.RUNNING)

    lose(other)
    sweep()
    worked_off(run)

    all_is_there(run)


# A unit kills each worker that takes it


def deliver(recording: RecordingBroker, poison: int, hands: int) -> None:
    """A process takes as many messages as it has hands. It dies with all of them where it has the poison in hand."""
    messages = _pop(recording, hands)
    ids = [orjson.loads(message.body)["raw_data_id"] for message in messages]
    leases = [lease for unit in ids if (lease := units.take(RawExtractionData, [unit]))]
    if any(lease.id == poison for lease in leases):
        for lease in leases:
            lose(lease)
        # The queue delivers again what was not acknowledged.
        recording.published[:0] = messages
        return
    for lease in leases:
        with units.ending(lease):
            pass


def _pop(recording: RecordingBroker, count: int) -> list[Outgoing]:
    messages = [one for one in recording.published if one.queue.startswith("transform")][:count]
    for message in messages:
        recording.published.remove(message)
    return messages


@pytest.mark.parametrize("place", [0, 2])
def test_a_unit_that_kills_every_worker_fails_alone_whatever_else_they_had_in_hand(
    recording: RecordingBroker, place: int
) -> None:
    run = all_planned(a_run())
    answers = [raw_row(run).pk for _ in range(6)]
    poison = answers[place]

    for _ in range(30):
        sweep()
        forget_delays(run.pk)
        sweep()
        deliver(recording, poison, hands=3)

    run.refresh_from_db()
    states = dict(RawExtractionData.objects.values_list("pk", "status"))
    assert states == {**dict.fromkeys(answers, "completed"), poison: "failed"}
    assert (run.status, run.error_message) == (Overall.FAILED, "the worker died on it")
    letter = DeadLetter.objects.get()
    assert (letter.stage, letter.unit_id) == ("transform", poison)


# A run is stopped while a page is in hand


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("stage", Stage)
def test_a_run_that_is_stopped_with_work_in_hand_takes_no_more_and_the_next_sync_loses_nothing(
    scripted: Scripted,
    run: EtlJobRun,
    recording: RecordingBroker,
    monkeypatch: pytest.MonkeyPatch,
    page_by_page: None,
    stage: Stage,
    moment: Callable[..., list[Lease]],
) -> None:
    met = moment(monkeypatch, stage, lambda *_: lifecycle.stop(scripted.job.pk))
    while run.status == Overall.RUNNING:
        stage_of, unit_id = next((one, unit) for one in Stage for unit in waiting(run.pk, one))
        pipeline.handle(stage_of, [unit_id])
        run.refresh_from_db()
    sweep()

    unit = met[0].model.objects.get(pk=met[0].ids[0])  # type: ignore[attr-defined]
    # Of a partition with more pages the rest is cancelled.
    assert unit.status == ("cancelled" if stage is Stage.EXTRACTION else "completed")
    assert run.status == Overall.STOPPED
    assert not any(waiting(run.pk, one) for one in Stage)
    again = worked_off(lifecycle.start(scripted.job.pk, trigger="test"))

    assert again.status == Overall.FINISHED
    assert set(WorkItem.objects.values_list("key", flat=True)) == KEYS
    if stage is Stage.EXTRACTION:  # else all had been read: the next sync asks what has changed since
        assert sorted(scripted.world.calls) == PAGES
        assert sorted(RawExtractionData.objects.values_list("external_id", flat=True)) == PAGES
    assert not QdrantVector.objects.exclude(status="completed").exists()


# Workers meet in advance()


@pytest.mark.django_db(transaction=True)
def test_a_sync_whose_units_are_worked_on_four_at_once_is_planned_and_ended_once(
    scripted: Scripted, recording: RecordingBroker
) -> None:
    for number in range(1, 5):
        scripted.project(str(number), 2)
    run = lifecycle.start(scripted.job.pk, trigger="test")

    while run.status == Overall.RUNNING:
        todo = [(stage, unit) for stage in Stage for unit in waiting(run.pk, stage)][:4]
        at_once(*[lambda one=one: pipeline.handle(one[0], [one[1]]) for one in todo])
        run.refresh_from_db()

    assert (run.status, WorkItem.objects.count()) == (Overall.FINISHED, 8)
    assert ExtractionCheckpoint.objects.filter(run=run).count() == 4
    assert EtlJobEvent.objects.filter(run=run, message__startswith="run ended").count() == 1


# A step ends before the next is planned


def test_a_worker_that_dies_between_a_steps_last_commit_and_the_next_plan_ends_no_run(
    run: EtlJobRun, recording: RecordingBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> bool:
        raise Killed

    deaths = 0
    with monkeypatch.context() as patched:
        patched.setattr(pipeline, "advance", die)
        while todo := [
            (stage, unit) for stage in (Stage.EXTRACTION, Stage.TRANSFORM) for unit in waiting(run.pk, stage)
        ]:
            (stage, unit), *_ = todo
            with pytest.raises(Killed):
                pipeline.handle(stage, [unit])
            deaths += 1
    run.refresh_from_db()
    steps = dict(run.steps.values_list("step", "planned_at"))
    assert deaths >= 3
    assert run.status == Overall.RUNNING
    assert steps[LINKS] is None

    assert sweep().advanced == 1
    assert dict(run.steps.values_list("step", "transform"))[ITEMS] == "finished"
    worked_off(run)

    all_is_there(run)


def test_whoever_brings_a_run_up_to_date_too_late_finds_it_ended(run: EtlJobRun, recording: RecordingBroker) -> None:
    worked_off(run)
    finished_at = run.finished_at

    assert not advance.advance(run.pk, ITEMS)
    assert not advance.advance(run.pk)
    assert sweep().advanced == 0

    run.refresh_from_db()
    assert run.finished_at == finished_at
    all_is_there(run)
