"""Requesting, queueing and beginning discoveries: one open run a job, each told to a worker until one begins it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from custommapping.models import CustomField
from etl.jobs import discovery, lifecycle
from etl.jobs.discovery import QUEUED_FOR
from etl.jobs.lifecycle import IllegalTransition
from etl.models import EtlJob, EtlJobEvent, EtlJobRun, EtlJobRunStep, ExtractionCheckpoint, Overall, RunKind
from integrations.models import Integration
from pulse.tenancy.models import Tenant
from tests.support.brokers import RecordingBroker
from tests.support.driving import worked_off
from tests.support.making import PROJECTS, a_run, an_integration, job_of
from tests.support.scripted import Scripted
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db
FIELDS = "jira_custom_fields"


def a_job() -> EtlJob:
    return job_of(an_integration())


def requested(job: EtlJob | None = None) -> EtlJobRun:
    return discovery.request(job or a_job(), "test")


def wait_long(run: EtlJobRun) -> None:
    """As if the run had been queued so long ago that its message must be lost."""
    EtlJobRun.objects.filter(pk=run.pk).update(queued_at=timezone.now() - QUEUED_FOR - timedelta(seconds=1))


def test_a_request_makes_a_run_that_waits_and_tells_a_worker_of_it(recording: RecordingBroker) -> None:
    job = a_job()

    run = requested(job)

    assert (run.kind, run.status, run.trigger) == (RunKind.DISCOVERY, Overall.READY, "test")
    assert run.started_at <= timezone.now()
    assert run.queued_at is not None
    steps = EtlJobRunStep.objects.filter(run=run).order_by("order").values_list("step", "planned_at")
    assert list(steps) == [(PROJECTS, None), (FIELDS, None)]
    (message,), (body,) = recording.published, recording.bodies()
    assert message.queue == "etl.custom_fields"
    assert (body["run_id"], body["job_id"], body["job_type"]) == (run.pk, job.pk, FIELDS)
    assert EtlJob.objects.get(pk=job.pk).overall == Overall.NOT_STARTED


@pytest.mark.parametrize("state", [Overall.READY, Overall.RUNNING, Overall.PAUSED])
def test_a_request_while_one_is_open_gives_that_one_and_doubles_nothing(
    recording: RecordingBroker, state: Overall
) -> None:
    job = a_job()
    first = requested(job)
    EtlJobRun.objects.filter(pk=first.pk).update(status=state)

    assert requested(job).pk == first.pk

    assert (EtlJobRun.objects.count(), len(recording.published)) == (1, 1)


def test_a_request_after_the_last_one_ended_makes_another_run(recording: RecordingBroker) -> None:
    job = a_job()
    EtlJobRun.objects.filter(pk=requested(job).pk).update(status=Overall.FINISHED)

    requested(job)

    assert (EtlJobRun.objects.count(), len(recording.published)) == (2, 2)


@pytest.mark.django_db(transaction=True)
def test_of_two_requests_at_once_both_get_the_same_run(recording: RecordingBroker) -> None:
    job = a_job()

    first, second = at_once(lambda: requested(job).pk, lambda: requested(job).pk)

    assert (first, EtlJobRun.objects.count(), len(recording.published)) == (second, 1, 1)


def test_an_inactive_integration_is_refused_also_where_a_run_waits(recording: RecordingBroker) -> None:
    job = a_job()
    requested(job)
    Integration.objects.update(active=False)

    with pytest.raises(IllegalTransition, match=r"integration Jira of job \d+ is inactive"):
        requested(job)


def test_a_provider_without_custom_fields_is_refused(scripted: Scripted) -> None:
    with pytest.raises(IllegalTransition, match="has no custom fields: scripted knows none"):
        requested(scripted.job)


def test_beginning_plans_the_first_step_and_wakes_its_worker_once(recording: RecordingBroker) -> None:
    run = requested()
    recording.published.clear()

    assert [discovery.begin(run.pk), discovery.begin(run.pk)] == [True, False]

    run.refresh_from_db()
    assert run.status == Overall.RUNNING
    assert ExtractionCheckpoint.objects.get(run=run).step == PROJECTS
    assert [body["type"] for body in recording.bodies()] == [PROJECTS]
    messages = EtlJobEvent.objects.filter(run=run, step="").order_by("pk").values_list("message", flat=True)
    assert list(messages) == ["discovery requested by test", "discovery begun"]


@pytest.mark.parametrize("begun", [False, True])
def test_a_discovery_that_is_stopped_goes_no_further_and_another_can_be_requested(
    recording: RecordingBroker, begun: bool
) -> None:
    job = a_job()
    run = requested(job)
    if begun:
        discovery.begin(run.pk)

    lifecycle.stop_run(run.pk)

    run.refresh_from_db()
    assert (run.status, run.finished_at is not None) == (Overall.STOPPED, True)
    assert (discovery.begin(run.pk), discovery.queue_waiting()) == (False, 0)
    assert not ExtractionCheckpoint.objects.exclude(status="cancelled").exists()
    assert EtlJob.objects.get(pk=job.pk).overall == Overall.NOT_STARTED
    assert requested(job).pk != run.pk


def test_only_discoveries_are_begun(recording: RecordingBroker) -> None:
    run = a_run()
    EtlJobRun.objects.update(status=Overall.READY)

    assert not discovery.begin(run.pk)


def test_what_became_inactive_is_neither_begun_nor_queued_until_it_is_active_again(recording: RecordingBroker) -> None:
    run = requested()
    wait_long(run)
    Integration.objects.update(active=False)
    assert (discovery.begin(run.pk), discovery.queue_waiting()) == (False, 0)

    Integration.objects.update(active=True)

    assert (discovery.queue_waiting(), discovery.begin(run.pk)) == (1, True)


def test_a_run_whose_message_is_lost_is_queued_again_and_not_before(recording: RecordingBroker) -> None:
    run = requested()
    assert discovery.queue_waiting() == 0

    wait_long(run)

    assert (discovery.queue_waiting(), discovery.queue_waiting()) == (1, 0)
    assert [body["run_id"] for body in recording.bodies()] == [run.pk, run.pk]


@pytest.mark.django_db(transaction=True)
def test_of_two_schedulers_one_queues_a_run(recording: RecordingBroker) -> None:
    wait_long(requested())
    recording.published.clear()

    assert sorted(at_once(discovery.queue_waiting, discovery.queue_waiting)) == [0, 1]
    assert len(recording.published) == 1


def test_a_run_whose_message_is_refused_or_that_nobody_would_get_is_queued_by_the_next_look(
    recording: RecordingBroker,
) -> None:
    recording.refuses = True
    run = requested()
    recording.refuses, recording.delivers = False, False
    assert (discovery.queue_waiting(), run.status) == (0, Overall.READY)

    recording.delivers = True

    assert discovery.queue_waiting() == 1


def test_a_process_that_knows_that_all_others_are_gone_queues_again(recording: RecordingBroker) -> None:
    requested()

    assert (discovery.forget_messages(), discovery.queue_waiting()) == (1, 1)


def test_runs_that_go_on_or_are_over_are_not_queued(recording: RecordingBroker) -> None:
    run = requested()
    discovery.begin(run.pk)
    wait_long(run)

    assert (discovery.queue_waiting(), discovery.forget_messages()) == (0, 0)


@pytest.mark.parametrize("inactive", [Integration, Tenant])
def test_inactive_ones_are_not_queued(recording: RecordingBroker, inactive: type[Integration] | type[Tenant]) -> None:
    wait_long(requested())
    inactive._default_manager.update(active=False)

    assert discovery.queue_waiting() == 0


def test_a_sync_of_a_provider_without_custom_fields_has_no_such_step(scripted: Scripted) -> None:
    scripted.project("1", 1)

    run = worked_off(lifecycle.start(scripted.job.pk, trigger="test", config={"include_custom_fields": True}))

    assert (run.status, CustomField.objects.count()) == (Overall.FINISHED, 0)


def test_custom_fields_join_the_steps_that_a_sync_is_restricted_to(recording: RecordingBroker) -> None:
    config = {"steps": [PROJECTS], "include_custom_fields": True}

    run = lifecycle.start(a_job().pk, trigger="test", config=config)

    assert list(EtlJobRunStep.objects.filter(run=run).values_list("step", flat=True)) == [PROJECTS, FIELDS]
