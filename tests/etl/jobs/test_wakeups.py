"""Wake-ups: at most a window of them is on its way, and each says what the contract says."""

from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from etl.jobs import units
from etl.jobs.wakeups import integrations_waiting, wake
from etl.models import EtlJobRun, EtlJobRunStep, ExtractionCheckpoint, RawExtractionData
from etl.queue.broker import PublishFailed
from etl.queue.messages import message_type_for
from etl.queue.topology import Stage
from integrations.models import Integration, IntegrationLimit
from tests.support.brokers import RecordingBroker
from tests.support.making import (
    ISSUES,
    PROJECTS,
    a_run,
    all_planned,
    an_integration,
    change,
    checkpoint,
    raw_row,
    vector,
)
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db
SOURCE_KEYS = {
    *("tenant_id", "integration_id", "job_id", "type", "provider", "last_sync_date"),
    *("first_item", "last_item", "last_job_item", "run_id", "unit_id", "version"),
}
KEYS = {
    Stage.EXTRACTION: SOURCE_KEYS | {"issue_id", "issue_key"},
    Stage.TRANSFORM: SOURCE_KEYS | {"raw_data_id"},
    Stage.EMBEDDING: {
        *("tenant_id", "table_name", "external_id", "operation", "job_id", "first_item", "last_item"),
        *("last_job_item", "run_id", "unit_id", "version", "external_ids", "unit_ids"),
    },
}
MAKERS = {Stage.EXTRACTION: checkpoint, Stage.TRANSFORM: raw_row, Stage.EMBEDDING: vector}


def hints(body: dict[str, object]) -> tuple[object, object, object]:
    return body["first_item"], body["last_item"], body["last_job_item"]


@pytest.mark.parametrize("stage", Stage)
def test_a_message_has_the_keys_of_the_contract(recording: RecordingBroker, stage: Stage) -> None:
    run = a_run(an_integration(tier="premium"))
    unit = MAKERS[stage](run)

    assert wake(stage, run.integration_id) == 1

    (message,), (body,) = recording.published, recording.bodies()
    assert message.queue == f"{stage}_queue_premium"
    assert set(body) == KEYS[stage]
    assert (body["tenant_id"], body["job_id"], body["run_id"], body["unit_id"]) == (
        run.tenant_id,
        run.job_id,
        run.pk,
        unit.pk,
    )
    message_type_for(message.queue).decode(message.body)


def test_messages_name_the_step_and_the_row(recording: RecordingBroker) -> None:
    run = a_run()
    checkpoint(run, PROJECTS)
    raw, work_item = raw_row(run), vector(run, external_id="10001")

    for stage in Stage:
        wake(stage, run.integration_id)

    fetch, transform, embed = recording.bodies()
    assert (fetch["type"], fetch["provider"], fetch["integration_id"]) == (PROJECTS, "jira", run.integration_id)
    assert (transform["type"], transform["raw_data_id"]) == (ISSUES, raw.pk)
    assert (embed["table_name"], embed["external_id"], embed["operation"]) == ("work_items", "10001", "insert")
    assert embed["unit_ids"] == [work_item.pk]


@pytest.mark.parametrize("stage", Stage)
def test_no_more_than_a_window_is_woken(recording: RecordingBroker, settings: Settings, stage: Stage) -> None:
    setattr(settings, f"WINDOW_{stage.upper()}", 3)
    settings.EMBEDDING_BATCH = 1
    run = a_run()
    made = [MAKERS[stage](run).pk for _ in range(5)]

    assert wake(stage, run.integration_id) == 3
    assert wake(stage, run.integration_id) == 0

    assert [body["unit_id"] for body in recording.bodies()] == made[:3]


def test_the_end_of_a_unit_makes_room_for_another(recording: RecordingBroker, settings: Settings) -> None:
    settings.WINDOW_EXTRACTION = 1
    run = a_run()
    first, second = checkpoint(run), checkpoint(run)
    wake(Stage.EXTRACTION, run.integration_id)
    lease = units.take(ExtractionCheckpoint, [first.pk])
    assert lease is not None
    assert wake(Stage.EXTRACTION, run.integration_id) == 0

    with units.ending(lease):
        pass

    assert wake(Stage.EXTRACTION, run.integration_id) == 1
    assert recording.bodies()[-1]["unit_id"] == second.pk


@pytest.mark.django_db(transaction=True)
def test_the_window_is_exact_where_several_wake_at_once(recording: RecordingBroker, settings: Settings) -> None:
    settings.WINDOW_TRANSFORM = 5
    run = a_run()
    for _ in range(20):
        raw_row(run)

    woken = at_once(*[lambda: wake(Stage.TRANSFORM, run.integration_id)] * 4)

    assert sum(woken) == 5
    assert Counter(body["unit_id"] for body in recording.bodies()).most_common(1)[0][1] == 1
    assert RawExtractionData.objects.filter(published_at__isnull=False).count() == 5


