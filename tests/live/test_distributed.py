"""A sync by several processes over a real broker ends with the rows of the embedded profile, whatever happens."""

import secrets
from typing import Any

import pytest

from custommapping.models import CustomField, ProjectCustomField
from etl.jobs import discovery, lifecycle
from etl.jobs.wakeups import UNIT_MODELS
from etl.models import (
    DeadLetter,
    EtlJobEvent,
    EtlJobRun,
    ExtractionCheckpoint,
    QdrantVector,
    RawExtractionData,
    WorkerRow,
)
from etl.queue.broker import Outgoing
from etl.queue.messages import ExtractionMessage, JobMessage, Message, TransformMessage, VectorizationMessage
from etl.queue.rabbit import RabbitBroker
from etl.queue.topology import JOBS_QUEUE, Stage, Tier, queue_for
from integrations.sandbox import SandboxServer
from integrations.sandbox.jira.catalog import PROJECTS
from tests.live.conftest import ISSUES, WORKERS, Cluster, Rows
from tests.live.doubling import Doubling
from tests.services.waiting import wait_until
from tests.support.runs import in_hand, kill_in_the_middle, wait_for_run, worker_of
from tests.support.sites import Connected, connect
from tests.support.tables import derived_rows

pytestmark = pytest.mark.slow

EXTRACTION, TRANSFORM, EMBEDDING = WORKERS


@pytest.fixture
def connected(cluster: Cluster, site: SandboxServer) -> Connected:
    """An integration of a tenant of the test's own."""
    return connect(site, tenant=f"Tenant {secrets.token_hex(4)}")


def begin(connected: Connected) -> EtlJobRun:
    """A run, of which the processes hear by the scheduler's sweep."""
    return lifecycle.start(connected.job.pk, trigger="test")


def ended_well(run: EtlJobRun, expected: Rows) -> None:
    """The run finishes, with those rows and a vector for each row that has one."""
    over = wait_for_run(run.pk)
    assert (over.status, over.error_message) == ("FINISHED", "")
    assert derived_rows(run.integration_id) == expected
    vectors = QdrantVector.objects.filter(integration_id=run.integration_id)
    assert set(vectors.values_list("status", flat=True)) == {"completed"}
    assert vectors.filter(table_name="work_items").count() == ISSUES
    assert not DeadLetter.objects.filter(tenant_id=run.tenant_id).exists()


def points(cluster: Cluster, tenant_id: int) -> int:
    """How many points of a tenant the vector server has."""
    return sum(
        (point.payload or {}).get("tenant_id") == tenant_id
        for collection in cluster.vectors.collections.values()
        for point in collection.points.values()
    )


def test_three_processes_make_the_rows_that_one_embedded_process_makes(
    cluster: Cluster, connected: Connected, embedded_rows: Rows
) -> None:
    message = JobMessage(
        job_id=connected.job.pk,
        tenant_id=connected.tenant.pk,
        integration_id=connected.integration.pk,
        job_type="jira_sync",
    )
    broker = RabbitBroker(cluster.rabbitmq_url)
    broker.publish([Outgoing(JOBS_QUEUE, message.encode())])
    broker.close()

    assert wait_until(lambda: lifecycle.open_run(connected.job.pk) is not None, 30)
    run = EtlJobRun.objects.get(job=connected.job)
    ended_well(run, embedded_rows)
    assert points(cluster, connected.tenant.pk) == QdrantVector.objects.filter(tenant=connected.tenant).count()
    assert not EtlJobEvent.objects.filter(run=run, message__contains="taken back").exists()


def test_every_message_delivered_twice_makes_the_same_rows(
    cluster: Cluster, connected: Connected, embedded_rows: Rows
) -> None:
    with Doubling(cluster.rabbitmq_url) as doubling:
        run = begin(connected)
        ended_well(run, embedded_rows)

    assert doubling.copied > 20
    assert points(cluster, connected.tenant.pk) == QdrantVector.objects.filter(tenant=connected.tenant).count()


def test_workers_killed_one_after_another_with_work_in_hand_make_the_same_rows(
    cluster: Cluster, connected: Connected, embedded_rows: Rows
) -> None:
    run = begin(connected)
    for names, stage in ((EXTRACTION, Stage.EXTRACTION), (TRANSFORM, Stage.TRANSFORM), (EMBEDDING, Stage.EMBEDDING)):
        command = cluster.workers[names]
        kill_in_the_middle(command, run.pk, stage, worker=worker_of(command))
        cluster.begin(names)

    ended_well(run, embedded_rows)
    taken_back = EtlJobEvent.objects.filter(run=run, message__contains="taken back from a dead worker")
    assert set(taken_back.values_list("stage", flat=True)) == set(Stage)


def test_a_discovery_is_queued_by_the_scheduler_and_begun_by_a_worker(cluster: Cluster, connected: Connected) -> None:
    run = discovery.request(connected.job, "test")

    over = wait_for_run(run.pk)

    assert (over.status, over.error_message, over.warning) == ("FINISHED", "", "")
    assert CustomField.objects.filter(integration=connected.integration, active=True).count() == 30
    assert ProjectCustomField.objects.filter(integration=connected.integration).count() == len(PROJECTS)
    assert not DeadLetter.objects.filter(tenant=connected.tenant).exists()


