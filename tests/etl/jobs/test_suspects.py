"""Units that workers died on again are taken alone, so that it shows which of them it is."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import pytest
from django.db import connection
from django.db.models import Q

from etl import pipeline
from etl.jobs import units
from etl.jobs.sweep import sweep
from etl.jobs.units import SUSPECT_TAKES, Lease
from etl.jobs.wakeups import UNIT_MODELS, integrations_waiting, wake, wake_suspect
from etl.models import DeadLetter, EtlJobRun, ExtractionCheckpoint
from etl.queue.broker import Delivery, Outcome, PublishFailed
from etl.queue.memory import MemoryBroker
from etl.queue.topology import Stage, Tier
from etl.sql import execute
from etl.workers.base import Worker
from etl.workers.stages import TransformWorker
from integrations.errors import Permanent
from tests.services.waiting import wait_until
from tests.support.brokers import RecordingBroker
from tests.support.deaths import Killed
from tests.support.driving import forget_delays
from tests.support.making import a_run, all_planned, an_integration, change, checkpoint, raw_row, vector
from tests.support.threads import at_once
from tests.support.turns import WORKERS

pytestmark = pytest.mark.django_db
MAKERS = {Stage.EXTRACTION: checkpoint, Stage.TRANSFORM: raw_row, Stage.EMBEDDING: vector}


def in_turn(stage: Stage) -> list[object]:
    """The units that `wake_suspect` wakes one after the other, each ended well."""
    woken = []
    while wake_suspect():
        unit = UNIT_MODELS[stage].objects.get(published_at__isnull=False, status="pending")  # type: ignore[attr-defined]
        lease = units.take(UNIT_MODELS[stage], [unit.pk])
        assert lease is not None
        assert lease.suspect
        assert wake_suspect() == 0
        with units.ending(lease, ", published_at = NULL"):
            pass
        woken.append(unit.pk)
    return woken


@pytest.mark.parametrize("stage", Stage)
def test_units_that_workers_died_on_twice_are_woken_one_after_the_other_of_whatever_integration(
    recording: RecordingBroker, stage: Stage
) -> None:
    runs = [a_run(an_integration(name)) for name in ("One", "Two")]
    suspects = [MAKERS[stage](run, takes=2).pk for run in (*runs, *runs)]
    once = MAKERS[stage](runs[0], takes=1)

    assert [wake(stage, run.integration_id) for run in runs] == [1, 0]
    assert integrations_waiting(stage) == []
    change(once, f"{units.columns(UNIT_MODELS[stage]).state} = 'completed'")

    assert in_turn(stage) == suspects


def test_while_a_suspect_is_under_way_none_of_another_stage_is_since_one_process_may_have_both_in_hand(
    recording: RecordingBroker,
) -> None:
    run = a_run()
    first, second = checkpoint(run, takes=2), raw_row(run, takes=2)
    assert wake_suspect() == 1
    assert wake_suspect() == 0
    lease = units.take(ExtractionCheckpoint, [first.pk])
    assert lease is not None
    assert wake_suspect() == 0

    units.fail(lease, "refused")

    assert wake_suspect() == 1
    assert recording.bodies()[-1]["raw_data_id"] == second.pk


def test_a_suspect_that_nobody_takes_does_not_keep_the_others_waiting_for_ever(recording: RecordingBroker) -> None:
    run = a_run()
    first, second = checkpoint(run, takes=2), checkpoint(run, takes=3)
    assert wake_suspect() == 1
    assert wake_suspect() == 0
    change(first, "published_at = now() - interval '299 seconds'")
    assert wake_suspect() == 0
    change(first, "published_at = now() - interval '301 seconds'")

    assert wake_suspect() == 1

    assert [body["unit_id"] for body in recording.bodies()] == [first.pk, second.pk]


def test_a_unit_in_hand_for_the_second_time_is_no_suspect(recording: RecordingBroker) -> None:
    run = a_run()
    in_hand = checkpoint(run, takes=1)
    lease = units.take(ExtractionCheckpoint, [in_hand.pk])
    assert lease is not None
    assert not lease.suspect
    checkpoint(run, takes=2)

    assert wake_suspect() == 1


def test_a_suspect_waits_for_its_time_and_for_its_run_as_any_unit(recording: RecordingBroker) -> None:
    run = a_run()
    unit = checkpoint(run, takes=2)
    change(unit, "not_before = now() + interval '1 minute'")
    assert wake_suspect() == 0
    change(unit, "not_before = NULL")
    EtlJobRun.objects.filter(pk=run.pk).update(status="PAUSED")
    assert wake_suspect() == 0

    EtlJobRun.objects.filter(pk=run.pk).update(status="RUNNING")
    recording.refuses = True
    with pytest.raises(PublishFailed):
        wake_suspect()
    recording.refuses = False

    assert wake_suspect() == 1


def test_where_nobody_is_served_here_no_suspect_is_woken(recording: RecordingBroker) -> None:
    checkpoint(a_run(), takes=2)
    recording.delivers = False

    assert wake_suspect() == 0


# What ends one wakes the next


def under_way() -> int:
    """How many suspects are woken or in hand, of all stages."""
    woken = Q(status="pending", takes__gte=SUSPECT_TAKES, published_at__isnull=False)
    in_hand = Q(status="processing", takes__gt=SUSPECT_TAKES)
    return sum(model.objects.filter(woken | in_hand).count() for model in UNIT_MODELS.values())  # type: ignore[attr-defined]


def states() -> Counter[str]:
    """How many units there are in each state, of all stages."""
    return Counter(
        state
        for model in UNIT_MODELS.values()
        for state in model.objects.values_list("status", flat=True)  # type: ignore[attr-defined]
    )


@dataclass
class Workshop:
    """Stages in which a unit has nothing to do: it ends well, fails, or kills its worker. ``seen`` are how many
    suspects were under way while one was in hand.
    """

    failing: set[int] = field(default_factory=set)
    deadly: set[int] = field(default_factory=set)
    seen: list[int] = field(default_factory=list)

    def work(self, lease: Lease) -> None:
        assert lease.suspect
        self.seen.append(under_way())
        if lease.id in self.deadly:
            raise Killed
        if lease.id in self.failing:
            raise Permanent("refused")
        with units.ending(lease):
            pass


_LEASES_RUN_OUT = "UPDATE raw_extraction_data SET lease_until = now() - interval '1 s' WHERE lease_token IS NOT NULL"


@pytest.fixture
def workshop(monkeypatch: pytest.MonkeyPatch) -> Workshop:
    made = Workshop()
    for stage, spec in pipeline.STAGES.items():
        monkeypatch.setitem(pipeline.STAGES, stage, pipeline.StageSpec(made.work, spec.feeds))
    return made


@pytest.fixture
def workers(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Three of each stage, of all tiers, each a thread."""
    broker = MemoryBroker()
    monkeypatch.setattr("etl.queue._broker", broker)
    for kind in WORKERS.values():
        broker.consume(kind().queues(tuple(Tier)), partial(_handled, kind()), threads=3, prefetch=1)
    yield
    broker.close()


