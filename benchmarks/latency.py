"""How long after a job was queued an idle worker takes it. Prints a JSON object.

The worker is a process of its own, `manage.py run_worker jobs`. A job is queued by its message, as the scheduler does
it; it is taken when the transaction begins that starts its run: both on this machine's clock.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import django

django.setup()

from etl.models import EtlJob, EtlJobRun  # noqa: E402
from etl.queue.broker import Outgoing  # noqa: E402
from etl.queue.messages import JobMessage  # noqa: E402
from etl.queue.rabbit import RabbitBroker  # noqa: E402
from etl.queue.topology import JOBS_QUEUE  # noqa: E402
from integrations.models import Integration  # noqa: E402
from pulse.postgres.scope import platform_scope  # noqa: E402
from pulse.tenancy.models import Tenant  # noqa: E402

LOOK_SECONDS = 0.005
# Between one job and the next: then the worker is idle again.
IDLE_SECONDS = 0.1
PATIENCE_SECONDS = 30
WARMING = 10


def _jobs(count: int) -> list[EtlJob]:
    """A job each of so many integrations: one has one open run at a time."""
    tenant = Tenant.objects.create(name="Acme")
    made = [
        Integration.objects.create(
            tenant=tenant, provider="jira", name=f"Jira {number}", settings={"base_url": "http://127.0.0.1:9"}
        )
        for number in range(count)
    ]
    return [EtlJob.objects.get(integration=integration) for integration in made]


@contextmanager
def _worker(url: str) -> Iterator[None]:
    with subprocess.Popen(
        [sys.executable, "manage.py", "run_worker", "jobs"],
        env=os.environ | {"RABBITMQ_URL": url, "LOG_LEVEL": "ERROR", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert "taking messages" in process.stdout.readline()
        yield
        process.terminate()
        process.stdout.read()


def _taken_at(job: EtlJob) -> datetime:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = EtlJobRun.objects.filter(job=job).values_list("started_at", flat=True).first()
        if found is not None:
            return found
        time.sleep(LOOK_SECONDS)
    raise TimeoutError(f"job {job.pk} was not taken within {PATIENCE_SECONDS} s")


def _milliseconds(broker: RabbitBroker, job: EtlJob) -> float:
    message = JobMessage(
        job_id=job.pk, tenant_id=job.tenant_id, integration_id=job.integration_id, job_type="jira_sync"
    )
    time.sleep(IDLE_SECONDS)
    queued_at = time.time()
    broker.publish([Outgoing(JOBS_QUEUE, message.encode())])
    return (_taken_at(job).timestamp() - queued_at) * 1000


def main(url: str, count: int) -> None:
    broker = RabbitBroker(url)
    with _worker(url):
        taken = sorted([_milliseconds(broker, job) for job in _jobs(WARMING + count)][WARMING:])
    broker.close()
    percentiles = statistics.quantiles(taken, n=100, method="inclusive")
    figures = {"jobs": count, "p50_ms": percentiles[49], "p99_ms": percentiles[98], "most_ms": taken[-1]}
    print(json.dumps({name: round(figure, 1) for name, figure in figures.items()}))


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    with platform_scope():
        main(asked["url"], asked["jobs"])
