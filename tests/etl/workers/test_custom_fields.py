"""The worker that begins discoveries: what a message asks for, and what it must not."""

from datetime import timedelta

import pytest
from django.utils import timezone

from etl.jobs import discovery
from etl.models import EtlJob, EtlJobRun, Overall, RunKind
from etl.queue.broker import Dead, Delivery, Done, Outcome
from etl.queue.topology import CUSTOM_FIELDS_QUEUE
from etl.workers.jobs import CustomFieldsWorker
from integrations.models import Integration
from tests.support.brokers import RecordingBroker
from tests.support.making import a_run, an_integration, asking_for, job_of
from tests.support.scripted import Scripted

pytestmark = pytest.mark.django_db


def deliver_body(body: bytes) -> Outcome:
    return CustomFieldsWorker()(Delivery(CUSTOM_FIELDS_QUEUE, body))


def deliver(job: EtlJob, **changes: object) -> Outcome:
    return deliver_body(asking_for(job, "jira_custom_fields", **changes))


def a_job() -> EtlJob:
    return job_of(an_integration())


def test_the_message_of_a_request_begins_its_run_and_a_doubled_one_does_nothing(recording: RecordingBroker) -> None:
    run = discovery.request(a_job(), "test")
    (message,) = recording.published

    assert [deliver_body(message.body), deliver_body(message.body)] == [Done(), Done()]

    run.refresh_from_db()
    assert (run.status, EtlJobRun.objects.count()) == (Overall.RUNNING, 1)


def test_a_message_that_comes_after_its_run_has_ended_begins_nothing(recording: RecordingBroker) -> None:
    run = discovery.request(a_job(), "test")
    EtlJobRun.objects.update(status=Overall.FINISHED)

    assert deliver(run.job, run_id=run.pk) == Done()

    assert EtlJobRun.objects.get().status == Overall.FINISHED


def test_a_message_that_names_no_run_requests_one_and_begins_it(recording: RecordingBroker) -> None:
    job = a_job()

    assert deliver(job) == Done()

    run = EtlJobRun.objects.get()
    assert (run.kind, run.status, run.trigger) == (RunKind.DISCOVERY, Overall.RUNNING, "queue")


@pytest.mark.parametrize("status", [Overall.RUNNING, Overall.FINISHED])
def test_such_a_message_that_is_doubled_or_late_requests_nothing(recording: RecordingBroker, status: Overall) -> None:
    job, sent = a_job(), (timezone.now() - timedelta(minutes=1)).isoformat()
    deliver(job, scheduled_at=sent)
    EtlJobRun.objects.update(status=status)

    assert deliver(job, scheduled_at=sent) == Done()

    assert EtlJobRun.objects.get().status == status


def test_such_a_message_without_a_time_requests_a_run(recording: RecordingBroker) -> None:
    job = a_job()
    deliver(job)
    EtlJobRun.objects.update(status=Overall.FINISHED)

    deliver(job, scheduled_at=None)

    assert EtlJobRun.objects.filter(status=Overall.RUNNING).count() == 1


def test_a_run_that_cannot_be_seen_yet_is_left_to_the_scheduler(recording: RecordingBroker) -> None:
    assert deliver(a_job(), run_id=10**9) == Done()

    assert not EtlJobRun.objects.exists()


@pytest.mark.parametrize("other", ["job", "kind"])
def test_a_run_of_another_job_or_kind_is_a_dead_letter(recording: RecordingBroker, other: str) -> None:
    job = a_job()
    stranger = an_integration("Other", tenant="Stranger")
    run = discovery.request(job_of(stranger), "test") if other == "job" else a_run(job.integration)

    outcome = deliver(job, run_id=run.pk)

    assert outcome == Dead(f"run_id {run.pk} is not a discovery of job_id {job.pk}")
    assert EtlJobRun.objects.get().status == run.status


def test_a_message_of_another_tenant_is_a_dead_letter(recording: RecordingBroker) -> None:
    job = a_job()

    assert deliver(job, tenant_id=job.tenant_id + 1) == Dead(
        f"job_id {job.pk} is not a job of tenant_id {job.tenant_id + 1}"
    )


def test_what_cannot_be_discovered_is_a_dead_letter_that_says_why(recording: RecordingBroker) -> None:
    job = a_job()
    Integration.objects.update(active=False)

    assert deliver(job) == Dead(f"integration Jira of job {job.pk} is inactive")


def test_a_provider_without_custom_fields_is_a_dead_letter(scripted: Scripted, recording: RecordingBroker) -> None:
    outcome = deliver(scripted.job)

    assert isinstance(outcome, Dead)
    assert "has no custom fields: scripted knows none" in outcome.reason


@pytest.mark.parametrize("body", [b"", b"{}", b'{"tenant_id": 1, "job_id": 1, "type": "jira_custom_fields"}'])
def test_a_message_that_cannot_be_read_is_a_dead_letter(body: bytes) -> None:
    assert isinstance(deliver_body(body), Dead)
