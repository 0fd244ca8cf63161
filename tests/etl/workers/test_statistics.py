"""The queues and the workers in a few figures."""

import pytest

from etl.models import WorkerRow
from etl.queue.broker import Outgoing
from etl.queue.memory import MemoryBroker
from etl.queue.topology import FAILED_QUEUE, JOBS_QUEUE, Stage, Tier, queue_for
from etl.workers import statistics

WORK = queue_for(Stage.TRANSFORM, Tier.BASIC)


@pytest.mark.django_db
def test_the_health_sums_the_embedding_queues_and_counts_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = MemoryBroker()
    monkeypatch.setattr("etl.queue._broker", broker)
    embedding = [queue_for(Stage.EMBEDDING, tier) for tier in (Tier.FREE, Tier.PREMIUM, Tier.PREMIUM)]
    broker.publish([Outgoing(name, b"{}") for name in (JOBS_QUEUE, FAILED_QUEUE, FAILED_QUEUE, *embedding, WORK)])
    for ended, beat in (("", None), ("", "2020-01-01T00:00Z"), ("died", None)):
        row = WorkerRow.objects.create(host="h", pid=1, tier="all", ended=ended)
        if beat:
            WorkerRow.objects.filter(pk=row.pk).update(heartbeat_at=beat)

    assert statistics.health() == {
        "job_queue": {"message_count": 1, "consumer_count": 0},
        "vectorization_queue": {"message_count": 3, "consumer_count": 0},
        "dead_letter_queue": {"message_count": 2, "consumer_count": 0},
        "worker_status": {"alive": 1, "silent": 1},
    }
