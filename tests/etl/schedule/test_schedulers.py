"""Several schedulers, each a process of its own, over one database: each due job is queued once."""

import json
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from etl.models import EtlJob, EtlJobRun, Overall
from etl.sql import execute
from tests.services.waiting import wait_until
from tests.support.installations import Installation, installation
from tests.support.making import an_integration, job_of
from tests.support.processes import Running

pytestmark = pytest.mark.slow
JOBS, PROCESSES = 30, 3
GATE = 4711
# A scheduler whose broker prints which jobs it was given; it begins once the gate is open.
SCHEDULER = f"""
import django, json, time
django.setup()
import etl.queue
from etl.schedule.schedule import queue_due_jobs
from etl.queue.memory import MemoryBroker
from etl.sql import fetch
from pulse.postgres.scope import platform_scope

class Printing(MemoryBroker):
    delivers_here = True

    def publish(self, messages):
        for message in messages:
            print("queued", json.loads(message.body)["job_id"], flush=True)

etl.queue._broker = Printing()
print("waits", flush=True)
with platform_scope():
    fetch("SELECT pg_advisory_lock_shared({GATE})", [])
    for _ in range(600):
        queue_due_jobs()
        time.sleep(0.1)
"""


@pytest.fixture(scope="module")
def pulse(django_db_blocker: DjangoDbBlocker) -> Iterator[Installation]:
    with installation(django_db_blocker) as made, made.entered(django_db_blocker):
        yield made


@contextmanager
def schedulers(pulse: Installation) -> Iterator[list[Running]]:
    """That all wait before a gate, which is opened by the end of this process's lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [GATE])
    started = [pulse.start_python("-c", SCHEDULER) for _ in range(PROCESSES)]
    for process in started:
        process.wait_for("waits")
    execute("SELECT pg_advisory_unlock(%s)", [GATE])
    try:
        yield started
    finally:
        for process in started:
            process.close()


def queued(processes: list[Running]) -> Counter[int]:
    """How often each job was queued."""
    lines = [line for process in processes for line in process.out.splitlines()]
    return Counter(json.loads(line.removeprefix("queued ")) for line in lines if line.startswith("queued "))


def due_jobs(count: int) -> list[int]:
    """Jobs of as many tenants whose turn came an hour ago."""
    made = [job_of(an_integration("Jira", tenant=f"Tenant {number}")) for number in range(count)]
    ended = timezone.now() - timedelta(hours=2)
    for job in made:
        run = EtlJobRun.objects.create(
            tenant_id=job.tenant_id, job=job, integration_id=job.integration_id, trigger="schedule", finished_at=ended
        )
        EtlJobRun.objects.filter(pk=run.pk).update(status=Overall.FINISHED, started_at=ended)
        EtlJob.objects.filter(pk=job.pk).update(status={"overall": "FINISHED"})
    return [job.pk for job in made]


def test_each_due_job_is_queued_once_also_where_one_of_them_is_killed(pulse: Installation) -> None:
    jobs = due_jobs(JOBS)

    with schedulers(pulse) as processes:
        assert wait_until(lambda: len(queued(processes)) > 0, 60)
        processes[0].send(signal.SIGKILL)
        ready = EtlJob.objects.filter(pk__in=jobs, status__overall="READY")
        assert wait_until(lambda: ready.count() == JOBS, 60), processes[1].errors
        # One that the killed one made READY and told nobody of is queued again, later.
        assert wait_until(lambda: len(queued(processes)) >= JOBS - 1, 60)
        found = queued(processes)

    assert set(found) <= set(jobs)
    assert set(found.values()) == {1}
