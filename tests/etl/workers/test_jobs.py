"""The workers that start jobs and keep dead letters."""

from datetime import timedelta

import orjson
import pytest
from django.db import connection
from django.utils import timezone

from etl.jobs import lifecycle
from etl.models import DeadLetter, EtlJob, EtlJobRun
from etl.queue.broker import EXPIRED, Dead, Delivery, Done, Handler, Outcome, Outgoing
from etl.queue.memory import MemoryBroker
from etl.queue.topology import FAILED_QUEUE, JOBS_QUEUE, Stage, Tier, queue_for
from etl.workers.base import get_worker
from etl.workers.pool import known_workers
from pulse.tenancy.models import Tenant
from tests.services.waiting import wait_until
from tests.support.making import ISSUES, an_integration, asking_for, job_of

pytestmark = pytest.mark.django_db


def a_job() -> EtlJob:
    return job_of(an_integration())


def deliver(job: EtlJob, **changes: object) -> Outcome:
    return get_worker("jobs")(Delivery(JOBS_QUEUE, asking_for(job, "jira_sync", **changes)))


def bury(body: bytes, error: str = "Jira: 403", origin: str = "transform_queue_free", attempt: int = 3) -> Outcome:
    return get_worker("dead_letters")(Delivery(FAILED_QUEUE, body, attempt=attempt, error=error, origin=origin))


def test_the_workers_are_known_by_name() -> None:
    assert {"jobs", "dead_letters", "extraction", "transform", "embedding"} <= set(known_workers())
    with pytest.raises(LookupError, match=r"worker 'loading' is unknown; known are: .*extraction"):
        get_worker("loading")


def test_a_message_starts_a_run() -> None:
    job = a_job()

    assert deliver(job) == Done()

    run = EtlJobRun.objects.get(job=job)
    assert (run.status, run.trigger, run.config) == ("RUNNING", "queue", {})


def test_a_message_says_how_the_job_is_to_run() -> None:
    job = a_job()

    deliver(job, config={"full_sync": True, "batch_size": 20})

    assert EtlJobRun.objects.get(job=job).config == {"full_sync": True, "batch_size": 20}


def test_a_message_may_restrict_the_run() -> None:
    job = a_job()

    deliver(
        job, config={"steps": [ISSUES], "projects": ["AB"], "updated_from": "2025-01-01", "updated_to": "2025-01-01"}
    )

    assert EtlJobRun.objects.get(job=job).config == {
        "steps": [ISSUES],
        "projects": ["AB"],
        "updated_from": "2025-01-01T00:00:00+00:00",
        "updated_to": "2025-01-02T00:00:00+00:00",
    }


def test_a_message_that_asks_for_what_there_is_not_is_a_dead_letter_that_says_so() -> None:
    outcome = deliver(a_job(), config={"steps": ["jira_everything"]})

    assert isinstance(outcome, Dead)
    assert "steps has 'jira_everything', unknown to jira; known are: jira_projects" in outcome.reason
    assert not EtlJobRun.objects.exists()


def test_a_message_outweighs_the_settings_of_the_job_and_these_what_is_usual() -> None:
    job = a_job()
    EtlJob.objects.update(settings={"config": {"batch_size": 7, "full_sync": True}})

    deliver(job, config={"batch_size": 20})

    assert EtlJobRun.objects.get(job=job).config == {"batch_size": 20, "full_sync": True}


def test_a_message_delivered_twice_starts_one_run() -> None:
    job, at = a_job(), timezone.now().isoformat()

    assert [deliver(job, scheduled_at=at), deliver(job, scheduled_at=at)] == [Done(), Done()]

    assert EtlJobRun.objects.count() == 1


def test_a_message_that_comes_after_its_run_has_ended_starts_nothing() -> None:
    job, at = a_job(), timezone.now().isoformat()
    deliver(job, scheduled_at=at)
    lifecycle.reset(job.pk)

    assert deliver(job, scheduled_at=at) == Done()

    assert EtlJobRun.objects.count() == 1