def test_one_integration_does_not_use_up_the_window_of_another(recording: RecordingBroker, settings: Settings) -> None:
    settings.WINDOW_EXTRACTION = 1
    runs = [a_run(an_integration(name)) for name in ("One", "Two")]
    for run in runs:
        checkpoint(run)

    assert [wake(Stage.EXTRACTION, run.integration_id) for run in runs] == [1, 1]


def woken_of(integration: Integration, units_waiting: int = 12) -> int:
    run = a_run(integration)
    for _ in range(units_waiting):
        checkpoint(run)
    return wake(Stage.EXTRACTION, integration.pk)


@pytest.mark.parametrize(
    ("parallel", "woken"), [(None, 4), ("", 4), ("2", 2), ("6", 6), ("50", 8), ("many", 4), ("0", 1), ("nan", 4)]
)
def test_partitions_are_read_side_by_side_as_the_integration_allows(
    recording: RecordingBroker, settings: Settings, parallel: str | None, woken: int
) -> None:
    settings.WINDOW_EXTRACTION = 8
    one, other = an_integration("One"), an_integration("Other")
    one.settings["parallel"] = parallel
    one.save()

    assert [woken_of(one), woken_of(other)] == [woken, 4]
    assert wake(Stage.EXTRACTION, one.pk) == 0


def test_under_a_ceiling_one_is_woken_for_each_call(recording: RecordingBroker) -> None:
    integration = an_integration()
    integration.settings["rate_limit"] = "5"
    integration.save()

    assert woken_of(integration) == 1
    assert [wake(Stage.EXTRACTION, integration.pk) for _ in range(4)] == [1, 1, 1, 0]


def test_before_the_next_call_within_the_ceiling_nothing_is_woken(recording: RecordingBroker) -> None:
    integration = an_integration()
    limit = IntegrationLimit.objects.create(
        integration=integration, tenant=integration.tenant, next_call_at=timezone.now() + timedelta(seconds=30)
    )
    assert woken_of(integration) == 0
    assert integrations_waiting(Stage.EXTRACTION) == []

    limit.next_call_at = timezone.now() - timedelta(seconds=1)
    limit.save()

    assert wake(Stage.EXTRACTION, integration.pk) == 4


def test_vectors_travel_in_batches_of_one_table(recording: RecordingBroker, settings: Settings) -> None:
    settings.EMBEDDING_BATCH = 2
    run = a_run()
    items = [vector(run).pk for _ in range(3)]
    project = vector(run, table_name="projects").pk

    assert wake(Stage.EMBEDDING, run.integration_id) == 4

    assert [(body["table_name"], body["unit_ids"]) for body in recording.bodies()] == [
        ("work_items", items[:2]),
        ("work_items", items[2:]),
        ("projects", [project]),
    ]
    assert all(body["unit_id"] == body["unit_ids"][0] for body in recording.bodies())  # type: ignore[index]


def test_a_vector_whose_batch_failed_travels_alone(recording: RecordingBroker) -> None:
    run = a_run()
    first, alone, last = vector(run).pk, vector(run, alone=True).pk, vector(run).pk

    wake(Stage.EMBEDDING, run.integration_id)

    assert [body["unit_ids"] for body in recording.bodies()] == [[first], [alone], [last]]


def test_the_extraction_of_a_blocked_integration_is_not_woken(recording: RecordingBroker) -> None:
    run = a_run()
    checkpoint(run)
    raw_row(run)
    limit = IntegrationLimit.objects.create(
        integration_id=run.integration_id,
        tenant_id=run.tenant_id,
        blocked_until=timezone.now() + timedelta(minutes=1),
    )

    assert wake(Stage.EXTRACTION, run.integration_id) == 0
    assert integrations_waiting(Stage.EXTRACTION) == []
    assert wake(Stage.TRANSFORM, run.integration_id) == 1

    limit.blocked_until = timezone.now() - timedelta(seconds=1)
    limit.save()
    assert wake(Stage.EXTRACTION, run.integration_id) == 1


def test_a_unit_is_not_woken_before_its_time(recording: RecordingBroker) -> None:
    unit = checkpoint(a_run())
    change(unit, "not_before = now() + interval '1 minute'")
    assert wake(Stage.EXTRACTION, unit.integration_id) == 0
    assert integrations_waiting(Stage.EXTRACTION) == []

    change(unit, "not_before = now() - interval '1 second'")

    assert integrations_waiting(Stage.EXTRACTION) == [unit.integration_id]
    assert wake(Stage.EXTRACTION, unit.integration_id) == 1


@pytest.mark.parametrize("status", ["PAUSED", "STOPPED", "FINISHED"])
def test_a_run_that_does_not_run_is_not_woken(recording: RecordingBroker, status: str) -> None:
    run = a_run()
    checkpoint(run)
    EtlJobRun.objects.filter(pk=run.pk).update(status=status)

    assert wake(Stage.EXTRACTION, run.integration_id) == 0
    assert integrations_waiting(Stage.EXTRACTION) == []


def test_an_answer_that_others_complete_is_woken_once_they_are_there_and_they_never(recording: RecordingBroker) -> None:
    run = a_run()
    page = raw_row(run, is_complete=False)
    raw_row(run, parent=page)
    assert wake(Stage.TRANSFORM, run.integration_id) == 0

    change(page, "is_complete = true")

    assert wake(Stage.TRANSFORM, run.integration_id) == 1
    assert recording.bodies()[0]["raw_data_id"] == page.pk