def _handled(worker: Worker, delivery: Delivery) -> Outcome:
    try:
        return worker(delivery)
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("workers")
def test_many_suspects_are_dealt_with_after_one_sweep_one_at_a_time_however_many_workers_there_are(
    workshop: Workshop,
) -> None:
    tenants = (("Acme", "free"), ("Rival", "premium"))
    runs = [all_planned(a_run(an_integration(tenant=tenant, tier=tier))) for tenant, tier in tenants]
    suspects = [make(run, takes=2).pk for run in runs for make in (checkpoint, raw_row) for _ in range(10)]
    workshop.failing = set(suspects[::4])

    assert sweep().woken == 1
    assert wait_until(lambda: set(states()) == {"completed", "failed"}, 60)

    assert workshop.seen == [1] * 40


@pytest.mark.django_db(transaction=True)
def test_of_several_that_would_wake_a_suspect_at_once_one_does(recording: RecordingBroker) -> None:
    for tenant in ("Acme", "Rival"):
        run = a_run(an_integration(tenant=tenant))
        for make in MAKERS.values():
            make(run, takes=2)

    assert sorted(at_once(*[wake_suspect] * 4)) == [0, 0, 0, 1]
    assert (len(recording.published), under_way()) == (1, 1)


def test_of_many_suspects_the_deadly_one_alone_is_given_up(recording: RecordingBroker, workshop: Workshop) -> None:
    runs = [all_planned(a_run(an_integration(tenant=tenant))) for tenant in ("Acme", "Rival")]
    suspects = [raw_row(run, takes=2).pk for run in runs for _ in range(10)]
    workshop.deadly = {suspects[4]}
    deaths = 0

    for _ in range(4):
        sweep()
        try:
            while recording.published:
                TransformWorker()(Delivery("transform_queue_free", recording.published.pop(0).body))
        except Killed:
            deaths += 1
            execute(_LEASES_RUN_OUT, [])
            sweep()
            forget_delays(runs[0].pk)

    assert (deaths, states()) == (3, {"completed": 19, "failed": 1})
    assert set(workshop.seen) == {1}
    assert DeadLetter.objects.get().unit_id == suspects[4]