def test_a_message_that_is_older_than_the_last_start_starts_nothing() -> None:
    job = a_job()
    lifecycle.start(job.pk, trigger="test")
    lifecycle.reset(job.pk)

    assert deliver(job, scheduled_at=(timezone.now() - timedelta(minutes=5)).isoformat()) == Done()

    assert EtlJobRun.objects.count() == 1


def test_a_message_without_a_time_starts_a_run() -> None:
    job = a_job()
    lifecycle.start(job.pk, trigger="test")
    lifecycle.reset(job.pk)

    assert deliver(job, scheduled_at=None) == Done()

    assert EtlJobRun.objects.count() == 2


def test_a_job_that_runs_already_is_left_alone() -> None:
    job = a_job()
    lifecycle.start(job.pk, trigger="test")

    assert deliver(job) == Done()

    assert EtlJobRun.objects.count() == 1


def test_a_message_of_another_tenant_is_a_dead_letter() -> None:
    job, stranger = a_job(), Tenant.objects.create(name="Stranger")

    outcome = deliver(job, tenant_id=stranger.pk)

    assert outcome == Dead(f"job_id {job.pk} is not a job of tenant_id {stranger.pk}")
    assert not EtlJobRun.objects.exists()


def test_a_message_about_a_job_that_does_not_exist_is_a_dead_letter() -> None:
    assert isinstance(deliver(a_job(), job_id=10**9), Dead)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"job_id": "one"}', b"\xff"])
def test_a_message_that_cannot_be_read_is_a_dead_letter(body: bytes) -> None:
    assert isinstance(get_worker("jobs")(Delivery(JOBS_QUEUE, body)), Dead)


def test_a_dead_letter_is_kept_with_its_tenant_queue_and_error() -> None:
    tenant = Tenant.objects.create(name="Acme")
    body = orjson.dumps({"tenant_id": tenant.pk, "raw_data_id": 7})

    assert bury(body) == Done()

    letter = DeadLetter.objects.get()
    assert (letter.tenant, letter.queue, letter.error) == (tenant, "transform_queue_free", "Jira: 403")
    assert (letter.body, letter.attempt, letter.state) == (body.decode(), 3, DeadLetter.State.OPEN)


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b"not JSON", "not JSON"),
        (b'{"tenant_id": 999999999}', '{"tenant_id": 999999999}'),
        (b'{"tenant_id": "one"}', '{"tenant_id": "one"}'),
        (b"\xff\x00", "\ufffd\ufffd"),
    ],
)
def test_a_dead_letter_that_names_no_tenant_is_kept_all_the_same(body: bytes, kept: str) -> None:
    assert bury(body, error="bad\0") == Done()

    letter = DeadLetter.objects.get()
    assert (letter.tenant, letter.body, letter.error) == (None, kept, "bad\ufffd")


def test_what_merely_expired_is_dropped() -> None:
    assert bury(b"{}", error=EXPIRED) == Done()

    assert not DeadLetter.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_message_that_nobody_can_read_ends_as_a_dead_letter_in_the_table() -> None:
    broker, queue = MemoryBroker(), queue_for(Stage.TRANSFORM, Tier.PREMIUM)
    try:
        for name in ("transform", "dead_letters"):
            worker = get_worker(name)
            broker.consume(worker.queues(tuple(Tier)), _closing(worker), threads=1, prefetch=1)
        broker.publish([Outgoing(queue, b'{"tenant_id": "one"}')])

        assert wait_until(DeadLetter.objects.exists)
    finally:
        broker.close()
    letter = DeadLetter.objects.get()
    assert (letter.queue, letter.body) == (queue, '{"tenant_id": "one"}')
    assert letter.error == "tenant_id is 'one', not a whole number"


def _closing(handler: Handler) -> Handler:
    """The handler, with its thread's connection closed after each message: the test's database must be free."""

    def handle(delivery: Delivery) -> Outcome:
        try:
            return handler(delivery)
        finally:
            connection.close()

    return handle