@pytest.mark.parametrize("stage", Stage)
def test_units_whose_wakeup_is_refused_are_free_again(recording: RecordingBroker, stage: Stage) -> None:
    run = a_run()
    unit = MAKERS[stage](run)
    recording.refuses = True
    with pytest.raises(PublishFailed):
        wake(stage, run.integration_id)
    unit.refresh_from_db()
    assert unit.published_at is None

    recording.refuses = False

    assert wake(stage, run.integration_id) == 1


def test_a_process_whose_messages_nobody_gets_wakes_nothing(recording: RecordingBroker) -> None:
    recording.delivers = False
    unit = checkpoint(a_run())

    assert wake(Stage.EXTRACTION, unit.integration_id) == 0

    unit.refresh_from_db()
    assert unit.published_at is None


@pytest.mark.parametrize("stage", Stage)
def test_the_only_unit_of_a_planned_run_is_the_first_and_the_last(recording: RecordingBroker, stage: Stage) -> None:
    run = all_planned(a_run())
    MAKERS[stage](run)

    wake(stage, run.integration_id)

    assert hints(recording.bodies()[0]) == (True, True, True)


@pytest.mark.parametrize("stage", Stage)
def test_of_several_messages_one_is_the_first_and_none_the_last(
    recording: RecordingBroker, settings: Settings, stage: Stage
) -> None:
    settings.EMBEDDING_BATCH = 1
    run = all_planned(a_run())
    for _ in range(3):
        MAKERS[stage](run)

    wake(stage, run.integration_id)

    assert [hints(body) for body in recording.bodies()] == [(True, False, False), *[(False, False, False)] * 2]


def test_the_next_page_of_a_partition_is_not_the_first(recording: RecordingBroker) -> None:
    run = all_planned(a_run())
    unit = checkpoint(run)
    wake(Stage.EXTRACTION, run.integration_id)
    lease = units.take(ExtractionCheckpoint, [unit.pk])
    assert lease is not None
    with units.continuing(lease, {}, ", pages = %s", [1], kept=False):
        pass

    wake(Stage.EXTRACTION, run.integration_id)

    assert [hints(body) for body in recording.bodies()] == [(True, True, True), (False, True, True)]


@pytest.mark.parametrize("stage", [Stage.TRANSFORM, Stage.EMBEDDING])
def test_a_message_of_a_stage_that_was_begun_is_not_the_first(recording: RecordingBroker, stage: Stage) -> None:
    run = all_planned(a_run())
    MAKERS[stage](run)
    EtlJobRunStep.objects.filter(run=run).update(**{stage.value: "running"})

    wake(stage, run.integration_id)

    assert hints(recording.bodies()[0]) == (False, True, True)


@pytest.mark.parametrize("earlier", ["pending", "processing"])
def test_nothing_is_last_while_an_earlier_stage_may_bring_more(recording: RecordingBroker, earlier: str) -> None:
    run = all_planned(a_run())
    checkpoint(run, status=earlier)
    vector(run)

    wake(Stage.EMBEDDING, run.integration_id)

    assert hints(recording.bodies()[0]) == (True, False, False)


def test_the_last_of_a_step_is_not_the_last_of_the_run_while_another_step_is_open(recording: RecordingBroker) -> None:
    run = all_planned(a_run())
    raw_row(run, PROJECTS, status="processing")
    raw_row(run, ISSUES)

    wake(Stage.TRANSFORM, run.integration_id)

    assert hints(recording.bodies()[0]) == (True, True, False)


def test_the_last_of_a_step_is_not_the_last_of_the_run_while_another_is_not_planned(recording: RecordingBroker) -> None:
    run = all_planned(a_run())
    EtlJobRunStep.objects.filter(run=run, step=ISSUES).update(planned_at=None)
    checkpoint(run, PROJECTS)

    wake(Stage.EXTRACTION, run.integration_id)

    assert hints(recording.bodies()[0]) == (True, True, False)


def test_a_cut_page_is_the_last_although_what_completes_it_waits_with_it(recording: RecordingBroker) -> None:
    run = all_planned(a_run())
    page = raw_row(run)
    raw_row(run, parent=page)

    wake(Stage.TRANSFORM, run.integration_id)

    assert hints(recording.bodies()[0]) == (True, True, True)


def test_the_units_of_two_runs_are_not_mixed_in_a_message(recording: RecordingBroker) -> None:
    first = a_run()
    vector(first)
    other = EtlJobRun.objects.create(
        tenant_id=first.tenant_id, job=first.job, integration_id=first.integration_id, kind="import"
    )
    EtlJobRunStep.objects.create(tenant_id=first.tenant_id, run=other, step=ISSUES, order=1, display_name="Issues")
    vector(other)

    wake(Stage.EMBEDDING, first.integration_id)

    assert [body["run_id"] for body in recording.bodies()] == [first.pk, other.pk]