def test_the_doctor_finds_the_distributed_profile_well(cluster: Cluster, connected: Connected) -> None:
    # A worker that a test before has killed is found silent at first; the next sweep takes it for dead.
    assert wait_until(lambda: cluster.installation.run("doctor", "--json").answer["healthy"], 90)
    ended = cluster.installation.run("doctor", "--json")

    assert (ended.code, ended.answer["healthy"]) == (0, True), ended.out
    states = {check["name"]: check["state"] for check in ended.answer["checks"]}
    wanted = ("database", "migrations", "secrets", "broker", "topology", "consumers", "vectors", "scheduler")
    assert {states[name] for name in wanted} == {"ok"}, ended.out


def test_a_scheduler_beside_another_ends_with_0_when_it_is_told_to_stop(cluster: Cluster) -> None:
    with cluster.installation.start("run_scheduler") as scheduler:
        scheduler.wait_for("scheduling")
        ended = scheduler.stop()

    assert ended.code == 0, ended.errors
    assert "Traceback" not in ended.errors


def test_a_worker_that_is_told_to_stop_finishes_its_work_and_ends_with_0(
    cluster: Cluster, connected: Connected, embedded_rows: Rows
) -> None:
    run = begin(connected)
    worker = cluster.workers[EMBEDDING]
    assert wait_until(lambda: in_hand(run.pk, Stage.EMBEDDING) > 0, 60)

    ended = worker.stop()

    assert ended.code == 0, ended.errors
    assert "the work in hand is finished first" in ended.out
    assert in_hand(run.pk, Stage.EMBEDDING) == 0
    row = WorkerRow.objects.get(supervisor_pid=worker.pid)
    assert (row.active, row.ended) == (False, "stopped")
    assert row.stopped_at is not None
    cluster.begin(EMBEDDING)
    ended_well(run, embedded_rows)
    assert not EtlJobEvent.objects.filter(run=run, message__contains="taken back").exists()


def wakeups(run: EtlJobRun) -> list[Outgoing]:
    """A message for each unit that a run has."""
    named: dict[str, Any] = {"tenant_id": run.tenant_id, "job_id": run.job_id, "run_id": run.pk}
    source = {**named, "integration_id": run.integration_id, "provider": "jira", "type": "any"}
    found: list[tuple[Stage, Message]] = []
    for pk in ExtractionCheckpoint.objects.filter(run=run).values_list("pk", flat=True):
        found.append((Stage.EXTRACTION, ExtractionMessage(**source, unit_id=pk)))
    for pk in RawExtractionData.objects.filter(run=run).values_list("pk", flat=True):
        found.append((Stage.TRANSFORM, TransformMessage(**source, raw_data_id=pk)))
    for pk in QdrantVector.objects.filter(run=run).values_list("pk", flat=True):
        message = VectorizationMessage(**named, table_name="work_items", operation="insert", unit_ids=(pk,))
        found.append((Stage.EMBEDDING, message))
    return [Outgoing(queue_for(stage, Tier.FREE), message.encode()) for stage, message in found]


def unit_states(run: EtlJobRun) -> list[list[tuple[int, str]]]:
    return [
        list(model.objects.filter(run=run).order_by("pk").values_list("pk", "status"))  # type: ignore[attr-defined]
        for model in UNIT_MODELS.values()
    ]


def test_within_5_seconds_of_a_stop_no_worker_takes_another_unit_whatever_waits_in_the_queues(
    cluster: Cluster, connected: Connected
) -> None:
    run, broker = begin(connected), RabbitBroker(cluster.rabbitmq_url)
    assert wait_until(lambda: QdrantVector.objects.filter(run=run).exists(), 60)
    broker.publish(wakeups(run) * 5)

    lifecycle.stop(connected.job.pk)

    def still() -> bool:
        return not any(state in ("pending", "processing") for units in unit_states(run) for _, state in units)

    assert wait_until(still, 5)
    before = unit_states(run)
    broker.publish(wakeups(run) * 5)
    queues = [queue_for(stage, Tier.FREE) for stage in Stage]
    assert wait_until(lambda: not any(broker.counts(queue).message_count for queue in queues), 60)
    broker.close()
    assert unit_states(run) == before
    assert any(state == "cancelled" for units in before for _, state in units)
    assert not DeadLetter.objects.filter(tenant_id=run.tenant_id).exists()


def test_a_message_that_nobody_can_read_is_a_dead_letter_and_again_when_it_is_sent_back(
    cluster: Cluster, connected: Connected
) -> None:
    broker = RabbitBroker(cluster.rabbitmq_url)
    broker.publish([Outgoing(JOBS_QUEUE, b'{"tenant_id": %d, "job_id": "one"}' % connected.tenant.pk)])
    broker.close()
    letters = DeadLetter.objects.filter(tenant=connected.tenant)
    assert wait_until(letters.exists, 30)
    first = letters.get()
    assert (first.queue, first.cause) == (JOBS_QUEUE, "job_id is *, not a whole number")

    ended = cluster.installation.run("replay_dead", "--tenant", connected.tenant.pk, "--json")

    assert (ended.code, ended.answer) == (0, {"replayed": 1, "refused": {}})
    assert wait_until(letters.filter(state="open").exists, 30)
    assert list(letters.order_by("pk").values_list("state", flat=True)) == ["replayed", "open"]
