"""Units that workers died on again are taken alone, so that it shows which of them it is."""

import pytest

from etl.jobs import units
from etl.jobs.wakeups import UNIT_MODELS, integrations_waiting, wake, wake_suspect
from etl.models import EtlJobRun, ExtractionCheckpoint
from etl.queue.broker import PublishFailed
from etl.queue.topology import Stage
from tests.support.brokers import RecordingBroker
from tests.support.making import a_run, an_integration, change, checkpoint, raw_row, vector

pytestmark = pytest.mark.django_db
MAKERS = {Stage.EXTRACTION: checkpoint, Stage.TRANSFORM: raw_row, Stage.EMBEDDING: vector}


def in_turn(stage: Stage) -> list[object]:
    """The units that `wake_suspect` wakes one after the other, each ended well."""
    woken = []
    while wake_suspect(stage):
        unit = UNIT_MODELS[stage].objects.get(published_at__isnull=False, status="pending")  # type: ignore[attr-defined]
        lease = units.take(UNIT_MODELS[stage], [unit.pk])
        assert lease is not None
        assert lease.suspect
        assert wake_suspect(stage) == 0
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
    assert wake_suspect(Stage.EXTRACTION) == 1
    assert wake_suspect(Stage.TRANSFORM) == 0
    lease = units.take(ExtractionCheckpoint, [first.pk])
    assert lease is not None
    assert wake_suspect(Stage.TRANSFORM) == 0

    units.fail(lease, "refused")

    assert wake_suspect(Stage.TRANSFORM) == 1
    assert recording.bodies()[-1]["raw_data_id"] == second.pk


def test_a_suspect_that_nobody_takes_does_not_keep_the_others_waiting_for_ever(recording: RecordingBroker) -> None:
    run = a_run()
    first, second = checkpoint(run, takes=2), checkpoint(run, takes=3)
    assert wake_suspect(Stage.EXTRACTION) == 1
    assert wake_suspect(Stage.EXTRACTION) == 0
    change(first, "published_at = now() - interval '299 seconds'")
    assert wake_suspect(Stage.EXTRACTION) == 0
    change(first, "published_at = now() - interval '301 seconds'")

    assert wake_suspect(Stage.EXTRACTION) == 1

    assert [body["unit_id"] for body in recording.bodies()] == [first.pk, second.pk]


def test_a_unit_in_hand_for_the_second_time_is_no_suspect(recording: RecordingBroker) -> None:
    run = a_run()
    in_hand = checkpoint(run, takes=1)
    lease = units.take(ExtractionCheckpoint, [in_hand.pk])
    assert lease is not None
    assert not lease.suspect
    checkpoint(run, takes=2)

    assert wake_suspect(Stage.EXTRACTION) == 1


def test_a_suspect_waits_for_its_time_and_for_its_run_as_any_unit(recording: RecordingBroker) -> None:
    run = a_run()
    unit = checkpoint(run, takes=2)
    change(unit, "not_before = now() + interval '1 minute'")
    assert wake_suspect(Stage.EXTRACTION) == 0
    change(unit, "not_before = NULL")
    EtlJobRun.objects.filter(pk=run.pk).update(status="PAUSED")
    assert wake_suspect(Stage.EXTRACTION) == 0

    EtlJobRun.objects.filter(pk=run.pk).update(status="RUNNING")
    recording.refuses = True
    with pytest.raises(PublishFailed):
        wake_suspect(Stage.EXTRACTION)
    recording.refuses = False

    assert wake_suspect(Stage.EXTRACTION) == 1


def test_where_nobody_is_served_here_no_suspect_is_woken(recording: RecordingBroker) -> None:
    checkpoint(a_run(), takes=2)
    recording.delivers = False

    assert wake_suspect(Stage.EXTRACTION) == 0
